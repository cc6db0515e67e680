/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Text that mail programs, web pages and terminals changed: the reader returns the same machine, or
 * a refusal that names the line. Also its notes on the lines that it did not understand.
 */

#include "lspci_text.h"

#include <stdarg.h>

static const char plain[] =
        "00:00.0 Host bridge [0600]: Intel Corporation A & B [8086:3e30] (rev 07)\n"
        "\tSubsystem: A [1028:06b9]\n"
        "\tIOMMU group: 0\n"
        "00:01.0 PCI bridge [0604]: Intel Corporation C [8086:1901] (prog-if 00 [Normal decode])\n"
        "\tFlags: bus master, fast devsel, latency 0, IOMMU group 1\n"
        "\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0\n"
        "\tCapabilities: <access denied>\n"
        "01:00.0 VGA compatible controller [0300]: Made Up D [1234:1b80] (rev a1)\n"
        "\tFlags: fast devsel, IOMMU group 1\n"
        "\tMemory at f7d00000 (64-bit, non-prefetchable) [size=16K]\n";
#define GROUPS "00:00.0=0 00:01.0=1 01:00.0=1"

#define TEXT_SIZE 8192

/* Appends to a text of TEXT_SIZE. */
static _printf_(2, 3) void append(char *text, const char *format, ...)
{
        size_t n = strlen(text);
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(text + n, TEXT_SIZE - n, format, arguments);
        va_end(arguments);
}

/* Writes `plain` with something in front of each line and behind it. */
static void wrap_lines(char *text, const char *front, const char *back)
{
        text[0] = '\0';
        for (const char *at = plain; *at;) {
                size_t n = strcspn(at, "\n");

                append(text, "%s%.*s%s", front, (int)n, at, back);
                at += n + 1;
        }
}

/* Writes `plain` with each `c` replaced. */
static void replace(char *text, char c, const char *with)
{
        text[0] = '\0';
        for (const char *at = plain; *at; at++)
                append(text, "%.*s", *at == c ? (int)strlen(with) : 1, *at == c ? with : at);
}

static void number_lines(char *text, const char *format, int first)
{
        text[0] = '\0';
        for (const char *at = plain; *at;) {
                size_t n = strcspn(at, "\n");
                char number[32];

                /* Of two formats, one is for a line and one for the text around it. */
                (void)snprintf(number, sizeof(number), "%d", first++);
                append(text, "%s%s%c%.*s\n", format[0] == ' ' ? "   " : "", number,
                       format[strlen(format) - 1], (int)n, at);
                at += n + 1;
        }
}

/* Reading `text` gives the same result as reading `plain`. */
static void check_same(const char *name, const char *text)
{
        _cleanup_(freep) char *message = NULL;
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        const PciDevice *port;

        lspci_text_check(name, text, NULL, GROUPS);
        snapshot = lspci_text_read(text, NULL, NULL, &message);
        if (!CHECK(snapshot && snapshot->n_devices == 3))
                return;
        port = &snapshot->devices[1];
        CHECK_NUMBER(port->ids.device, 0x1901);
        CHECK_NUMBER(port->facts.buses_known, TRISTATE_YES);
        CHECK_NUMBER(port->facts.secondary_bus, 1);
        CHECK_NUMBER(port->facts.pcie, TRISTATE_UNKNOWN);
        CHECK_NUMBER(snapshot->devices[0].ids.subsystem_device, 0x06b9);
        CHECK_NUMBER(snapshot->devices[2].ids.device, 0x1b80);
}

