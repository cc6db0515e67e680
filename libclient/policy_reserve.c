/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The devices of a machine that a policy reserves, and adopting the present devices. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/model/reserve.h"
#include "core/probe/cleanup.h"
#include "core/probe/policy_edit.h"
#include "libclient/host.h"
#include "libclient/policy.h"

#define TEXT_MAX ((size_t)1 << 20)

static int need_snapshot(iso_policy *policy, const iso_host *host)
{
        if (host->snapshot && host->snapshot->n_devices == host->view->n_devices)
                return 0;
        return policy_fail(
                policy, ISO_E_UNSUPPORTED,
                "a policy can only be evaluated for a machine that is read, not for the daemon's");
}

int iso_policy_reservations(iso_policy *policy, iso_host *host, const iso_reservation **ret,
                            size_t *ret_n)
{
        _cleanup_(reserve_plan_deinitp) ReservePlan plan = {.reservations = NULL};
        iso_reservation *found;
        int r = need_snapshot(policy, host);

        if (r == 0)
                r = tree_read_traits(host);
        if (r == 0)
                r = reserve_plan(policy->policy, host->snapshot, &plan);
        if (r != 0)
                return r;
        found = arena_alloc(&policy->arena, plan.n_reservations + 1, sizeof(*found));
        if (!found)
                return -ENOMEM;
        for (size_t i = 0; i < plan.n_reservations; i++) {
                const Reservation *each = &plan.reservations[i];
                _cleanup_(freep) char *text = reserve_describe(host->snapshot, each);

                found[i] = (iso_reservation){
                        .device = arena_strdup(&policy->arena,
                                               host->view->devices[each->device].address),
                        .rule = each->rule->name,
                        .origin = each->rule->origin,
                        .verdict = reserve_verdict_to_string(each->verdict),
                        .text = text ? arena_strdup(&policy->arena, text) : NULL,
                };
                if (!found[i].device || !found[i].text)
                        return -ENOMEM;
        }
        *ret = found;
        *ret_n = plan.n_reservations;
        return 0;
}

/* Finds the rule that `name` names; *ret_rule is never SIZE_MAX. */
static int find_rule(iso_policy *policy, const char *name, size_t *ret_rule)
{
        const Policy *rules = policy->policy;
        size_t found = SIZE_MAX;

        for (size_t i = 0; i < rules->n_rules; i++) {
                const PolicyRule *rule = &rules->rules[i];

                if (strcmp(rule->name, name) != 0 && strcmp(rule->origin, name) != 0)
                        continue;
                if (found != SIZE_MAX)
                        return policy_fail(
                                policy, ISO_E_INVALID,
                                "several rules have the name \"%s\": use \"%s\" or \"%s\"", name,
                                rules->rules[found].origin, rule->origin);
                found = i;
        }
        if (found == SIZE_MAX)
                return policy_fail(policy, ISO_E_NOT_FOUND, "there is no rule \"%s\"", name);
        if (!rules->rules[found].reserve.at_boot)
                return policy_fail(policy, ISO_E_INVALID, "rule %s reserves nothing",
                                   rules->rules[found].origin);
        *ret_rule = found;
        return 0;
}

/* The identity that all devices of a rule share. */
typedef struct Common {
        size_t n;
        bool same_vendor, same_device, same_members, same_group;
        uint16_t vendor, device;
        int32_t group;
        size_t n_members;
} Common;

static size_t count_members(const Snapshot *snapshot, int32_t group)
{
        size_t n = 0;

        for (size_t i = 0; group >= 0 && i < snapshot->n_devices; i++)
                n += snapshot->devices[i].kernel_group == group;
        return n;
}

static int find_common(const iso_policy *policy, const iso_host *host, const PolicyRule *rule,
                       Common *ret)
{
        _cleanup_(reserve_plan_deinitp) ReservePlan plan = {.reservations = NULL};
        Common common = {
                .same_vendor = true, .same_device = true, .same_members = true, .same_group = true};
        int r = reserve_plan(policy->policy, host->snapshot, &plan);

        if (r < 0)
                return r;
        for (size_t i = 0; i < plan.n_reservations; i++) {
                const Reservation *each = &plan.reservations[i];
                const PciDevice *device = &host->snapshot->devices[each->device];
                size_t n_members = count_members(host->snapshot, device->kernel_group);

                if (each->rule != rule || each->verdict == RESERVE_BRIDGE)
                        continue;
                if (common.n++ == 0) {
                        common.vendor = device->ids.vendor;
                        common.device = device->ids.device;
                        common.group = device->kernel_group;
                        common.n_members = n_members;
                }
                common.same_vendor &= device->ids.vendor == common.vendor;
                common.same_device &= device->ids.device == common.device;
                common.same_group &= device->kernel_group == common.group;
                common.same_members &= n_members == common.n_members;
        }
        *ret = common;
        return 0;
}

/* The ids of a group's members, in the order of their addresses. */
static void write_group(FILE *stream, const Snapshot *snapshot, int32_t group)
{
        const char *before = ", \"group\": [\"";

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];

                if (device->kernel_group != group)
                        continue;
                (void)fprintf(stream, "%s%04x:%04x", before, device->ids.vendor,
                              device->ids.device);
                before = "\", \"";
        }
        (void)fputs("\"]", stream);
}

