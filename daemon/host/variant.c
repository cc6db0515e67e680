/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * /lib/modules/RELEASE, and /sys/module/MODULE/drivers, which lists "pci:NAME".
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "daemon/host/driver.h"
#include "daemon/host/variant.h"

#define TABLE_SIZE_MAX (64U << 20) /* bytes; Debian's are below 2 MiB */

void variant_tables_clear(VariantTables *tables)
{
        free(tables->aliases);
        free(tables->builtin);
        *tables = (VariantTables){.n_builtin = 0};
}

/* Reads a whole table and adds a NUL. A missing table is empty. */
static int read_table(const HostPaths *host, const char *name, char **ret, size_t *ret_n)
{
        struct utsname kernel;
        struct stat st = {.st_size = 0};
        char path[PATH_MAX];
        size_t n = 0;

        if (uname(&kernel) < 0)
                return -errno;
        (void)snprintf(path, sizeof(path), "%s/%s/%s", host->modules ? host->modules : "",
                       kernel.release, name);
        _cleanup_(closep) int fd = host->modules ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0 && host->modules && errno != ENOENT)
                return -errno;
        if (fd >= 0 && fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size < 0 || (uint64_t)st.st_size > TABLE_SIZE_MAX)
                return -EFBIG;
        _cleanup_(freep) char *text = malloc((size_t)st.st_size + 1);
        if (!text)
                return -ENOMEM;
        while (n < (size_t)st.st_size) {
                ssize_t got = read(fd, text + n, (size_t)st.st_size - n);
                if (got < 0)
                        return -errno;
                if (got == 0)
                        break;
                n += (size_t)got;
        }
        text[n] = '\0';
        *ret = TAKE_PTR(text);
        *ret_n = n;
        return 0;
}

int variant_tables_read(const HostPaths *host, VariantTables *ret)
{
        _cleanup_(variant_tables_clear) VariantTables tables = {.n_builtin = 0};
        size_t n_aliases;

        int r = read_table(host, "modules.alias", &tables.aliases, &n_aliases);
        if (r == 0)
                r = read_table(host, "modules.builtin.modinfo", &tables.builtin, &tables.n_builtin);
        if (r < 0)
                return r;
        *ret = tables;
        tables = (VariantTables){.n_builtin = 0};
        return 0;
}

int variant_find(const HostPaths *host, const VariantTables *tables, Bdf bdf, VariantMatch *ret)
{
        VariantMatch match = {.module = ""};
        _cleanup_(freep) char *modalias = NULL;

        int r = host_read_device(host, bdf, "modalias", &modalias);
        if (r < 0)
                return r;
        variant_search_aliases(tables->aliases, modalias, &match);
        variant_search_modinfo(tables->builtin, tables->n_builtin, modalias, &match);
        *ret = match;
        return 0;
}

int variant_driver(const HostPaths *host, const char *module,
                   char ret_driver[static VARIANT_NAME_SIZE])
{
        static const char bus[] = "pci:";
        char name[VARIANT_NAME_SIZE];

        /* The kernel names a module with _, even if its file has - in its name. */
        (void)snprintf(name, sizeof(name), "%s", module);
        for (char *c = name; (c = strchr(c, '-'));)
                *c = '_';
        _cleanup_(closedirp) DIR *directory =
                host_open_directory("%s/module/%s/drivers", host->sysfs, name);
        if (!directory)
                return -errno;
        for (struct dirent *entry; (entry = readdir(directory));) {
                const char *driver = entry->d_name + strlen(bus);

                if (strncmp(entry->d_name, bus, strlen(bus)) != 0 ||
                    strlen(driver) >= VARIANT_NAME_SIZE || !driver_exists(host, driver))
                        continue;
                (void)snprintf(ret_driver, VARIANT_NAME_SIZE, "%s", driver);
                return 0;
        }
        return -ENOENT;
}

int variant_load(const HostPaths *host, const char *module,
                 char ret_driver[static VARIANT_NAME_SIZE], char **ret_message)
{
        int r = variant_driver(host, module, ret_driver);
        if (r != -ENOENT)
                return r;
        r = driver_load_module(module, ret_message);
        if (r == 0)
                r = variant_driver(host, module, ret_driver);
        if (r != -ENOENT)
                return r;
        return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                           "module %s is loaded and has no driver for PCI", module);
}
