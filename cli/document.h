/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * isoctl's JSON documents: one object on one line; its `schema`, `isolationd.NAME/1`, identifies
 * it. An absent value is null.
 */

#include <stdio.h>

#include <json.h>

#include "libclient/isolation.h"

/* {"schema": "isolationd.NAME/1"}. All of these end isoctl if memory is short. */
json_object *json_document(const char *name);

/* Adds a value, which the object then owns; returns it. */
json_object *json_add(json_object *object, const char *key, json_object *value);

json_object *json_add_array(json_object *object, const char *key);

/* Appends a value, which the array then owns; returns it. */
json_object *json_append(json_object *array, json_object *value);

void json_add_text(json_object *object, const char *key, const char *text);
/* null if empty */
void json_add_optional(json_object *object, const char *key, const char *text);
/* null below `least` */
void json_add_number(json_object *object, const char *key, int64_t number, int64_t least);
void json_add_bool(json_object *object, const char *key, bool value);
void json_add_list(json_object *object, const char *key, const char *const *texts);

/* The device object of all documents. */
json_object *json_device(iso_host *host, const iso_device *device);
json_object *json_reason(const iso_reason *reason);

/* Prints the document on a line of its own, to stdout, and frees it. */
void json_print(json_object *document);
void json_print_to(json_object *document, FILE *stream);
