/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The content decides which kind of text it is; an unknown kind is refused in a sentence.
 */

#include "core/probe/machine.h"
#include "tap.h"
#include "tree.h"

static void check_refused(const char *text, size_t n, const char *message)
{
        _cleanup_(freep) char *have = NULL;
        Snapshot *snapshot = NULL;

        CHECK_NUMBER(machine_parse("t", text, n, NULL, &snapshot, &have), MACHINE_E_INVALID);
        CHECK_STRING(have, message);
        CHECK(!snapshot);
}

static void test_refused(void)
{
        check_refused("", 0, "t is empty");
        check_refused("\xef\xbb\xbf \n\t\r\n", 8, "t is empty");
        check_refused("\x1f\x8b\x08\x00", 4, "t is compressed: unpack it first");
        check_refused("0\0000\0:\0", 6,
                      "t is not text: give a sysfs tree, a snapshot of isoctl, or the output of "
                      "lspci -vv or -xxxx");
        check_refused("\xff\xfe" "0\0", 4,
                      "t is text in UTF-16: convert it with iconv -f UTF-16 -t UTF-8");
        check_refused("hello\n", 6,
                      "t is neither a snapshot of isoctl nor the output of lspci: no line "
                      "begins with an address and a class, such as \"00:1f.3 Audio device: \"");
        check_refused("  {}", 4,
                      "t:1:1: schema: is missing; \"isolationd.snapshot/1\" is understood");
}

static void test_told_apart(void)
{
        static const char *const texts[] = {
                " {\"schema\": \"isolationd.snapshot/1\", \"devices\": [{\"address\": "
                "\"00:02.0\"}]}",
                "\xef\xbb\xbf{\"schema\": \"isolationd.snapshot/1\", "
                "\"devices\": [{\"address\": \"00:02.0\"}]}",
                "# lspci -nn\n00:02.0 0300: 8086:1912\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
                _cleanup_(freep) char *message = NULL;

                CHECK_NUMBER(
                        machine_parse("t", texts[i], strlen(texts[i]), NULL, &snapshot, &message),
                        0);
                CHECK(snapshot && snapshot->n_devices == 1 && snapshot->finished);
        }
}

static void check_note(const ReadNotes *notes, const char *wanted)
{
        _cleanup_(freep) char *text = notes->n > 0 ? read_note_format(&notes->notes[0]) : NULL;

        if (!text || !strstr(text, wanted))
                printf("# %s\n", text ? text : "no note");
        CHECK(text && strstr(text, wanted));
}

/* The notes of each reader, with their places. */
static void test_notes(void)
{
        static const char json[] =
                "{\"schema\": \"isolationd.snapshot/1\",\n\"devices\": [\n"
                "{\"address\": \"00:02.0\"},\n{\"address\": \"00:03.0\", \"colour\": 1},\n"
                "{\"address\": \"00:04.0\", \"facts\": {\"colour\": 1}}]}";
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL, *text = NULL, *tree = NULL;
        _cleanup_(read_notes_deinitp) ReadNotes a = {0}, b = {0}, c = {0};
        _cleanup_(freep) char *message = NULL;
        const char *root = tree_make();

        CHECK_NUMBER(machine_parse("t", json, strlen(json), &a, &snapshot, &message), 0);
        check_note(&a, "t:4: the unknown key \"colour\" is ignored (and in 1 more line): "
                       "read it with the version of isoctl that wrote it");
        CHECK_NUMBER(machine_parse("t", "00:02.0 0300: 8086:1912\n", 24, &b, &text, &message), 0);
        check_note(&b, "t:1: the text has no details of the device: run lspci -vvvnn as root");

        /* A tree whose configuration space was not copied. */
        tree_device("devices/pci0000:00/0000:00:02.0", 0x1234, 0x5678, 0x020000);
        tree_device("devices/pci0000:00/0000:00:03.0", 0x1234, 0x5678, 0x020000);
        CHECK_NUMBER(machine_read(root, NULL, 0, &c, &tree, &message), 0);
        check_note(&c, "/bus/pci/devices/0000:00:02.0/config: the configuration space cannot be read "
                       "(and in 1 more file): read or copy the tree as root");
        tree_remove();
}