/* Counts the members of several groups; names those of one group. The caller frees the text. */
static char *fingerprint_text(const Snapshot *snapshot, const Common *common)
{
        _cleanup_(freep) char *text = NULL;
        size_t n_text;
        bool good;

        {
                _cleanup_(fclosep) FILE *stream = open_memstream(&text, &n_text);
                if (!stream)
                        return NULL;
                if (common->same_vendor)
                        (void)fprintf(stream, ", \"vendor\": \"%04x\"", common->vendor);
                if (common->same_vendor && common->same_device)
                        (void)fprintf(stream, ", \"device\": \"%04x\"", common->device);
                if (common->same_group && common->group >= 0)
                        write_group(stream, snapshot, common->group);
                else if (common->same_members && common->n_members > 0)
                        (void)fprintf(stream, ", \"members\": %zu", common->n_members);
                (void)fputs(" }", stream);
                good = fflush(stream) == 0 && !ferror(stream);
        }
        if (!good)
                return NULL;
        text[0] = '{'; /* replaces the first comma, or the space if the list is empty */
        return TAKE_PTR(text);
}

static int make_fingerprint(iso_policy *policy, const iso_host *host, const Common *common,
                            const PolicyRule *rule, char **ret_text)
{
        _cleanup_(freep) char *text = NULL;

        if (common->n == 0)
                return policy_fail(policy, ISO_E_NOT_FOUND,
                                   "rule %s matches no device of this machine", rule->origin);
        text = fingerprint_text(host->snapshot, common);
        if (!text)
                return -ENOMEM;
        if (strcmp(text, "{}") == 0)
                return policy_fail(
                        policy, ISO_E_INVALID,
                        "the devices of rule %s have nothing in common: write a rule for each",
                        rule->origin);
        *ret_text = TAKE_PTR(text);
        return 0;
}

static int read_file(iso_policy *policy, const char *path, char **ret_text, mode_t *ret_mode)
{
        _cleanup_(fclosep) FILE *stream = fopen(path, "re");
        _cleanup_(freep) char *text = calloc(1, TEXT_MAX + 1);
        struct stat status;
        size_t n;

        if (!text)
                return -ENOMEM;
        if (!stream || fstat(fileno(stream), &status) < 0)
                return policy_fail(policy, -errno, "%s: %s", path, strerror(errno));
        n = fread(text, 1, TEXT_MAX, stream);
        if (ferror(stream) || strlen(text) != n)
                return policy_fail(policy, -EIO, "%s cannot be read", path);
        *ret_mode = status.st_mode & 0644; /* the daemon refuses a policy that others can write */
        *ret_text = TAKE_PTR(text);
        return 0;
}

/*
 * Replaces the file atomically; the temporary name does not end in .json, so that readers of the
 * directory skip it.
 */
static int replace_file(int directory, const char *name, const char *text, mode_t mode)
{
        char temporary[NAME_MAX + 1];
        size_t n_text = strlen(text);
        int n = snprintf(temporary, sizeof(temporary), ".%s.%d", name, (int)getpid());
        _cleanup_(closep) int fd = -1;

        if (n < 0 || (size_t)n >= sizeof(temporary))
                return -ENAMETOOLONG;
        fd = openat(directory, temporary,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (fd < 0)
                return -errno;
        for (size_t at = 0; at < n_text;) {
                ssize_t written = write(fd, text + at, n_text - at);

                if (written < 0 && errno != EINTR) {
                        int r = -errno;

                        (void)unlinkat(directory, temporary, 0);
                        return r;
                }
                at += written > 0 ? (size_t)written : 0;
        }
        if (fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
            renameat(directory, temporary, directory, name) < 0) {
                int r = -errno;

                (void)unlinkat(directory, temporary, 0);
                return r;
        }
        return fsync(directory) < 0 ? -errno : 0;
}

static int write_file(iso_policy *policy, const char *directory, const char *file, const char *text,
                      mode_t mode, const char **ret_path)
{
        const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
        _cleanup_(closep) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        char path[PATH_MAX];
        int r = fd < 0 ? -errno : replace_file(fd, name, text, mode);

        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        if (r < 0)
                return policy_fail(policy, r, "%s cannot be written: %s", path, strerror(-r));
        *ret_path = arena_strdup(&policy->arena, path);
        return *ret_path ? 0 : -ENOMEM;
}

/* The index of a rule in its file. */
static size_t number_in_file(const iso_policy *policy, size_t rule)
{
        size_t n = 0;

        for (size_t i = 0; i < rule; i++)
                n += policy->rules[i].file == policy->rules[rule].file;
        return n;
}

static int edit(iso_policy *policy, size_t rule, const char *fingerprint, char **ret_text,
                mode_t *ret_mode)
{
        _cleanup_(policy_fault_clear) PolicyFault fault = {.message = NULL};
        const char *path = policy->rules[rule].file;
        _cleanup_(freep) char *text = NULL;
        int r = read_file(policy, path, &text, ret_mode);

        if (r == 0)
                r = policy_set_fingerprint(path, text, number_in_file(policy, rule), fingerprint,
                                           ret_text, &fault);
        if (r == POLICY_E_INVALID)
                return policy_fail(policy, ISO_E_INVALID, "%s", fault.message);
        return r == -ENOENT ? policy_fail(policy, r, "%s has changed meanwhile", path) : r;
}

int iso_policy_accept(iso_policy *policy, iso_host *host, const char *rule, const char *directory,
                      const char **ret_path)
{
        _cleanup_(freep) char *text = NULL, *fingerprint = NULL;
        size_t number = 0;
        Common common;
        mode_t mode = 0644;
        int r = need_snapshot(policy, host);

        if (r == 0)
                r = find_rule(policy, rule, &number);
        if (r == 0)
                r = tree_read_traits(host);
        if (r == 0)
                r = find_common(policy, host, &policy->policy->rules[number], &common);
        if (r == 0)
                r = make_fingerprint(policy, host, &common, &policy->policy->rules[number],
                                     &fingerprint);
        if (r == 0)
                r = edit(policy, number, fingerprint, &text, &mode);
        if (r != 0)
                return r;
        return write_file(policy, directory ? directory : policy_directories[0],
                          policy->rules[number].file, text, mode, ret_path);
}
