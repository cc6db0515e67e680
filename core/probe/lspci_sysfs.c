/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Groups from the kernel: in its log,
 *
 *     [    0.5] pci 0000:00:01.0: Adding to iommu group 1        (before Linux 5.3:)
 *     [    0.5] iommu: Adding device 0000:00:01.0 to group 1
 *
 * and as links in /sys/kernel/iommu_groups, listed by find(1), ls(1) or tree(1). The target of a
 * link, if shown, is the path to the device.
 */

#include "core/probe/lspci_reader.h"

#include <string.h>
#include <strings.h>

/* The address that ends at `end`. */
static bool address_before(const char *text, const char *end, Bdf *ret)
{
        const char *start = end;
        char address[BDF_TEXT_SIZE];
        size_t n;

        while (start > text && start[-1] != ' ')
                start--;
        n = (size_t)(end - start);
        if (n >= sizeof(address))
                return false;
        memcpy(address, start, n);
        address[n] = '\0';
        return bdf_parse(address, ret);
}

static bool address_at(const char *text, Bdf *ret)
{
        size_t n = strcspn(text, " /");

        /* ls -F adds a mark to links. */
        while (n > 0 && (text[n - 1] == '@' || text[n - 1] == ':'))
                n--;
        return address_before(text, text + n, ret);
}

static bool number_at(const char *text, int32_t *ret)
{
        size_t n = strspn(text, "0123456789");

        if (n == 0 || n > 9)
                return false;
        *ret = (int32_t)strtol(text, NULL, 10);
        return true;
}

/* Parses a line of the log. */
static bool parse_log(const char *text, Bdf *ret_bdf, int32_t *ret_group, bool *ret_removed)
{
        static const struct {
                const char *verb;
                bool removed;
        } news[] = {{": Adding to iommu group ", false}, {": Removing from iommu group ", true}},
          olds[] = {{"Adding device ", false}, {"Removing device ", true}};

        for (size_t i = 0; i < ARRAY_SIZE(news); i++) {
                const char *at = strcasestr(text, news[i].verb);

                *ret_removed = news[i].removed;
                if (at && address_before(text, at, ret_bdf))
                        return number_at(at + strlen(news[i].verb), ret_group);
        }
        for (size_t i = 0; i < ARRAY_SIZE(olds); i++) {
                const char *at = strstr(text, olds[i].verb), *group;

                *ret_removed = olds[i].removed;
                if (!at || !address_at(at + strlen(olds[i].verb), ret_bdf))
                        continue;
                group = strstr(at, olds[i].removed ? "from group " : "to group ");
                return group && number_at(strstr(group, "group ") + strlen("group "), ret_group);
        }
        return false;
}

int lspci_take_log(Lspci *lspci)
{
        LspciEntry entry;
        int32_t group;
        bool removed;
        Bdf bdf;
        int r;

        if (!parse_log(lspci->line.text, &bdf, &group, &removed))
                return LSPCI_LINE_OTHER;
        r = lspci_close(lspci);
        if (r != 0)
                return r;
        lspci->scope.is_open = false;
        r = lspci_ends_in_number(lspci);
        if (r < 0)
                return r;
        if (r > 0)
                group = KERNEL_GROUP_UNKNOWN;
        entry = lspci_entry_new(lspci, bdf);
        entry.is_logged = true;
        entry.is_removed = removed;
        entry.device.kernel_group = removed ? KERNEL_GROUP_UNKNOWN : group;
        entry.group_line = lspci->line.number;
        return lspci_add_entry(lspci, &entry);
}

/* Adds a link, by name and target; `group` is KERNEL_GROUP_UNKNOWN if it is not shown. */
static int add_link(Lspci *lspci, Bdf bdf, int32_t group, const char *target)
{
        LspciEntry entry;
        LspciPath path = {0};
        int r = lspci_close(lspci);

        if (r != 0)
                return r;
        entry = lspci_entry_new(lspci, bdf);
        entry.device.kernel_group = group;
        entry.group_line = group >= 0 ? lspci->line.number : 0;
        if (target && lspci_parse_sysfs_path(target, &path) &&
            bdf_equal(path.steps[path.n - 1], bdf)) {
                entry.is_on_root = path.n == 1;
                r = lspci_add_path(lspci, &path);
        }
        return r == 0 ? lspci_add_entry(lspci, &entry) : r;
}

/* "/sys/kernel/iommu_groups/1/devices/0000:00:01.0", or a heading of ls(1) or tree(1) without a
 * device. */
static int take_groups_path(Lspci *lspci, const char *at)
{
        LspciScope *scope = &lspci->scope;
        int32_t group;
        Bdf bdf;
        int r = lspci_close(lspci);

        if (r != 0)
                return r;
        scope->is_open = false;
        at += *at == '/';
        scope->is_numbers = *at == '\0' || *at == ':';
        if (!number_at(at, &group))
                return 0;
        at += strspn(at, "0123456789");
        if (strncmp(at, "/devices", 8) != 0)
                return 0;
        at += 8;
        if (*at == '/' && address_at(at + 1, &bdf))
                return add_link(lspci, bdf, group, strstr(at, " -> "));
        if (at[strspn(at, "/:")] == '\0')
                *scope = (LspciScope){.is_open = true, .group = group, .line = lspci->line.number};
        return 0;
}

/* "lrwxrwxrwx 1 root root 0 … 0000:00:1c.0 -> ../../../../devices/pci0000:00/0000:00:1c.0" */
static int take_link(Lspci *lspci, const char *arrow)
{
        /* The depth of the links of a group; links in bus/pci/devices have another depth. */
        static const char deep[] = " -> ../../../../devices/pci";
        LspciScope *scope = &lspci->scope;
        const char *text = lspci->line.text;
        bool in_scope =
                scope->is_open && !scope->is_blank && strncmp(arrow, deep, sizeof(deep) - 1) == 0;
        Bdf bdf;

        if (!strstr(arrow, "devices/pci") || !address_before(text, arrow, &bdf))
                return LSPCI_LINE_OTHER;
        scope->has_devices |= in_scope;
        return add_link(lspci, bdf, in_scope ? scope->group : KERNEL_GROUP_UNKNOWN, arrow);
}

int lspci_take_sysfs(Lspci *lspci)
{
        static const char groups[] = "iommu_groups";
        const char *text = lspci->line.text, *at = strstr(text, groups), *arrow;

        if (at && at > text && at[-1] == '/')
                return take_groups_path(lspci, at + strlen(groups));
        arrow = strstr(text, " -> ");
        return arrow ? take_link(lspci, arrow) : LSPCI_LINE_OTHER;
}
