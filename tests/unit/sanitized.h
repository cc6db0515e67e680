/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whether this program is built with the address sanitizer, where a fork costs ten times as much.
 * Tests with thousands of runs then make fewer; ./test has a build without sanitizers that makes
 * all.
 */

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif
