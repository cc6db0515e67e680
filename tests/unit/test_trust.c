/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which files are trusted, below a directory of the test: the directories above are not checked,
 * and files of the user who runs the test count as root's.
 */

#include "core/probe/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/probe/cleanup.h"
#include "core/probe/policy_json.h"
#include "tests/unit/tap.h"

static char root[] = "/tmp/isolationd-trust-XXXXXX";
static Trust trust;

static const char *at(const char *name)
{
        static char paths[4][256];
        static unsigned next;
        char *path = paths[next++ % 4];

        (void)snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
        return path;
}

static void put(const char *name)
{
        FILE *file = fopen(at(name), "w");

        CHECK(file && fputs("{\"rules\":[]}", file) >= 0 && fclose(file) == 0);
        CHECK(chmod(at(name), 0644) == 0);
}

static void make(const char *name)
{
        CHECK(mkdir(at(name), 0755) == 0 && chmod(at(name), 0755) == 0);
}

static void start(void)
{
        CHECK(mkdtemp(root) != NULL);
        trust = (Trust){.owner = geteuid(), .above = root};
        make("etc");
        make("etc/policy.d");
        make("srv");
        put("etc/policy.d/a.json");
        put("srv/b.json");
        CHECK(symlink("../../srv/b.json", at("etc/policy.d/near.json")) == 0);
        CHECK(symlink(at("srv/b.json"), at("etc/policy.d/far.json")) == 0);
        CHECK(symlink("/dev/null", at("etc/policy.d/masked.json")) == 0);
        CHECK(symlink("turning.json", at("etc/policy.d/turning.json")) == 0);
        CHECK(symlink("../srv", at("etc/linked.d")) == 0);
        CHECK(mkfifo(at("etc/policy.d/fifo.json"), 0644) == 0);
}

/* The result of opening `name`; `reason` is a part of the message. */
static void check(const char *name, int want, const char *reason)
{
        _cleanup_(freep) char *said = NULL;
        _cleanup_(closep) int fd = -1;
        int r = trust_open(&trust, at(name), &fd, &said);

        if (r != want || (said && !strstr(said, reason)))
                printf("# %s: %d, %s\n", name, r, said ? said : "nothing said");
        CHECK_NUMBER(r, want);
        CHECK((fd >= 0) == (r == 0));
        CHECK((said != NULL) == (r == TRUST_E_REFUSED));
        CHECK(!said || (strstr(said, reason) && strstr(said, root)));
}

static void test_trusted(void)
{
        check("etc/policy.d", 0, "");
        check("etc/policy.d/a.json", 0, "");
        check("etc/policy.d/near.json", 0, "");
        check("etc/policy.d/far.json", 0, "");
        check("etc/policy.d/masked.json", 0, "");
        check("etc/linked.d", 0, "");
        check("etc/linked.d/b.json", 0, "");
        check("etc//./policy.d/../policy.d///a.json", 0, "");
        check("etc/policy.d/fifo.json", 0, "");
        check("etc/policy.d/missing.json", -ENOENT, "");
        check("etc/missing.d/a.json", -ENOENT, "");
        check("srv/b.json/a.json", -ENOTDIR, "");
        check("etc/policy.d/turning.json", -ELOOP, "");
}

/* With a mode of its own, `name` is refused with `reason`, and so is each of the files. */
static void check_mode(const char *name, mode_t mode, const char *reason, const char *const *files)
{
        struct stat st;

        CHECK(stat(at(name), &st) == 0 && chmod(at(name), mode) == 0);
        for (; *files; files++)
                check(*files, TRUST_E_REFUSED, reason);
        CHECK(chmod(at(name), st.st_mode & 07777) == 0);
        check(name, 0, "");
}

static void test_modes(void)
{
        const char *const file[] = {"etc/policy.d/a.json", NULL};
        const char *const linked[] = {"srv/b.json", "etc/policy.d/near.json",
                                      "etc/policy.d/far.json", "etc/linked.d/b.json", NULL};
        const char *const above[] = {"etc/policy.d/a.json", "etc/policy.d/near.json",
                                     "etc/policy.d", "etc/linked.d", NULL};

        check_mode("etc/policy.d/a.json", 0646, "a.json: everybody may write", file);
        check_mode("etc/policy.d/a.json", 0664, "a.json: group ", file);
        check_mode("srv/b.json", 0666, "srv/b.json: everybody", linked);
        check_mode("srv", 0777, "srv: everybody", linked);
        check_mode("srv", 01777, "srv: everybody", linked);
        check_mode("etc", 0775, "etc: group ", above);
}