/* A listing of groups beside the text. */
static void test_groups(void)
{
        _cleanup_(freep) char *message = NULL, *differ = NULL, *odd = NULL, *needless = NULL,
                              *missing = NULL;
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        Snapshot *none = NULL;
        const char *root = tree_make();
        char text[512], groups[512], json[512];

        tree_device("devices/pci0000:00/0000:00:02.0", 0x1234, 0x5678, 0x020000);
        tree_file("text", "00:02.0 0300: 8086:1912\n\tIOMMU group: 3\n");
        tree_file("groups", "IOMMU Group 3 00:02.0\nIOMMU Group 4 00:03.0\n");
        tree_file("json", "{}");
        (void)snprintf(text, sizeof(text), "%s/text", root);
        (void)snprintf(groups, sizeof(groups), "%s/groups", root);
        (void)snprintf(json, sizeof(json), "%s/json", root);
        CHECK_NUMBER(machine_read(text, groups, 0, NULL, &snapshot, &message), 0);
        if (CHECK(snapshot && snapshot->n_devices == 2))
                CHECK_NUMBER(snapshot->devices[1].kernel_group, 4);

        tree_file("groups", "IOMMU Group 5 00:02.0\n");
        CHECK_NUMBER(machine_read(text, groups, 0, NULL, &none, &differ), MACHINE_E_INVALID);
        CHECK(differ && strstr(differ, "differs between ") && strstr(differ, "text:2 and ") &&
              strstr(differ, "groups:1 "));
        CHECK_NUMBER(machine_read(json, groups, 0, NULL, &none, &odd), MACHINE_E_INVALID);
        CHECK(odd && strstr(odd, "is a snapshot, which has its own groups: leave out "));
        CHECK_NUMBER(machine_read(root, groups, 0, NULL, &none, &needless), MACHINE_E_INVALID);
        CHECK(needless && strstr(needless, "is a directory, which has its own groups"));
        CHECK_NUMBER(machine_read(text, "/nothing/here", 0, NULL, &none, &missing),
                     MACHINE_E_NOT_FOUND);
        CHECK_STRING(missing, "there is no /nothing/here");
        CHECK(!none);
        tree_remove();
}

static void test_paths(void)
{
        _cleanup_(snapshot_freep) Snapshot *tree = NULL, *file = NULL;
        _cleanup_(freep) char *message = NULL, *missing = NULL, *odd = NULL;
        const char *root = tree_make();
        char path[512];

        tree_device("devices/pci0000:00/0000:00:02.0", 0x1234, 0x5678, 0x020000);
        tree_file("dump.txt", "00:02.0 0300: 8086:1912\n");
        CHECK_NUMBER(machine_read(root, NULL, 0, NULL, &tree, &message), 0);
        CHECK(tree && tree->n_devices == 1 && tree->devices[0].ids.vendor == 0x1234);
        (void)snprintf(path, sizeof(path), "%s/dump.txt", root);
        CHECK_NUMBER(machine_read(path, NULL, 0, NULL, &file, &message), 0);
        CHECK(file && file->n_devices == 1 && file->devices[0].ids.vendor == 0x8086);
        CHECK(!message);
        (void)snprintf(path, sizeof(path), "%s/nothing", root);
        CHECK_NUMBER(machine_read(path, NULL, 0, NULL, &file, &missing), MACHINE_E_NOT_FOUND);
        CHECK(missing && strncmp(missing, "there is no /", 13) == 0);
        (void)snprintf(path, sizeof(path), "%s/bus", root);
        CHECK_NUMBER(machine_read(path, NULL, 0, NULL, &file, &odd), MACHINE_E_INVALID);
        CHECK(odd && strstr(odd, "is not a sysfs tree with PCI devices"));
        tree_remove();
}

int main(void)
{
        static const TapTest tests[] = {
                {"what is none of them", test_refused},
                {"told apart by content", test_told_apart},
                {"directories and files", test_paths},
                {"what was not understood", test_notes},
                {"groups beside it", test_groups},
        };

        return tap_run(tests);
}
