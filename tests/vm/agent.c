/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lab's hand inside a guest.
 *
 * It runs as root and talks to the test program on the host over a virtio-serial port, one JSON
 * object a line. Commands are shell text; any number of them run at the same time, each in a
 * session of its own, and what they print travels back line by line as it is printed.
 *
 *      host → guest   {"id":1,"cmd":"ls /","uid":1000}     start (uid: optional, else root)
 *                     {"id":1,"in":"text"}                 write to its standard input
 *                     {"id":1,"eof":true}                  close its standard input
 *                     {"id":1,"kill":9}                    signal its process group
 *      guest → host   {"hello":"7.2.13"}                   once: ready, on this kernel release
 *                     {"id":1,"pid":423}                   started
 *                     {"id":1,"out":"line"}                a line of standard output ("err": of
 * error)
 *                     {"id":1,"exit":0}                    it ended (128 + signal if by a signal)
 *
 * "exit" is sent when the command itself is gone, after all it wrote before. A process that it
 * left behind may still print: those lines follow.
 */

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <json-c/json.h>
#include <linux/netlink.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#define PORT_NAME "org.isolationd.lab"
#define LINE_BYTES_MAX (64U * 1024U)

typedef struct Agent Agent;
typedef struct Command Command;

struct Command {
        LIST_ENTRY(Command) link;
        Agent *agent;
        int64_t id;
        pid_t pid; /* 0 once it has been reaped */
        struct bufferevent *in;
        struct bufferevent *out; /* NULL once at its end, as err */
        struct bufferevent *err;
};

struct Agent {
        struct event_base *base;
        struct bufferevent *port;
        LIST_HEAD(, Command) commands;
};

static void agent_send(Agent *agent, struct json_object *message)
{
        struct evbuffer *output = bufferevent_get_output(agent->port);
        const char *text;
        size_t length;

        text = json_object_to_json_string_length(message, JSON_C_TO_STRING_PLAIN, &length);
        if (evbuffer_add(output, text, length) < 0 || evbuffer_add(output, "\n", 1) < 0)
                errx(1, "out of memory");
        json_object_put(message);
}

static void command_send(Command *command, const char *key, struct json_object *value)
{
        struct json_object *message = json_object_new_object();

        json_object_object_add(message, "id", json_object_new_int64(command->id));
        json_object_object_add(message, key, value);
        agent_send(command->agent, message);
}

static void command_free_if_done(Command *command)
{
        if (command->pid != 0 || command->out || command->err)
                return;
        LIST_REMOVE(command, link);
        if (command->in)
                bufferevent_free(command->in);
        free(command);
}

/* Send the whole lines that have arrived; with `all`, what is left without a newline too. */
static void command_send_lines(Command *command, struct bufferevent *pipe, bool all)
{
        const char *key = pipe == command->out ? "out" : "err";
        struct evbuffer *input = bufferevent_get_input(pipe);
        size_t length;

        for (;;) {
                char *line = evbuffer_readln(input, &length, EVBUFFER_EOL_LF);

                if (!line && (length = evbuffer_get_length(input)) > 0 &&
                    (all || length > LINE_BYTES_MAX)) {
                        line = malloc(length);
                        if (!line || evbuffer_remove(input, line, length) < 0)
                                errx(1, "out of memory");
                }
                if (!line)
                        return;
                command_send(command, key, json_object_new_string_len(line, (int)length));
                free(line);
        }
}

static void command_on_readable(struct bufferevent *pipe, void *userdata)
{
        command_send_lines(userdata, pipe, false);
}

static void command_on_end(struct bufferevent *pipe, short what, void *userdata)
{
        Command *command = userdata;

        (void)what;
        command_send_lines(command, pipe, true);
        if (pipe == command->out)
                command->out = NULL;
        else
                command->err = NULL;
        bufferevent_free(pipe);
        command_free_if_done(command);
}

/* Its reader went away: the rest of what the host writes has nowhere to go. */
static void command_on_input_end(struct bufferevent *pipe, short what, void *userdata)
{
        Command *command = userdata;

        (void)what;
        command->in = NULL;
        bufferevent_free(pipe);
}

static void command_on_input_written(struct bufferevent *pipe, void *userdata)
{
        command_on_input_end(pipe, 0, userdata);
}

