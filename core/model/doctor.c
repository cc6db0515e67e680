/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The round of the checks, and what several of them need. */

#include "core/model/doctor_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"

static const DoctorCheck *const rounds[] = {
        doctor_iommu_checks,
        doctor_group_checks,
        doctor_kernel_checks,
};

static const struct {
        const char *module, *name;
} parameters[_DOCTOR_PARAMETER_N] = {
        [DOCTOR_TYPE1_UNSAFE] = {"vfio_iommu_type1", "allow_unsafe_interrupts"},
        [DOCTOR_IOMMUFD_UNSAFE] = {"iommufd", "allow_unsafe_interrupts"},
        [DOCTOR_NOIOMMU] = {"vfio", "enable_unsafe_noiommu_mode"},
};

Diagnosis *diagnosis_free(Diagnosis *diagnosis)
{
        if (diagnosis) {
                for (size_t i = 0; i < diagnosis->n_findings; i++)
                        free(diagnosis->findings[i].evidence);
                free(diagnosis->findings);
                free(diagnosis);
        }
        return NULL;
}

int doctor_examine(const DoctorCase *subject, Diagnosis **ret_diagnosis)
{
        _cleanup_(diagnosis_freep) Diagnosis *diagnosis = calloc(1, sizeof(*diagnosis));
        size_t n = 0;

        if (!diagnosis)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(rounds); i++)
                for (const DoctorCheck *check = rounds[i]; check->id; check++)
                        n++;
        diagnosis->findings = calloc(n, sizeof(*diagnosis->findings));
        if (!diagnosis->findings)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(rounds); i++)
                for (const DoctorCheck *check = rounds[i]; check->id; check++) {
                        DoctorFinding *finding = &diagnosis->findings[diagnosis->n_findings];

                        *finding = (DoctorFinding){
                                .id = check->id, .why = check->why, .what = "", .fix = ""};
                        if (!check->examine(subject, finding))
                                continue;
                        if (!finding->evidence)
                                return -ENOMEM;
                        diagnosis->n_findings++;
                }
        *ret_diagnosis = TAKE_PTR(diagnosis);
        return 0;
}

bool doctor_answer(DoctorFinding *finding, DoctorLevel level, const char *what, const char *fix,
                   const char *format, ...)
{
        va_list arguments;

        finding->level = level;
        finding->what = what;
        finding->fix = fix;
        va_start(arguments, format);
        finding->evidence = text_vprint(format, arguments);
        va_end(arguments);
        return true;
}

const char *doctor_level_to_string(DoctorLevel level)
{
        switch (level) {
        case DOCTOR_OK:
                return "ok";
        case DOCTOR_WARN:
                return "warn";
        case DOCTOR_FAIL:
                return "fail";
        case DOCTOR_UNKNOWN:
        case _DOCTOR_LEVEL_N:
                break;
        }
        return "unknown";
}

void doctor_names_add(DoctorNames *names, const char *name)
{
        char *before = names->text;

        if (names->n++ >= DOCTOR_NAMES_SHOWN)
                return;
        names->text = text_print("%s%s%s", before ? before : "", before ? ", " : "", name);
        free(before);
}

const char *doctor_names_end(DoctorNames *names)
{
        char *before = names->text;

        if (names->n > DOCTOR_NAMES_SHOWN && before) {
                names->text = text_print("%s and %zu more", before, names->n - DOCTOR_NAMES_SHOWN);
                free(before);
        }
        return names->text ? names->text : "";
}

void doctor_names_clear(DoctorNames *names)
{
        free(names->text);
        *names = (DoctorNames){.n = 0};
}

size_t doctor_n_covered(const Snapshot *snapshot)
{
        size_t n = 0;

        for (size_t i = 0; i < snapshot->n_devices; i++)
                n += snapshot->devices[i].kernel_group >= 0;
        return n;
}

/* --- names and versions ----------------------------------------------------------------------- */

