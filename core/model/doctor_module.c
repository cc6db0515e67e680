/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Modules and their parameters by name, and the lines of kmod's files that tell of them. */

#include "core/model/doctor.h"

#include <string.h>

#include "core/model/text.h"

static const struct {
        const char *module, *name;
} parameters[_DOCTOR_PARAMETER_N] = {
        [DOCTOR_TYPE1_UNSAFE] = {"vfio_iommu_type1", "allow_unsafe_interrupts"},
        [DOCTOR_IOMMUFD_UNSAFE] = {"iommufd", "allow_unsafe_interrupts"},
        [DOCTOR_NOIOMMU] = {"vfio", "enable_unsafe_noiommu_mode"},
};

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

/* Parses a value like the kernel; a name without a value means on. */
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
