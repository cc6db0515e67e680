/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Lists the files of the policy directories: their order, and which of them are in effect.
 *
 * A file in a directory of higher precedence replaces one of the same name below; a link to
 * /dev/null there masks it.
 */

#include <stdbool.h>

#include "core/model/base.h"
#include "core/probe/policy_json.h"

typedef struct PolicyFile {
        char *path;
        const char *name;   /* file name within path; the whole path of a directory */
        char *refusal;      /* why a directory is not trusted; else NULL */
        size_t shadowed_by; /* index of the file that is in effect instead, or its own */
} PolicyFile;

typedef struct PolicyFiles {
        PolicyFile *files; /* by name; of equal names the one in effect first */
        size_t n_files;
} PolicyFiles;

/* Is this the name of a policy file, *.json and not hidden? */
bool policy_is_file_name(const char *name);

/* Frees the contents of the list. */
void policy_files_deinit(PolicyFiles *files);

/*
 * Lists the `*.json` of the NULL-terminated list of directories, highest precedence first. Returns
 * 0 or -errno; a missing directory is an empty one. With `trust` (NULL: all are trusted) a
 * directory that others may change is listed itself, with its refusal, without its files.
 */
_nodiscard_ int policy_files_list(const char *const *directories, const Trust *trust,
                                  PolicyFiles *ret);

/*
 * Reads and parses one file as policy_parse_text() does. *ret_masked: it is /dev/null, without
 * rules. Refuses an unreadable or untrusted file like one with an error, because it may have a
 * rule that denies.
 */
_nodiscard_ int policy_file_read(const char *path, Policy *policy, const PolicyOptions *options,
                                 bool *ret_masked, PolicyFault *ret_fault);