static bool read_digits(const char **text, unsigned *ret)
{
        const char *c = *text;
        unsigned value = 0;

        while (*c >= '0' && *c <= '9' && value < 100000)
                value = value * 10 + (unsigned)(*c++ - '0');
        *ret = value;
        if (c == *text)
                return false;
        *text = c;
        return true;
}

bool doctor_version(const Snapshot *snapshot, DoctorVersion *ret)
{
        const char *text = snapshot->kernel_release;

        *ret = (DoctorVersion){0};
        if (!read_digits(&text, &ret->major) || *text++ != '.' || !read_digits(&text, &ret->minor))
                return false;
        if (*text == '.') {
                text++;
                (void)read_digits(&text, &ret->patch);
        }
        return true;
}

bool doctor_version_is(const DoctorVersion *version, unsigned major, unsigned minor)
{
        return version->major > major || (version->major == major && version->minor >= minor);
}

const char *doctor_word(const Snapshot *snapshot, const char *begin, int *ret_n)
{
        const char *line = snapshot->command_line;

        for (const char *at = line ? strstr(line, begin) : NULL; at; at = strstr(at + 1, begin))
                if (at == line || at[-1] == ' ') {
                        *ret_n = (int)strcspn(at, " \n");
                        return at;
                }
        return NULL;
}

const char *doctor_module_name(DoctorModule module)
{
        static const char *const names[_DOCTOR_MODULE_N] = {
                [DOCTOR_MODULE_VFIO_PCI] = "vfio_pci",
                [DOCTOR_MODULE_TYPE1] = "vfio_iommu_type1",
                [DOCTOR_MODULE_IOMMUFD] = "iommufd",
        };

        return names[module];
}

void doctor_parameter_name(DoctorParameter parameter, const char **ret_module,
                           const char **ret_name)
{
        *ret_module = parameters[parameter].module;
        *ret_name = parameters[parameter].name;
}

/* The length of `name` if the text begins with it, - and _ being the same; else 0. */
static size_t match_name(const char *text, const char *name)
{
        size_t n = strlen(name);

        return text_same_name(text, name, n) ? n : 0;
}

bool doctor_line_is_module(const char *line, const char *module)
{
        const char *end = line + strcspn(line, ":\n"), *base = line;
        size_t n;

        for (const char *c = line; c < end; c++)
                if (*c == '/')
                        base = c + 1;
        n = match_name(base, module);
        return n > 0 && strncmp(base + n, ".ko", 3) == 0;
}

/* What the kernel takes for a value of that kind; a name alone switches on. */
static Tristate read_value(const char *text)
{
        if (*text != '=')
                return strchr(" \t\n", *text) ? TRISTATE_YES : TRISTATE_UNKNOWN;
        if (strchr("1yY", text[1]) || strncmp(text + 1, "on", 2) == 0)
                return text[1] ? TRISTATE_YES : TRISTATE_UNKNOWN;
        return TRISTATE_NO;
}

Tristate doctor_line_sets(const char *line, const char *module, const char *parameter)
{
        static const char blank[] = " \t", word[] = "options";
        Tristate answer = TRISTATE_UNKNOWN;
        size_t n;

        line += strspn(line, blank);
        if (strncmp(line, word, strlen(word)) != 0 || !strchr(blank, line[strlen(word)]))
                return TRISTATE_UNKNOWN;
        line += strlen(word);
        line += strspn(line, blank);
        n = match_name(line, module);
        if (n == 0 || !line[n] || !strchr(blank, line[n]))
                return TRISTATE_UNKNOWN;
        for (line += n; *line; line += strcspn(line, " \t\n")) {
                line += strspn(line, " \t\n");
                n = match_name(line, parameter);
                if (n > 0 && read_value(line + n) != TRISTATE_UNKNOWN)
                        answer = read_value(line + n);
        }
        return answer;
}
