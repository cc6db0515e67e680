/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What several checks of the doctor need: filling a finding, listing names, reading versions. */

#include "core/model/doctor_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"

bool doctor_answer(DoctorFinding *finding, DoctorLevel level, const char *what, const char *fix,
                   const char *format, ...)
{
        va_list arguments;

        finding->level = level;
        finding->what = what;
        finding->fix = fix;
        va_start(arguments, format);
        finding->evidence = text_vprint(format, arguments);
        va_end(arguments);
        return true;
}

void doctor_names_add(DoctorNames *names, const char *name)
{
        char *before = names->text;

        if (names->n++ >= DOCTOR_NAMES_SHOWN)
                return;
        names->text = text_print("%s%s%s", before ? before : "", before ? ", " : "", name);
        free(before);
}

const char *doctor_names_end(DoctorNames *names)
{
        char *before = names->text;

        if (names->n > DOCTOR_NAMES_SHOWN && before) {
                names->text = text_print("%s and %zu more", before, names->n - DOCTOR_NAMES_SHOWN);
                free(before);
        }
        return names->text ? names->text : "";
}

void doctor_names_clear(DoctorNames *names)
{
        free(names->text);
        *names = (DoctorNames){.n = 0};
}

size_t doctor_n_covered(const Snapshot *snapshot)
{
        size_t n = 0;

        for (size_t i = 0; i < snapshot->n_devices; i++)
                n += snapshot->devices[i].kernel_group >= 0;
        return n;
}

static bool read_digits(const char **text, unsigned *ret)
{
        const char *c = *text;
        unsigned value = 0;

        while (*c >= '0' && *c <= '9' && value < 100000)
                value = value * 10 + (unsigned)(*c++ - '0');
        *ret = value;
        if (c == *text)
                return false;
        *text = c;
        return true;
}

bool doctor_version(const Snapshot *snapshot, DoctorVersion *ret)
{
        const char *text = snapshot->kernel_release;

        *ret = (DoctorVersion){0};
        if (!read_digits(&text, &ret->major) || *text++ != '.' || !read_digits(&text, &ret->minor))
                return false;
        if (*text == '.') {
                text++;
                (void)read_digits(&text, &ret->patch);
        }
        return true;
}

bool doctor_version_is(const DoctorVersion *version, unsigned major, unsigned minor)
{
        return version->major > major || (version->major == major && version->minor >= minor);
}

const char *doctor_word(const Snapshot *snapshot, const char *begin, int *ret_n)
{
        const char *line = snapshot->command_line;

        for (const char *at = line ? strstr(line, begin) : NULL; at; at = strstr(at + 1, begin))
                if (at == line || at[-1] == ' ') {
                        *ret_n = (int)strcspn(at, " \n");
                        return at;
                }
        return NULL;
}
