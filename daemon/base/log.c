/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lines for the journal: a priority prefix where systemd reads stderr, plain text elsewhere.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/log.h"

void log_line(int priority, const char *format, ...)
{
        char text[2048];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (getenv("JOURNAL_STREAM"))
                fprintf(stderr, "<%d>%s\n", priority, text);
        else
                fprintf(stderr, "%s: %s\n", program_invocation_short_name, text);
}

int log_broken_at(int error, const char *function, const char *file, int line)
{
        log_line(3, "%s: %s (%s:%d)", function, strerror(error < 0 ? -error : error), file, line);
        return error;
}