/* Take what a command wrote before it ended out of the pipe: its exit must be told after it. */
static void command_drain(Command *command, struct bufferevent *pipe)
{
        struct evbuffer *input;

        if (!pipe)
                return;
        input = bufferevent_get_input(pipe);
        /* libevent freezes the tail of a bufferevent's input against everybody but itself. */
        evbuffer_unfreeze(input, 0);
        while (evbuffer_read(input, bufferevent_getfd(pipe), 65536) > 0)
                ;
        evbuffer_freeze(input, 0);
        command_send_lines(command, pipe, true);
}

static void agent_on_child(evutil_socket_t number, short what, void *userdata)
{
        Agent *agent = userdata;
        Command *command, *next;
        int status;

        (void)number;
        (void)what;
        for (command = LIST_FIRST(&agent->commands); command; command = next) {
                next = LIST_NEXT(command, link);
                if (command->pid == 0 || waitpid(command->pid, &status, WNOHANG) != command->pid)
                        continue;
                command->pid = 0;
                command_drain(command, command->out);
                command_drain(command, command->err);
                command_send(command, "exit",
                             json_object_new_int(WIFEXITED(status) ? WEXITSTATUS(status)
                                                                   : 128 + WTERMSIG(status)));
                command_free_if_done(command);
        }
}

/* In the child: become the user and the shell. Never returns. */
static void child_exec(const char *text, uid_t uid, const int fds[3])
{
        const struct passwd *user = getpwuid(uid);
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        for (int fd = 0; fd < 3; fd++)
                if (dup2(fds[fd], fd) < 0)
                        _exit(126);
        if (!user || setsid() < 0 || initgroups(user->pw_name, user->pw_gid) < 0 ||
            setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
            setresuid(uid, uid, uid) < 0 || chdir(user->pw_dir) < 0) {
                fprintf(stderr, "agent: cannot become uid %u: %s\n", uid, strerror(errno));
                _exit(126);
        }
        setenv("HOME", user->pw_dir, 1);
        setenv("USER", user->pw_name, 1);
        setenv("LOGNAME", user->pw_name, 1);
        execl("/bin/sh", "sh", "-c", text, NULL);
        _exit(127);
}

static struct bufferevent *command_add_pipe(Command *command, int fd, bufferevent_data_cb readable,
                                            bufferevent_data_cb written, bufferevent_event_cb end,
                                            short events)
{
        struct bufferevent *pipe;

        if (evutil_make_socket_nonblocking(fd) < 0)
                err(1, "fcntl");
        pipe = bufferevent_socket_new(command->agent->base, fd, BEV_OPT_CLOSE_ON_FREE);
        if (!pipe)
                errx(1, "out of memory");
        bufferevent_setcb(pipe, readable, written, end, command);
        if (bufferevent_enable(pipe, events) < 0)
                errx(1, "cannot watch a pipe");
        return pipe;
}

static void agent_start_command(Agent *agent, int64_t id, const char *text, uid_t uid)
{
        int in[2], out[2], errors[2];
        Command *command;

        command = calloc(1, sizeof(*command));
        if (!command)
                errx(1, "out of memory");
        command->agent = agent;
        command->id = id;
        if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0)
                err(1, "pipe2");
        command->pid = fork();
        if (command->pid < 0)
                err(1, "fork");
        if (command->pid == 0)
                child_exec(text, uid, (const int[3]){in[0], out[1], errors[1]});
        close(in[0]);
        close(out[1]);
        close(errors[1]);
        command->in = command_add_pipe(command, in[1], NULL, NULL, command_on_input_end, EV_WRITE);
        command->out = command_add_pipe(command, out[0], command_on_readable, NULL, command_on_end,
                                        EV_READ);
        command->err = command_add_pipe(command, errors[0], command_on_readable, NULL,
                                        command_on_end, EV_READ);
        LIST_INSERT_HEAD(&agent->commands, command, link);
        command_send(command, "pid", json_object_new_int(command->pid));
}

static Command *agent_find_command(Agent *agent, int64_t id)
{
        Command *command;

        LIST_FOREACH(command, &agent->commands, link)
        if (command->id == id)
                return command;
        return NULL;
}