static void test_owners(void)
{
        const char *const names[] = {"etc/policy.d/a.json", "etc/policy.d", "etc"};

        if (geteuid() != 0)
                SKIP("only root can give files away");
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                CHECK(chown(at(names[i]), 4711, 0) == 0);
                check("etc/policy.d/a.json", TRUST_E_REFUSED, "belongs to uid 4711");
                CHECK(chown(at(names[i]), 0, 0) == 0);
        }
        check("etc/policy.d/a.json", 0, "");
}

/* A list of access rights: owner rw, user 4711 rw, group r, mask rw or r, others r. */
static void test_acl(void)
{
        uint8_t list[4 + 5 * 8] = {2};
        const uint8_t entries[5][2] = {{0x01, 6}, {0x02, 6}, {0x04, 4}, {0x10, 6}, {0x20, 4}};

        for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
                list[4 + 8 * i] = entries[i][0];
                list[6 + 8 * i] = entries[i][1];
                memset(list + 8 + 8 * i, 0xff, 4);
        }
        memcpy(list + 8 + 8, &(uint32_t){4711}, 4);
        if (setxattr(at("etc/policy.d/a.json"), "system.posix_acl_access", list, sizeof(list), 0) <
            0)
                SKIP("/tmp takes no access control lists");
        check("etc/policy.d/a.json", TRUST_E_REFUSED, "access control list");
        list[6 + 8 * 3] = 4;
        CHECK(setxattr(at("etc/policy.d/a.json"), "system.posix_acl_access", list, sizeof(list),
                       0) == 0);
        check("etc/policy.d/a.json", 0, "");
        CHECK(removexattr(at("etc/policy.d/a.json"), "system.posix_acl_access") == 0);
}

/* A link that leads out: its target is checked, from the root directory on. */
static void test_outside(void)
{
        Trust elsewhere = {.owner = trust.owner, .above = at("srv")};
        _cleanup_(freep) char *said = NULL;
        _cleanup_(closep) int fd = -1;

        CHECK(chmod(at("etc"), 0777) == 0);
        CHECK_NUMBER(trust_open(&elsewhere, at("etc/linked.d/b.json"), &fd, &said),
                     TRUST_E_REFUSED);
        CHECK(said && strstr(said, "/etc: everybody"));
        CHECK(chmod(at("etc"), 0755) == 0);
}

/* A policy is refused as a whole; its directories do not matter as long as they can be trusted. */
static void test_policy(void)
{
        char directory[256];
        const char *const directories[] = {directory, NULL};
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(freep) char *message = NULL;

        (void)snprintf(directory, sizeof(directory), "%s", at("srv"));
        CHECK_NUMBER(policy_load(directories, &trust, &policy, &message), 0);
        CHECK(chmod(at("srv/b.json"), 0666) == 0);
        CHECK_NUMBER(policy_load(directories, &trust, &policy, &message), POLICY_E_INVALID);
        CHECK(message && strstr(message, "srv/b.json: everybody may write it"));
        freep(&message);
        message = NULL;
        CHECK(chmod(at("srv/b.json"), 0644) == 0 && chmod(at("srv"), 0777) == 0);
        CHECK_NUMBER(policy_load(directories, &trust, &policy, &message), POLICY_E_INVALID);
        CHECK(message && strstr(message, "srv: everybody may write it"));
        freep(&message);
        message = NULL;
        CHECK(unlink(at("srv/b.json")) == 0);
        CHECK_NUMBER(policy_load(directories, &trust, &policy, &message), POLICY_E_INVALID);
        CHECK(message && strstr(message, "srv: everybody may write it"));
}

static void stop(void)
{
        static const char *const names[] = {
                "etc/policy.d/a.json",
                "etc/policy.d/near.json",
                "etc/policy.d/far.json",
                "etc/policy.d/masked.json",
                "etc/policy.d/turning.json",
                "etc/policy.d/fifo.json",
                "etc/policy.d",
                "etc/linked.d",
                "etc",
                "srv",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                CHECK(remove(at(names[i])) == 0);
        CHECK(rmdir(root) == 0);
}

int main(void)
{
        static const TapTest tests[] = {
                {"a directory of our own", start},
                {"trusted, by whatever links", test_trusted},
                {"modes", test_modes},
                {"owners", test_owners},
                {"access control lists", test_acl},
                {"links that lead out", test_outside},
                {"a policy", test_policy},
                {"nothing is left", stop},
        };

        return tap_run(tests);
}
