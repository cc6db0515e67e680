/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The delay between the kernel's event for a new function and a change of it; runs in the guest.
 *
 *      override-race override ADDRESS TIMES    waits until its driver_override is set
 *      override-race driver ADDRESS TIMES      waits until it has a driver
 *      override-race loop ADDRESS              sets the override at each event of that address
 *
 * The first two print a line "listening", and then one line for each time: microseconds since the
 * receipt of the event. `loop` does nothing else; it gives the minimum to compare with.
 */

#include <err.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices/"

static uint64_t now(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static int listen_to_kernel(void)
{
        const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                err(1, "socket");
        printf("listening\n");
        fflush(stdout);
        return fd;
}

/* Until the kernel adds that address. */
static void await_add(int fd, const char *address)
{
        size_t n_address = strlen(address);

        for (;;) {
                char message[8192];
                ssize_t n = recv(fd, message, sizeof(message) - 1, 0);

                if (n < 0)
                        err(1, "recv");
                message[n] = '\0';
                size_t n_head = strlen(message);
                if (strncmp(message, "add@/devices/", 13) == 0 && n_head > n_address &&
                    message[n_head - n_address - 1] == '/' &&
                    strcmp(message + n_head - n_address, address) == 0)
                        return;
        }
}

static bool is_overridden(const char *path)
{
        char text[8] = "";
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

        if (fd >= 0)
                close(fd);
        return n > 1 && strncmp(text, "(null)", 6) != 0;
}

static int observe(const char *address, long times, bool override)
{
        char path[256];
        int fd = listen_to_kernel();

        snprintf(path, sizeof(path), DEVICES "%s/%s", address,
                 override ? "driver_override" : "driver");
        for (long i = 0; i < times; i++) {
                await_add(fd, address);
                uint64_t since = now();
                while (override ? !is_overridden(path) : access(path, F_OK) < 0)
                        continue;
                printf("%llu\n", (unsigned long long)((now() - since) / 1000));
                fflush(stdout);
        }
        return 0;
}

static _Noreturn void loop(const char *address)
{
        char path[256];
        int fd = listen_to_kernel();

        snprintf(path, sizeof(path), DEVICES "%s/driver_override", address);
        for (;;) {
                await_add(fd, address);
                int file = open(path, O_WRONLY | O_CLOEXEC);
                if (file < 0 || write(file, "bare-loop", 9) != 9)
                        warn("%s", path);
                if (file >= 0)
                        close(file);
        }
}

int main(int argc, char **argv)
{
        if (argc == 3 && strcmp(argv[1], "loop") == 0)
                loop(argv[2]);
        if (argc == 4 && strcmp(argv[1], "override") == 0)
                return observe(argv[2], strtol(argv[3], NULL, 10), true);
        if (argc == 4 && strcmp(argv[1], "driver") == 0)
                return observe(argv[2], strtol(argv[3], NULL, 10), false);
        errx(2, "override-race override|driver ADDRESS TIMES, or loop ADDRESS");
}