static void test_mended(void)
{
        static const struct {
                const char *name, *front, *back;
        } rows[] = {
                {"carriage returns alone", "", "\r"},
                {"carriage returns", "", "\r\n"},
                {"carriage returns twice", "", "\r\r\n"},
                {"double-spaced", "", "\n\n"},
                {"quoted", "> ", "\n"},
                {"quoted twice", "> > ", "\n"},
                {"colours", "\x1b[01;31m\x1b[K", "\x1b[m\x1b[K\n"},
                {"colours without escapes", "[01;31m[K", "[m[K\n"},
                {"colours, escapes shown", "^[[0m", "^[[0m\n"},
                {"links of a terminal", "\x1b]8;;x\a", "\x1b]8;;\x1b\\\n"},
                {"code tags", "[CODE]", "[/CODE]\n"},
                {"code tags in small letters", "[code=text]", "[/code]\n"},
                {"web page", "<p><code class=\"x\">", "</code></p>\n"},
                {"line breaks of a web page", "", "<br>"},
                {"line breaks of a web page, with newlines", "", "<br />\r\n"},
                {"spans", "<span style=\"color:red\">", "</span>\n"},
                {"backquotes", "`", "`\n"},
                {"wiki", "{{{", "}}}\n"},
                {"issue tracker", "{code:text}", "{code}\n"},
                {"indented", "    ", "\n"},
        };
        char text[TEXT_SIZE];

        check_same("plain", plain);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                wrap_lines(text, rows[i].front, rows[i].back);
                check_same(rows[i].name, text);
        }
        replace(text, '=', "=3D");
        check_same("quoted-printable", text);
        replace(text, ',', "=\n,");
        lspci_text_check("soft line breaks in what is not quoted-printable", text, NULL,
                         "00:00.0=0 00:01.0=1 01:00.0=1");
        replace(text, '<', "&lt;");
        check_same("entities", text);
        replace(text, '&', "&amp;");
        check_same("ampersands", text);
        replace(text, '\t', "&nbsp;&#160;&#xa0;");
        check_same("spaces of a web page", text);
        replace(text, '\t', "\xc2\xa0\xc2\xa0");
        check_same("spaces that do not break", text);
        number_lines(text, ":", 1);
        check_same("grep -n", text);
        number_lines(text, ":", 996);
        check_same("grep -n, from further below", text);
        number_lines(text, " \t", 1);
        check_same("cat -n", text);
}

static void test_quoted_printable(void)
{
        lspci_text_check(
                "soft line breaks",
                "00:00.0 Host bridge [0600]: Intel Corporation A [8086:3e3=\n0] (rev 07)\n"
                "=09IOMMU gr=\noup: 0\n"
                "00:01.0 PCI bridge [0604]: Intel [8086:1901] (prog-if=20=\r\n00 [Normal "
                "decode])\r\n=09Bus: primary=3D00, secondary=3D01, subordinate=3D01, sec-la=\r\n"
                "tency=3D0\r\n=C2=A0IOMMU group: 1\n",
                NULL, "00:00.0=0 00:01.0=1");
        lspci_text_check_refused("a =\n00:01.0 PCI bridge: A\n"
                                 "\tBus: primary=3D00, secondary=01, subordinate=01\n\tx=y\n",
                                 NULL, "t:3: this line is quoted-printable");
        /* A bus 3d is no code. */
        lspci_text_check("small letters",
                         "00:01.0 PCI bridge: A\n\tBus: primary=00, secondary=3d, subordinate=3d, "
                         "sec-latency=64\n\tIOMMU group: 1\n",
                         NULL, "00:01.0=1");
}

