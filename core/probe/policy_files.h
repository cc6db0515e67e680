/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Policy directories: which files there are, which count, and in which order.
 *
 * A file in a directory of higher precedence replaces one of the same name below; a link to
 * /dev/null there masks it.
 */

#include <stdbool.h>

#include "core/model/base.h"
#include "core/probe/policy_json.h"

typedef struct PolicyFile {
        char *path;
        const char *name;   /* in path; of a directory all of it */
        char *refusal;      /* a directory that is not to be trusted, and why; else NULL */
        size_t shadowed_by; /* index of the file that counts instead, or its own */
} PolicyFile;

typedef struct PolicyFiles {
        PolicyFile *files; /* by name, of one name the one that counts first */
        size_t n_files;
} PolicyFiles;

/* Is it the name of a policy file, *.json and not hidden? */
bool policy_is_file_name(const char *name);

/* Frees what the list holds, not the list. */
void policy_files_deinit(PolicyFiles *files);

/*
 * Lists the `*.json` of the NULL-terminated list of directories, highest precedence first. Returns
 * 0 or -errno; a missing directory is an empty one. With `trust` (NULL: all are trusted) a
 * directory that others may change is listed itself, with its refusal, and none of its files.
 */
_nodiscard_ int policy_files_list(const char *const *directories, const Trust *trust,
                                  PolicyFiles *ret);

/*
 * Reads and parses one file as policy_parse_text() does. *ret_masked: it is /dev/null, and says
 * nothing. A file that cannot be read, or is not to be trusted, is refused as one that cannot be
 * understood: it may have held the rule that says no.
 */
_nodiscard_ int policy_file_read(const char *path, Policy *policy, const PolicyOptions *options,
                                 bool *ret_masked, PolicyFault *ret_fault);
