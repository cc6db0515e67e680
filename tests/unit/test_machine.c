/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Content tells what a text is; what it is not is said in a sentence.
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
        check_refused("hello\n", 6,
                      "t is neither a snapshot of isoctl nor the output of lspci: no line in it "
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

static void test_paths(void)
{
        _cleanup_(snapshot_freep) Snapshot *tree = NULL, *file = NULL;
        _cleanup_(freep) char *message = NULL, *missing = NULL, *odd = NULL;
        const char *root = tree_make();
        char path[512];

        tree_device("devices/pci0000:00/0000:00:02.0", 0x1234, 0x5678, 0x020000);
        tree_file("dump.txt", "00:02.0 0300: 8086:1912\n");
        CHECK_NUMBER(machine_read(root, NULL, 0, NULL, &tree, &message), 0);
        CHECK(tree && tree->n_devices == 1 && tree->devices[0].vendor == 0x1234);
        (void)snprintf(path, sizeof(path), "%s/dump.txt", root);
        CHECK_NUMBER(machine_read(path, NULL, 0, NULL, &file, &message), 0);
        CHECK(file && file->n_devices == 1 && file->devices[0].vendor == 0x8086);
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
        };

        return tap_run(tests);
}
