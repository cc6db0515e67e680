/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads small files. A missing file means "no" only if its directory exists. */

#include "core/probe/doctor_read.h"

#include "core/probe/process.h"
#include "core/probe/sysfs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define TABLES "firmware/acpi/tables"

static const char *const modprobe_directories[] = {
        "/etc/modprobe.d",     "/run/modprobe.d", "/usr/local/lib/modprobe.d",
        "/usr/lib/modprobe.d", "/lib/modprobe.d", NULL,
};

const DoctorPaths doctor_paths_live = {
        .sysfs = "/sys",
        .modules = "/lib/modules",
        .modprobe = modprobe_directories,
        .proc = "/proc",
};

/* Is the name in the directory? UNKNOWN if the directory does not exist. */
static Tristate is_there(int root, const char *directory, const char *name)
{
        char path[PATH_MAX];
        struct stat status;

        int n = snprintf(path, sizeof(path), "%s/%s", directory, name);
        if (n < 0 || (size_t)n >= sizeof(path))
                return TRISTATE_UNKNOWN;
        if (fstatat(root, path, &status, 0) == 0)
                return TRISTATE_YES;
        if (errno == ENOENT && fstatat(root, directory, &status, 0) == 0)
                return TRISTATE_NO;
        return TRISTATE_UNKNOWN;
}

/* Reads the first bytes of a table. Returns false if it is shorter or has another signature. */
static bool read_table(int root, const char *name, uint8_t *bytes, size_t n)
{
        char path[sizeof(TABLES) + 8];
        _cleanup_(closep) int fd = -1;

        (void)snprintf(path, sizeof(path), TABLES "/%s", name);
        fd = sysfs_open_file(root, path, NULL);
        return fd >= 0 && read(fd, bytes, n) == (ssize_t)n && memcmp(bytes, name, 4) == 0;
}

/* DMAR: VT-d Specification 8.1, flags at 37. IVRS: AMD's 48882, IVinfo at 36, DmaRemapSup bit 1. */
static void read_firmware(int root, DoctorFacts *facts)
{
        uint8_t bytes[40];

        facts->dmar = is_there(root, TABLES, "DMAR");
        if (facts->dmar == TRISTATE_YES) {
                facts->dmar_read = tristate_from_bool(read_table(root, "DMAR", bytes, 38));
                if (facts->dmar_read == TRISTATE_YES)
                        facts->dmar_flags = bytes[37];
        }
        if (is_there(root, TABLES, "IVRS") == TRISTATE_YES && read_table(root, "IVRS", bytes, 40))
                facts->ivrs_opt_in = tristate_from_bool(bytes[36] & 0x02);
}

/* --- modules ---------------------------------------------------------------------------------- */

static void read_list(const char *path, Tristate modules[static _DOCTOR_MODULE_N])
{
        _cleanup_(fclosep) FILE *file = fopen(path, "re");
        _cleanup_(freep) char *line = NULL;
        size_t n = 0;

        while (file && getline(&line, &n, file) > 0)
                for (DoctorModule module = 0; module < _DOCTOR_MODULE_N; module++)
                        if (doctor_line_is_module(line, doctor_module_name(module)))
                                modules[module] = TRISTATE_YES;
}

static void read_modules(int root, const DoctorPaths *paths, const char *release,
                         DoctorFacts *facts)
{
        static const char *const lists[] = {"modules.dep", "modules.builtin"};
        size_t n_lists = 0;
        char path[PATH_MAX];

        for (size_t i = 0; paths->modules && *release && i < ARRAY_SIZE(lists); i++) {
                (void)snprintf(path, sizeof(path), "%s/%s/%s", paths->modules, release, lists[i]);
                if (access(path, R_OK) == 0)
                        n_lists++;
                read_list(path, facts->modules);
        }
        for (DoctorModule module = 0; module < _DOCTOR_MODULE_N; module++) {
                if (is_there(root, "module", doctor_module_name(module)) == TRISTATE_YES)
                        facts->modules[module] = TRISTATE_YES;
                else if (facts->modules[module] == TRISTATE_UNKNOWN && n_lists == ARRAY_SIZE(lists))
                        facts->modules[module] = TRISTATE_NO;
        }
}

/* A loaded module without the parameter does not have it on. */
static Tristate read_parameter(int root, const char *module, const char *name)
{
        char directory[PATH_MAX], path[PATH_MAX], text[16];

        (void)snprintf(path, sizeof(path), "module/%s/parameters/%s", module, name);
        if (sysfs_read_line(root, path, text, sizeof(text)) == 0)
                return tristate_from_bool(strcmp(text, "N") != 0 && strcmp(text, "0") != 0);
        (void)snprintf(directory, sizeof(directory), "module/%s", module);
        (void)snprintf(path, sizeof(path), "parameters/%s", name);
        return is_there(root, directory, path) == TRISTATE_NO ? TRISTATE_NO : TRISTATE_UNKNOWN;
}

/* Joins a line that ends in \ with the next one. */
static void read_options(FILE *file, DoctorSwitch switches[static _DOCTOR_PARAMETER_N])
{
        char line[4096];
        size_t n = 0;
        int c;

        do {
                c = getc(file);
                if (c != '\n' && c != EOF) {
                        if (n < sizeof(line) - 1)
                                line[n++] = (char)c;
                        continue;
                }
                if (c == '\n' && n > 0 && line[n - 1] == '\\') {
                        line[n - 1] = ' ';
                        continue;
                }
                line[n] = '\0';
                n = 0;
                for (DoctorParameter i = 0; i < _DOCTOR_PARAMETER_N; i++) {
                        const char *module, *name;

                        doctor_parameter_name(i, &module, &name);
                        if (doctor_line_sets(line, module, name) == TRISTATE_YES)
                                switches[i].configured = TRISTATE_YES;
                }
        } while (c != EOF);
}

