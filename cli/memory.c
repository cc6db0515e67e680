/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Allocations that exit isoctl if they fail. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/isoctl.h"

void *must(void *pointer)
{
        if (!pointer) {
                (void)fputs("isoctl: out of memory\n", stderr);
                exit(EXIT_FAILED);
        }
        return pointer;
}

char *must_vformat(const char *format, va_list arguments)
{
        char *text;

        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        return must(text);
}

char *must_format(const char *format, ...)
{
        va_list arguments;
        char *text;

        va_start(arguments, format);
        text = must_vformat(format, arguments);
        va_end(arguments);
        return text;
}

void free_text(char **text)
{
        free(*text);
}
