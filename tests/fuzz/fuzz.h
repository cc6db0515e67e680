/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A fuzz target is one function over bytes. With -Dfuzzers=true libFuzzer calls it. In every build,
 * a replay program runs it over the inputs kept in corpus/.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data);

/* A condition that holds for every input; unlike assert() it is never compiled out. */
#define MUST(condition)                                                                            \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)
