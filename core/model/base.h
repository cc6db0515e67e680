/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Macros that every file uses.
 *
 * Ownership: a local that owns something is always cleanup-typed (`_cleanup_(…)`), a local that
 * borrows never is. TAKE_PTR() and TAKE_FD() move ownership and leave the local empty.
 *
 * Errors: an int has two kinds of failure. Negative values are -errno: something is broken, and
 * the caller passes it on. Positive values are of the module's own enum (`_X_E_SUCCESS = 0`): an
 * expected outcome, which the direct caller must handle. Every such function is `_nodiscard_`.
 */

#include <stddef.h>
#include <stdlib.h>

#define _cleanup_(func) __attribute__((cleanup(func)))
#define _nodiscard_ __attribute__((warn_unused_result))
#define _printf_(text, first) __attribute__((format(printf, text, first)))
#define _unused_ __attribute__((unused))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Defines `func##p`, the cleanup form of a `type *func(type *)` destructor that accepts NULL. */
#define DEFINE_CLEANUP(type, func)                                                                 \
        static inline void func##p(type *pointer)                                                  \
        {                                                                                          \
                (void)func(*pointer);                                                              \
        }                                                                                          \
        struct base_swallow_semicolon

#define TAKE_PTR(pointer)                                                                          \
        __extension__({                                                                            \
                __typeof__(pointer) *_p = &(pointer);                                              \
                __typeof__(pointer) _taken = *_p;                                                  \
                *_p = NULL;                                                                        \
                _taken;                                                                            \
        })

#define TAKE_FD(fd)                                                                                \
        __extension__({                                                                            \
                int *_p = &(fd);                                                                   \
                int _taken = *_p;                                                                  \
                *_p = -1;                                                                          \
                _taken;                                                                            \
        })

static inline void freep(void *pointer)
{
        free(*(void **)pointer);
}
