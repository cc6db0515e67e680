/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A daemon that refuses every request and counts the requests. Tests of how calls are read use it.
 */

/* Calls that were read to their end and reached the daemon's operations. */
extern unsigned fakeanswers_n_done;

/* Values and containers that were read from messages. */
extern unsigned fakeanswers_n_reads;
