/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lines for the journal: a priority prefix where systemd reads stderr, plain text elsewhere.
 *
 * Nothing here waits for the journal. It may stand still for as long as somebody keeps a device
 * open: where the kernel holds the device's lock meanwhile, journald hangs when it reads the uevent
 * file of that device (Debian's 6.1). Functions of sd-journal would wait then.
 */

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/probe/cleanup.h"
#include "daemon/base/log.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Writes to the journal's stream, or to whatever else stderr is. Returns false if that is full. */
static bool put(const char *text)
{
        if (send(fileno(stderr), text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
                return true;
        if (errno == EAGAIN)
                return false;
        (void)fputs(text, stderr);
        return true;
}

static void put_line(const char *line)
{
        static unsigned n_lost;
        char text[96];

        (void)snprintf(text, sizeof(text),
                       "<4>%u lines before this one were lost: the journal stood still\n", n_lost);
        if (n_lost > 0 && put(text))
                n_lost = 0;
        n_lost += !put(line);
}

void log_line(int priority, const char *format, ...)
{
        char text[2048], line[sizeof(text) + 300];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (getenv("JOURNAL_STREAM"))
                (void)snprintf(line, sizeof(line), "<%d>%s\n", priority, text);
        else
                (void)snprintf(line, sizeof(line), "%.255s: %s\n", program_invocation_short_name,
                               text);
        put_line(line);
}

/* One field in the journal's native protocol: a value of several lines has its length before it. */
static void write_field(FILE *stream, const struct iovec *field)
{
        const char *text = field->iov_base, *value = memchr(text, '=', field->iov_len);
        const size_t n = value ? field->iov_len - (size_t)(value + 1 - text) : 0;
        const uint64_t size = htole64(n);

        if (value && memchr(value, '\n', n + 1)) {
                (void)fwrite(text, 1, (size_t)(value - text), stream);
                (void)fputc('\n', stream);
                (void)fwrite(&size, sizeof(size), 1, stream);
                (void)fwrite(value + 1, 1, n, stream);
        } else {
                (void)fwrite(text, 1, field->iov_len, stream);
        }
        (void)fputc('\n', stream);
}

int log_fields(const struct iovec *fields, int n)
{
        static const struct sockaddr_un journal = {.sun_family = AF_UNIX,
                                                   .sun_path = JOURNAL_SOCKET};
        _cleanup_(freep) char *text = NULL;
        size_t n_text = 0;

        FILE *stream = open_memstream(&text, &n_text);
        if (!stream)
                return -ENOMEM;
        for (int i = 0; i < n; i++)
                write_field(stream, &fields[i]);
        if (fclose(stream) != 0)
                return -ENOMEM;
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || sendto(fd, text, n_text, MSG_NOSIGNAL, (const struct sockaddr *)&journal,
                             sizeof(journal)) < 0)
                return -errno;
        return 0;
}

int log_broken_at(int error, const char *function, const char *file, int line)
{
        log_line(3, "%s: %s (%s:%d)", function, strerror(error < 0 ? -error : error), file, line);
        return error;
}
