/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Parses aliases field by field: a name, then its digits or `*`. An alias of another form matches
 * nothing.
 */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"
#include "core/model/variant.h"

#define PREFIX "vfio_pci:"
#define DEVICE_PREFIX "pci:"
#define KEY "alias "
#define MODINFO_KEY ".alias="

/* The fields of a PCI alias in order, with their numbers of digits. */
static const struct {
        const char *name;
        unsigned n_digits;
} fields[] = {
        {"v", 8}, {"d", 8}, {"sv", 8}, {"sd", 8}, {"bc", 2}, {"sc", 2}, {"i", 2},
};

#define N_FIELDS ARRAY_SIZE(fields)

typedef struct Alias {
        bool is_any[N_FIELDS];
        uint32_t values[N_FIELDS];
} Alias;

static bool read_field(const char **text, const char *end, size_t field, Alias *alias)
{
        size_t n_name = strlen(fields[field].name);
        uint32_t value = 0;

        if ((size_t)(end - *text) <= n_name || strncmp(*text, fields[field].name, n_name) != 0)
                return false;
        *text += n_name;
        alias->is_any[field] = **text == '*';
        if (alias->is_any[field]) {
                (*text)++;
                return true;
        }
        for (unsigned i = 0; i < fields[field].n_digits; i++) {
                int digit = *text < end ? hex_digit(**text) : -1;

                if (digit < 0)
                        return false;
                value = value << 4 | (uint32_t)digit;
                (*text)++;
        }
        alias->values[field] = value;
        return true;
}

/* Parses the text after the prefix, with which `text` up to `end` must begin. */
static bool read_alias(const char *text, const char *end, const char *prefix, Alias *ret)
{
        size_t n_prefix = strlen(prefix);

        if ((size_t)(end - text) < n_prefix || strncmp(text, prefix, n_prefix) != 0)
                return false;
        text += n_prefix;
        for (size_t i = 0; i < N_FIELDS; i++)
                if (!read_field(&text, end, i, ret))
                        return false;
        return text == end;
}

static bool fits(const Alias *pattern, const Alias *device)
{
        for (size_t i = 0; i < N_FIELDS; i++)
                if (device->is_any[i] ||
                    (!pattern->is_any[i] && pattern->values[i] != device->values[i]))
                        return false;
        return true;
}

/* One entry of a table: a pattern and its module. */
typedef struct Entry {
        const char *pattern, *pattern_end;
        const char *module, *module_end;
} Entry;

static void offer(const Entry *entry, const char *modalias, VariantMatch *match)
{
        size_t n_module = (size_t)(entry->module_end - entry->module);
        Alias pattern, device;
        unsigned n_fields = 0;

        if (n_module == 0 || n_module >= sizeof(match->module) ||
            !read_alias(entry->pattern, entry->pattern_end, PREFIX, &pattern) ||
            !read_alias(modalias, modalias + strlen(modalias), DEVICE_PREFIX, &device) ||
            !fits(&pattern, &device))
                return;
        for (size_t i = 0; i < N_FIELDS; i++)
                n_fields += !pattern.is_any[i];
        if (match->module[0] && n_fields <= match->n_fields)
                return;
        memcpy(match->module, entry->module, n_module);
        match->module[n_module] = '\0';
        match->n_fields = n_fields;
}

/* The next line "alias vfio_pci:PATTERN MODULE" from *text on. Returns false if there is none. */
static bool next_alias(const char *start, const char **text, Entry *ret)
{
        for (const char *line; (line = strstr(*text, KEY PREFIX));) {
                const char *pattern = line + strlen(KEY);

                *text = pattern + strcspn(pattern, "\n");
                if (line > start && line[-1] != '\n')
                        continue; /* inside other text */
                ret->pattern = pattern;
                ret->pattern_end = pattern + strcspn(pattern, " \n");
                ret->module = ret->pattern_end + strspn(ret->pattern_end, " ");
                ret->module_end = ret->module + strcspn(ret->module, " \n");
                return true;
        }
        return false;
}

/* The next "MODULE.alias=vfio_pci:PATTERN" of a table of strings; the same returns. */
static bool next_modinfo(const char **bytes, const char *end, Entry *ret)
{
        while (*bytes < end) {
                const char *text = *bytes, *key;
                const char *nul = memchr(text, '\0', (size_t)(end - text));

                if (!nul)
                        return false;
                *bytes = nul + 1;
                key = strstr(text, MODINFO_KEY PREFIX);
                if (!key)
                        continue;
                ret->module = text;
                ret->module_end = key;
                ret->pattern = key + strlen(MODINFO_KEY);
                ret->pattern_end = nul;
                return true;
        }
        return false;
}

void variant_search_aliases(const char *text, const char *modalias, VariantMatch *match)
{
        const char *start = text;
        Entry entry;

        while (next_alias(start, &text, &entry))
                offer(&entry, modalias, match);
}

void variant_search_modinfo(const char *bytes, size_t n_bytes, const char *modalias,
                            VariantMatch *match)
{
        const char *end = bytes + n_bytes;
        Entry entry;

        while (next_modinfo(&bytes, end, &entry))
                offer(&entry, modalias, match);
}

static bool same(const char *a, size_t n_a, const char *b, size_t n_b)
{
        return n_a == n_b && text_same_name(a, b, n_a);
}

bool variant_same_name(const char *a, const char *b)
{
        return same(a, strlen(a), b, strlen(b));
}

static bool is_module(const Entry *entry, const char *name)
{
        return same(entry->module, (size_t)(entry->module_end - entry->module), name, strlen(name));
}

bool variant_has_module(const char *text, const char *bytes, size_t n_bytes, const char *name)
{
        const char *start = text, *end = bytes + n_bytes;
        Entry entry;

        while (next_alias(start, &text, &entry))
                if (is_module(&entry, name))
                        return true;
        while (next_modinfo(&bytes, end, &entry))
                if (is_module(&entry, name))
                        return true;
        return false;
}
