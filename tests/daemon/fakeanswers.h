/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A manager that refuses whatever it is asked, and counts: for tests of how calls are read.
 */

/* Calls that were read to their end and reached the manager. */
extern unsigned fakeanswers_n_done;

/* Values and containers of messages that were read. */
extern unsigned fakeanswers_n_reads;
