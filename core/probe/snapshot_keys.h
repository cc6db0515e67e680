/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which keys of a snapshot's document are understood. A newer program may have written others: they
 * are passed over, and told.
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

/* Is this a key of such an object? */
bool snapshot_key_is_known(SnapshotObject kind, const char *key);

/* A key of the object that is not understood, borrowed from it, or NULL. */
const char *snapshot_find_unknown_key(SnapshotObject kind, json_object *object);
