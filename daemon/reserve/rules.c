/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes policy rules as udev rules, which match all that they match, or more. */

#include <stdio.h>
#include <string.h>

#include "core/probe/cleanup.h"
#include "daemon/reserve/rules.h"

#define COMMENT_MAX 200

/* Writes a name from a policy into a comment: printable, on one line, and not too long. */
static void write_comment(FILE *stream, const char *text)
{
        (void)fputs("\n# ", stream);
        for (size_t i = 0; text[i] && i < COMMENT_MAX; i++) {
                unsigned char c = (unsigned char)text[i];

                (void)fputc(c < 0x20 || c == 0x7f || c == '\\' ? '?' : c, stream);
        }
        (void)fputc('\n', stream);
}

/*
 * Patterns of udev have more special characters than ours ([…] and |), so a pattern with characters
 * that no address has is left to the program.
 */
static bool is_plain_pattern(const char *pattern)
{
        return pattern[strspn(pattern, "0123456789abcdef:.*?")] == '\0';
}

static void write_rule(FILE *stream, const PolicyRule *rule)
{
        write_comment(stream, rule->origin);
        if (rule->match.vendor.is_set)
                (void)fprintf(stream, "ATTR{vendor}==\"0x%04x\", ",
                              (unsigned)rule->match.vendor.value);
        if (rule->match.device.is_set)
                (void)fprintf(stream, "ATTR{device}==\"0x%04x\", ",
                              (unsigned)rule->match.device.value);
        if (rule->match.class_mask != 0) {
                char digits[7];
                unsigned mask = (unsigned)rule->match.class_mask;

                (void)snprintf(digits, sizeof(digits), "%06x",
                               (unsigned)rule->match.class_value & 0xffffff);
                for (size_t i = 0; i < 6; i++)
                        if ((mask >> (20 - 4 * i) & 0xf) == 0)
                                digits[i] = '?';
                (void)fprintf(stream, "ATTR{class}==\"0x%s\", ", digits);
        }
        if (rule->match.address && is_plain_pattern(rule->match.address))
                (void)fprintf(stream, "KERNEL==\"%s\", ", rule->match.address);
        (void)fputs("GOTO=\"isolationd_reserved_ask\"\n", stream);
}

/*
 * Writes the lines that run the program. Events of the kernel have no SYNTH_UUID: then the device
 * has just appeared.
 */
static void write_question(FILE *stream, const char *program)
{
        (void)fprintf(
                stream,
                "\nGOTO=\"isolationd_reserved_end\"\n"
                "LABEL=\"isolationd_reserved_ask\"\n"
                "ENV{SYNTH_UUID}==\"\", PROGRAM==\"%s --arrived $kernel\", ENV{MODALIAS}=\"\"\n"
                "ENV{SYNTH_UUID}!=\"\", PROGRAM==\"%s --present $kernel\", ENV{MODALIAS}=\"\"\n"
                "LABEL=\"isolationd_reserved_end\"\n",
                program, program);
}

char *reserve_rules_text(const Policy *policy, const char *program)
{
        _cleanup_(freep) char *text = NULL;
        size_t n_text;
        bool good;

        {
                _cleanup_(fclosep) FILE *stream = open_memstream(&text, &n_text);
                if (!stream)
                        return NULL;
                (void)fputs("# SPDX-License-Identifier: LGPL-2.1-or-later\n"
                            "# Made by isolationd-reserve from the policy: isolationd-reserve(8).\n"
                            "ACTION!=\"add\", GOTO=\"isolationd_reserved_end\"\n"
                            "SUBSYSTEM!=\"pci\", GOTO=\"isolationd_reserved_end\"\n"
                            "# Bridges are never reserved.\n"
                            "ATTR{class}==\"0x06????\", GOTO=\"isolationd_reserved_end\"\n",
                            stream);
                for (size_t i = 0; i < policy->n_rules; i++)
                        if (policy->rules[i].reserve.at_boot)
                                write_rule(stream, &policy->rules[i]);
                write_question(stream, program);
                good = fflush(stream) == 0 && !ferror(stream);
        }
        return good ? TAKE_PTR(text) : NULL;
}