static void test_numbers(void)
{
        lspci_text_check("in front of details",
                         "1:00:00.0 Host bridge [0600]: A [8086:3e30]\n2:\tIOMMU group: 0\n"
                         "1042:03:00.0 Non-Volatile memory controller [0108]: B [144d:a808]\n"
                         "1043:\tIOMMU group: 13\n",
                         NULL, "00:00.0=0 03:00.0=13");
        lspci_text_check("grep -n -A",
                         "7:00:00.0 Host bridge: A\n8-\tIOMMU group: 0\n--\n"
                         "31:03:00.0 USB controller: B\n32-\tIOMMU group: 13\n",
                         NULL, "00:00.0=0 03:00.0=13");
        lspci_text_check(
                "a heading and what is below it",
                "4:IOMMU Group 1:\n5:\t00:01.0 PCI bridge: A\n6:\t01:00.0 USB controller: B\n",
                NULL, "00:01.0=1 01:00.0=1");
        lspci_text_check("domains", "0001:00:00.0 PCI bridge: A\n0002:00:00.0 PCI bridge: B\n",
                         NULL, "0001:00:00.0=- 0002:00:00.0=-");
        lspci_text_check("a domain", "10000:e1:00.0 Non-Volatile memory controller: A\n", NULL,
                         "10000:e1:00.0=-");
        lspci_text_check("buses", "10:00.0 USB controller: A\n11:00.0 USB controller: B\n", NULL,
                         "10:00.0=- 11:00.0=-");
        lspci_text_check_refused("1:00:00.0 Host bridge: A\n\tIOMMU group: 0\n", NULL,
                                 "t:1: this address has a line number of grep -n");
        lspci_text_check_refused("00:00.0 Host bridge: A\n17:03:00.0 USB controller: B\n", NULL,
                                 "t:2: this address has a line number of grep -n");
        lspci_text_check_refused("1042:03:00.0 USB controller: A\n1050:04:00.0 USB controller: B\n",
                                 NULL, "t:1: the number at the front may be a line number");
        lspci_text_check_refused("1 00:00.0 Host bridge: A\n2 00:01.0 PCI bridge: B\n", NULL,
                                 "t:1: the number before the address may be that of a line");
}

