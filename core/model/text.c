/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Text made and read. */

#include "core/model/text.h"

#include <stdarg.h>
#include <stdio.h>

char *text_print(const char *format, ...)
{
        va_list arguments;
        char *text;
        int n;

        va_start(arguments, format);
        n = vasprintf(&text, format, arguments);
        va_end(arguments);
        return n < 0 ? NULL : text;
}

int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}
