/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The daemon's voice: one line an event, to the journal through stderr.
 *
 * Only the manager, the bus and main speak; layers below return what happened.
 */

#include <sys/uio.h>

#include "core/model/base.h"

/* syslog priorities, as the journal reads them from a "<N>" prefix */
void log_line(int priority, const char *format, ...) _printf_(2, 3);

#define log_error(...) log_line(3, __VA_ARGS__)
#define log_warning(...) log_line(4, __VA_ARGS__)
#define log_notice(...) log_line(5, __VA_ARGS__)
#define log_info(...) log_line(6, __VA_ARGS__)

/*
 * Sends one entry to the journal; each field is NAME=value. Does not wait: returns -EAGAIN if the
 * journal takes nothing now, or another -errno.
 */
_nodiscard_ int log_fields(const struct iovec *fields, int n);

/* Logs where something broke (a negative errno) and returns it: `return log_broken(r);` */
#define log_broken(error) log_broken_at((error), __func__, __FILE__, __LINE__)
int log_broken_at(int error, const char *function, const char *file, int line);