/* Returns whether all files of the directory could be read; a missing directory is empty. */
static bool read_modprobe(const char *path, DoctorSwitch switches[static _DOCTOR_PARAMETER_N])
{
        static const char suffix[] = ".conf";
        _cleanup_(closedirp) DIR *directory = opendir(path);

        if (!directory)
                return errno == ENOENT;
        for (struct dirent *entry; (entry = readdir(directory));) {
                size_t n = strlen(entry->d_name);
                _cleanup_(fclosep) FILE *file = NULL;
                _cleanup_(closep) int fd = -1;

                if (n <= strlen(suffix) || strcmp(entry->d_name + n - strlen(suffix), suffix) != 0)
                        continue;
                fd = sysfs_open_file(dirfd(directory), entry->d_name, NULL);
                if (fd >= 0)
                        file = fdopen(fd, "r");
                if (!file)
                        return false;
                fd = -1; /* the stream's */
                read_options(file, switches);
        }
        return true;
}

static void read_parameters(int root, const DoctorPaths *paths, DoctorFacts *facts)
{
        bool all = paths->modprobe;

        for (DoctorParameter i = 0; i < _DOCTOR_PARAMETER_N; i++) {
                const char *module, *name;

                doctor_parameter_name(i, &module, &name);
                facts->parameters[i].loaded = read_parameter(root, module, name);
        }
        for (const char *const *path = paths->modprobe; path && *path; path++)
                all = read_modprobe(*path, facts->parameters) && all;
        for (DoctorParameter i = 0; all && i < _DOCTOR_PARAMETER_N; i++)
                if (facts->parameters[i].configured == TRISTATE_UNKNOWN)
                        facts->parameters[i].configured = TRISTATE_NO;
}

/* --- the rest --------------------------------------------------------------------------------- */

/* "none [integrity] confidentiality": the value in brackets is the current one. */
static DoctorLockdown read_lockdown(int root)
{
        char text[64];

        if (sysfs_read_line(root, "kernel/security/lockdown", text, sizeof(text)) == 0)
                return strstr(text, "[none]")              ? DOCTOR_LOCKDOWN_NONE
                       : strstr(text, "[integrity]")       ? DOCTOR_LOCKDOWN_INTEGRITY
                       : strstr(text, "[confidentiality]") ? DOCTOR_LOCKDOWN_CONFIDENTIALITY
                                                           : DOCTOR_LOCKDOWN_UNKNOWN;
        /* securityfs is mounted without this file: the kernel was built without lockdown. */
        if (is_there(root, "kernel/security", "lsm") == TRISTATE_YES &&
            is_there(root, "kernel/security", "lockdown") == TRISTATE_NO)
                return DOCTOR_LOCKDOWN_NONE;
        return DOCTOR_LOCKDOWN_UNKNOWN;
}

static void read_external_ports(int root, DoctorFacts *facts)
{
        _cleanup_(closedirp) DIR *directory = NULL;
        _cleanup_(closep) int fd =
                openat(root, "bus/thunderbolt/devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        facts->external_ports = TRISTATE_NO;
        directory = fd < 0 ? NULL : fdopendir(fd);
        if (!directory)
                return;
        fd = -1; /* the directory's */
        for (struct dirent *entry; (entry = readdir(directory));) {
                char path[PATH_MAX], text[8];
                Tristate is_protected = TRISTATE_UNKNOWN;

                if (strncmp(entry->d_name, "domain", 6) != 0)
                        continue;
                (void)snprintf(path, sizeof(path), "%s/iommu_dma_protection", entry->d_name);
                if (sysfs_read_line(dirfd(directory), path, text, sizeof(text)) == 0)
                        is_protected = tristate_from_bool(strcmp(text, "1") == 0);
                /* The weakest value: no, then unknown. */
                if (facts->external_ports == TRISTATE_NO ||
                    (facts->external_protected != TRISTATE_NO && is_protected != TRISTATE_YES))
                        facts->external_protected = is_protected;
                facts->external_ports = TRISTATE_YES;
        }
}

void doctor_read(const DoctorPaths *paths, const char *release, DoctorFacts *ret_facts)
{
        _cleanup_(closep) int root = -1;

        *ret_facts = (DoctorFacts){.is_live = paths->proc};
        if (paths->proc) {
                _cleanup_(closep) int process = process_open(paths->proc, 0);
                process_read_memlock(process, &ret_facts->memlock);
        }
        root = paths->sysfs ? open(paths->sysfs, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        if (root < 0)
                return;
        /* Without an IOMMU the running kernel has an empty directory, or none. */
        ret_facts->groups_told =
                paths->proc ? TRISTATE_YES : is_there(root, "kernel", "iommu_groups");
        read_firmware(root, ret_facts);
        read_modules(root, paths, release, ret_facts);
        read_parameters(root, paths, ret_facts);
        ret_facts->lockdown = read_lockdown(root);
        read_external_ports(root, ret_facts);
}
