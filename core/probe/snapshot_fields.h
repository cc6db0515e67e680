/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Converts the entries of a snapshot document, which are JSON objects, to values of the model. */

#include <json-c/json.h>

#include "core/model/base.h"
#include "core/model/snapshot.h"

/* An error in a value, and the name of its place. */
typedef struct FieldError {
        char where[64]; /* "facts.acs.cap" */
        char what[128];
} FieldError;

/* They return true, or false and fill *ret_error; an absent value is null. */
_nodiscard_ bool field_read_device(json_object *object, PciDevice *ret_device,
                                   FieldError *ret_error);
_nodiscard_ bool field_read_group(json_object *object, KernelGroup *ret_group,
                                  FieldError *ret_error);
_nodiscard_ bool field_read_slot(json_object *object, PciSlot *ret_slot, FieldError *ret_error);

/* Read a single value, named `where` in errors. */
_nodiscard_ bool field_read_tristate(json_object *value, const char *where, Tristate *ret,
                                     FieldError *ret_error);

/* *ret is borrowed from the value, NULL for null; `n_most` counts the NUL. */
_nodiscard_ bool field_read_text(json_object *value, const char *where, size_t n_most,
                                 const char **ret, FieldError *ret_error);