static void test_twice(void)
{
        static const struct {
                const char *text, *message;
        } rows[] = {
                {"00:01.0 0604: 8086:1901\n00:01.0 0604: 8086:1905\n", "another device"},
                {"00:01.0 PCI bridge: Intel A\n00:01.0 PCI bridge: Intel B\n", "another device"},
                {"00:01.0 0604: 8086:1901\n00:01.0 0300: 8086:1901\n", "another class"},
                {"00:01.0 PCI bridge: A\n\tBus: primary=00, secondary=01, subordinate=01\n"
                 "00:01.0 PCI bridge: A\n\tBus: primary=00, secondary=02, subordinate=02\n",
                 "other bus numbers"},
                {"00:01.0 PCI bridge: A\n\tStatus: Cap+\n\tCapabilities: [40] Express Root Port\n"
                 "00:01.0 PCI bridge: A\n\tStatus: Cap+\n\tCapabilities: [40] Express Upstream "
                 "Port\n",
                 "another type"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(freep) char *message = NULL;
                _cleanup_(snapshot_freep) Snapshot *snapshot =
                        lspci_text_read(rows[i].text, NULL, NULL, &message);

                CHECK(!snapshot);
                CHECK(message && strstr(message, rows[i].message) && strstr(message, "t:1 and t:") &&
                      strstr(message, " differs between "));
        }
        lspci_text_check("a list, then details, then numbers",
                         "00:01.0 PCI bridge: Intel Corporation A (rev 07)\n"
                         "00:02.0 Display controller: Intel Corporation Device a110\n"
                         "00:01.0 PCI bridge [0604]: Intel Corporation A [8086:1901] (rev 07)\n"
                         "\tIOMMU group: 1\n"
                         "00:02.0 Display controller [0380]: Intel Corporation Device [8086:a110]\n"
                         "\n00:01.0 0604: 8086:1901 (rev 07)\n",
                         NULL, "00:01.0=1 00:02.0=-");
}

/* The place of each note, and what to run next. */
static void test_notes(void)
{
        static const struct {
                const char *text, *note;
        } rows[] = {
                {"00:00.0 0600: 8086:1\n\tStatus: Cap+\n\tCapabilities: <access denied>\n",
                 "t:3: capabilities could not be read: run lspci as root"},
                {"00:00.0 Host bridge: A\n\n00:02.0 Bridge: B\n",
                 "t:1: the text has no numeric ids (and in 1 more line): run lspci -nn;"},
                {"00:00.0 0600: 8086:1234\n",
                 "t:1: the text has no details of the device: run lspci -vvvnn"},
                {"00:00.0 0600: 8086:1234\n\n05:00.0 0200: 8086:1234\n\tStatus: Cap+\n"
                 "\tCapabilities: [40] Express Endpoint\n",
                 "t:3: the text lacks the bridge above the device: run lspci -vvvnn"},
                {"\tCapabilities: [40] Express\n00:00.0 0600: 8086:1234\n",
                 "t:1: these details belong to a device whose first line is missing: give"},
                {"00:00.0 0600: 8086:1234\n\n00:02.0 VGA compat\n\tIOMMU group: 7\n",
                 "t:3: the address has no class after it: give"},
                {"00:00.0 0600: 8086:1234\n\tStatus: Cap+\n"
                 "\tCapabilities: [140] Access Control Services\n",
                 "t:3: the text lacks the bits of Access Control Services: run lspci -vvv"},
                {"00:00.0 0600: 8086:1234\n\tControl: I/O+\n\tControl: I/O-\n",
                 "t:1: the lines below belong to several devices: a first line is missing: run"},
                {"00:00.0 0600: 8086:1234\n\t!!! Unknown header type 7f\n",
                 "t:2: the device does not answer: it is asleep or gone: wake it"},
                {"IOMMU Group 0:\n00:00.0 0600: 8086:1234\n\n00:02.0 0300: 8086:1234\n",
                 "t:4: an empty line separates the device from the listing of a group"},
                {"IOMMU Group 0 00:00.0 0600: 8086:1234\n00:02.0 0300: 8086:1234\n",
                 "t:2: the text has groups, but not the group of this device: run lspci -v"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(freep) char *message = NULL;
                _cleanup_(read_notes_deinitp) ReadNotes notes = {0};
                _cleanup_(snapshot_freep) Snapshot *snapshot =
                        lspci_text_read(rows[i].text, NULL, &notes, &message);
                bool found = false;

                CHECK(snapshot);
                for (size_t k = 0; k < notes.n; k++) {
                        _cleanup_(freep) char *text = read_note_format(&notes.notes[k]);

                        found |= text && strncmp(text, rows[i].note, strlen(rows[i].note)) == 0;
                }
                if (!found)
                        printf("# not noted: %s\n", rows[i].note);
                CHECK(found);
        }
}

/* Text that exceeds a buffer is reported, and nothing is inferred from the missing rest. */
static void test_too_long(void)
{
        static const char filler[] = "\t\tnothing that matters\n";
        static char text[400000];
        _cleanup_(freep) char *message = NULL;
        _cleanup_(read_notes_deinitp) ReadNotes notes = {0}, more = {0};
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL, *second = NULL;
        size_t n;

        append(text, "00:1c.0 0604: 8086:1234\n\tStatus: Cap+\n\tCapabilities: [40] A ");
        n = strlen(text);
        memset(text + n, 'x', 5000);
        append(text, " Express Root Port\n");
        snapshot = lspci_text_read(text, NULL, &notes, &message);
        if (!CHECK(snapshot && notes.n > 0))
                return;
        CHECK_STRING(notes.notes[0].what,
                     "the line is longer than 4096 characters: the reader ignores its end");
        CHECK_NUMBER(notes.notes[0].line, 3);
        CHECK_NUMBER(snapshot->devices[0].facts.pcie, TRISTATE_UNKNOWN);
        CHECK_NUMBER(snapshot->devices[0].facts.acs.present, TRISTATE_UNKNOWN);

        memset(text, 0, sizeof(text));
        append(text, "00:1c.0 0604: 8086:1234\n\tStatus: Cap+\n\tCapabilities: [40] A\n");
        for (n = strlen(text); n < 350000; n += sizeof(filler) - 1)
                memcpy(text + n, filler, sizeof(filler) - 1);
        second = lspci_text_read(text, NULL, &more, &message);
        if (!CHECK(second && more.n > 0))
                return;
        CHECK(strncmp(more.notes[0].what, "the device has more details than lspci", 38) == 0);
        CHECK_NUMBER(second->devices[0].facts.pcie, TRISTATE_UNKNOWN);
}

int main(void)
{
        static const TapTest tests[] = {
                {"what is mended", test_mended},
                {"quoted-printable", test_quoted_printable},
                {"numbers in front of lines", test_numbers},
                {"told twice", test_twice},
                {"notes", test_notes},
                {"longer than there is room for", test_too_long},
        };

        return tap_run(tests);
}
