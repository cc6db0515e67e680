/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The sources, the first that knows the vendor: hwdb(7), and pci.ids of the distribution. If
 * $ISOLATION_PCI_IDS is set, only the file that it names, or none if it is empty. In pci.ids a line
 * "8086  Intel Corporation" names a vendor, and the lines
 * "\t10d3  82574L …" below it its products.
 */

#include "libclient/names.h"

#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-hwdb.h>
#include <unistd.h>

#include "core/model/text.h"

/* A file in memory; it is not terminated. */
typedef struct IdsFile {
        const char *text;
        size_t n;
} IdsFile;

/* A remembered lookup. */
typedef struct Known {
        uint32_t ids; /* vendor in the high half */
        char *name;
} Known;

struct Names {
        bool opened;
        IdsFile file;  /* pci.ids */
        sd_hwdb *hwdb; /* NULL if there is none */
        void *known;   /* of tsearch() */
};

Names *names_new(void)
{
        return calloc(1, sizeof(Names));
}

static void known_free(void *item)
{
        Known *known = item;

        free(known->name);
        free(known);
}

static void file_close(IdsFile *file)
{
        if (file->text)
                (void)munmap((void *)file->text, file->n);
}

Names *names_free(Names *names)
{
        if (!names)
                return NULL;
        tdestroy(names->known, known_free);
        sd_hwdb_unref(names->hwdb);
        file_close(&names->file);
        free(names);
        return NULL;
}

/* A file that cannot be read has no names. */
static void file_open(const char *path, IdsFile *ret)
{
        struct stat status;
        void *text = MAP_FAILED;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        if (fd < 0)
                return;
        if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
                text = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        (void)close(fd);
        if (text != MAP_FAILED)
                *ret = (IdsFile){text, (size_t)status.st_size};
}

static void open_sources(Names *names)
{
        static const char *const installed[] = {"/usr/share/misc/pci.ids",
                                                "/usr/share/hwdata/pci.ids"};
        const char *chosen = secure_getenv("ISOLATION_PCI_IDS");

        names->opened = true;
        if (chosen)
                return file_open(chosen, &names->file);
        if (sd_hwdb_new(&names->hwdb) < 0)
                names->hwdb = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(installed) && !names->file.text; i++)
                file_open(installed[i], &names->file);
}

/* The rest of the first line of the file that begins with `key`, a new line included. */
static IdsFile find_line(IdsFile file, const char *key)
{
        const char *found = file.n > 0 ? memmem(file.text, file.n, key, strlen(key)) : NULL;

        if (!found)
                return (IdsFile){NULL, 0};
        found += strlen(key);
        return (IdsFile){found, file.n - (size_t)(found - file.text)};
}

static char *copy_line(IdsFile line)
{
        const char *end = line.n > 0 ? memchr(line.text, '\n', line.n) : NULL;

        return line.text ? strndup(line.text, end ? (size_t)(end - line.text) : line.n) : NULL;
}

/* The lines of a vendor end at the next line that begins with neither a tab nor a comment. */
static IdsFile lines_of_vendor(IdsFile vendor)
{
        const char *p = vendor.text, *end = vendor.text + vendor.n;

        while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
                if (p + 1 < end && p[1] != '\t' && p[1] != '#')
                        break;
                p++;
        }
        return (IdsFile){vendor.text, (size_t)((p ?: end) - vendor.text)};
}

static void find_in_file(IdsFile file, uint16_t vendor, uint16_t device, char **ret_vendor,
                         char **ret_device)
{
        char key[16];

        (void)snprintf(key, sizeof(key), "\n%04x  ", vendor);
        IdsFile found = find_line(file, key);
        *ret_vendor = copy_line(found);
        if (!*ret_vendor)
                return;
        (void)snprintf(key, sizeof(key), "\n\t%04x  ", device);
        *ret_device = copy_line(find_line(lines_of_vendor(found), key));
}

static void find_in_hwdb(sd_hwdb *hwdb, uint16_t vendor, uint16_t device, char **ret_vendor,
                         char **ret_device)
{
        const char *value;
        char modalias[64];

        /* The ids of the subsystem would give the name of a board, which says less. */
        (void)snprintf(modalias, sizeof(modalias), "pci:v%08Xd%08X", vendor, device);
        if (!hwdb)
                return;
        if (sd_hwdb_get(hwdb, modalias, "ID_VENDOR_FROM_DATABASE", &value) >= 0)
                *ret_vendor = strdup(value);
        if (sd_hwdb_get(hwdb, modalias, "ID_MODEL_FROM_DATABASE", &value) >= 0)
                *ret_device = strdup(value);
}

/* Shortens "Advanced Micro Devices, Inc. [AMD/ATI]" to "AMD/ATI", "Intel Corporation" to "Intel".
 */
static void shorten_vendor(char *name)
{
        static const char *const forms[] = {
                ",",    " Corp",    " Inc",  " Co.", " Co ",
                " Ltd", " Limited", " GmbH", " (",   " and subsidiaries"};
        char *bracket = strrchr(name, '['), *end = name + strlen(name);

        if (bracket && bracket > name && end[-1] == ']') {
                end[-1] = '\0';
                memmove(name, bracket + 1, strlen(bracket));
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
                char *at = strstr(name, forms[i]);

                if (at && at > name)
                        *at = '\0';
        }
}

/* Names come from files: nothing in them may steer a terminal. */
static void make_plain(char *text)
{
        for (; *text; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7f)
                        *text = ' ';
}

static char *look_up(Names *names, uint16_t vendor, uint16_t device)
{
        _cleanup_(freep) char *vendor_name = NULL, *device_name = NULL;
        char *name;

        if (!names->opened)
                open_sources(names);
        find_in_hwdb(names->hwdb, vendor, device, &vendor_name, &device_name);
        if (!vendor_name)
                find_in_file(names->file, vendor, device, &vendor_name, &device_name);
        if (!vendor_name)
                return strdup("");
        shorten_vendor(vendor_name);
        name = device_name ? text_print("%s %s", vendor_name, device_name)
                           : text_print("%s device %04x", vendor_name, device);
        if (name)
                make_plain(name);
        return name;
}

static int compare_known(const void *a, const void *b)
{
        const Known *left = a, *right = b;

        return (left->ids > right->ids) - (left->ids < right->ids);
}

const char *names_find(Names *names, uint16_t vendor, uint16_t device)
{
        const Known key = {.ids = (uint32_t)vendor << 16 | device};
        Known *known, **found = tfind(&key, &names->known, compare_known);

        if (found)
                return (*found)->name;
        known = calloc(1, sizeof(*known));
        if (known)
                known->name = look_up(names, vendor, device);
        if (!known || !known->name) {
                free(known);
                return "";
        }
        known->ids = key.ids;
        if (!tsearch(known, &names->known, compare_known)) {
                known_free(known);
                return "";
        }
        return known->name;
}