/* A message for a command that has just ended is no error: the two crossed on the way. */
static void agent_dispatch(Agent *agent, struct json_object *message)
{
        struct json_object *id, *value;
        Command *command;

        if (!json_object_object_get_ex(message, "id", &id))
                errx(1, "a message without an id");
        command = agent_find_command(agent, json_object_get_int64(id));
        if (json_object_object_get_ex(message, "cmd", &value)) {
                struct json_object *uid = NULL;

                json_object_object_get_ex(message, "uid", &uid);
                agent_start_command(agent, json_object_get_int64(id), json_object_get_string(value),
                                    (uid_t)json_object_get_int64(uid));
        } else if (!command) {
                return;
        } else if (json_object_object_get_ex(message, "kill", &value)) {
                if (command->pid > 0 && kill(-command->pid, json_object_get_int(value)) < 0)
                        warn("kill");
        } else if (command->in && json_object_object_get_ex(message, "in", &value)) {
                bufferevent_write(command->in, json_object_get_string(value),
                                  (size_t)json_object_get_string_len(value));
        } else if (command->in && json_object_object_get_ex(message, "eof", &value)) {
                if (evbuffer_get_length(bufferevent_get_output(command->in)) == 0)
                        command_on_input_end(command->in, 0, command);
                else
                        bufferevent_setcb(command->in, NULL, command_on_input_written,
                                          command_on_input_end, command);
        }
}

static void agent_on_message(struct bufferevent *port, void *userdata)
{
        for (;;) {
                size_t length;
                char *line = evbuffer_readln(bufferevent_get_input(port), &length, EVBUFFER_EOL_LF);
                struct json_object *message;

                if (!line)
                        return;
                message = json_tokener_parse(line);
                if (!message)
                        errx(1, "not JSON: %s", line);
                agent_dispatch(userdata, message);
                json_object_put(message);
                free(line);
        }
}

static void agent_on_port_end(struct bufferevent *port, short what, void *userdata)
{
        (void)port;
        (void)userdata;
        errx(1, "the port to the host ended (%#x)", (unsigned)what);
}

/* The device node is found by the port's name: its number depends on the machine. */
static int find_port(void)
{
        DIR *ports = opendir("/sys/class/virtio-ports");
        const struct dirent *entry;
        int found = -1;

        if (!ports)
                err(1, "/sys/class/virtio-ports");
        while (found < 0 && (entry = readdir(ports))) {
                char path[512], name[64] = "";
                FILE *file;

                snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
                file = fopen(path, "re");
                if (!file)
                        continue;
                if (fgets(name, sizeof(name), file) && !strcmp(name, PORT_NAME "\n")) {
                        snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
                        found = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
                }
                fclose(file);
        }
        closedir(ports);
        return found;
}

/* The host tells a port's name a moment after the port came; the kernel then says so. */
static int open_port(void)
{
        struct sockaddr_nl kernel = {.nl_family = AF_NETLINK, .nl_groups = 1};
        int uevents = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
        char event[8192];
        int found;

        if (uevents < 0 || bind(uevents, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
                err(1, "uevents");
        while ((found = find_port()) < 0)
                if (recv(uevents, event, sizeof(event), 0) < 0 && errno != EINTR &&
                    errno != ENOBUFS)
                        err(1, "awaiting the virtio-serial port " PORT_NAME);
        close(uevents);
        return found;
}

int main(void)
{
        Agent agent = {.commands = LIST_HEAD_INITIALIZER(agent.commands)};
        struct json_object *hello = json_object_new_object();
        struct event *child;
        struct utsname kernel;

        signal(SIGPIPE, SIG_IGN);
        setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
        agent.base = event_base_new();
        if (!agent.base || uname(&kernel) < 0)
                errx(1, "cannot start");
        child = evsignal_new(agent.base, SIGCHLD, agent_on_child, &agent);
        agent.port = bufferevent_socket_new(agent.base, open_port(), BEV_OPT_CLOSE_ON_FREE);
        if (!child || !agent.port || event_add(child, NULL) < 0)
                errx(1, "out of memory");
        bufferevent_setcb(agent.port, agent_on_message, NULL, agent_on_port_end, &agent);
        if (bufferevent_enable(agent.port, EV_READ | EV_WRITE) < 0)
                errx(1, "cannot watch the port");
        json_object_object_add(hello, "hello", json_object_new_string(kernel.release));
        agent_send(&agent, hello);
        event_base_dispatch(agent.base);
        return 1;
}
