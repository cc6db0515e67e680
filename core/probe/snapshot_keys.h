/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The known keys of a snapshot document. Other keys, which a newer program may have written, are
 * ignored with a note.
 */

#include <json-c/json.h>
#include <stdbool.h>

typedef enum SnapshotObject {
        SNAPSHOT_OBJECT_DOCUMENT,
        SNAPSHOT_OBJECT_DEVICE,
        SNAPSHOT_OBJECT_FACTS,
        SNAPSHOT_OBJECT_GROUP,
        SNAPSHOT_OBJECT_SLOT,
        _SNAPSHOT_OBJECT_N,
} SnapshotObject;

/* Is this a known key of such an object? */
bool snapshot_key_is_known(SnapshotObject kind, const char *key);

/* An unknown key of the object, borrowed from it, or NULL. */
const char *snapshot_find_unknown_key(SnapshotObject kind, json_object *object);
