/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Searches, among machines with one change, for those in which a device is separated from others:
 * its card in another slot, or ACS control switched on as config_acs= does.
 */

#include <stdbool.h>
#include <stddef.h>

#include "libclient/isolation.h"

/* A port with what is below it, and with whom a card there would share its group. */
typedef struct Slot {
        const iso_device *port;
        bool is_free;
        bool is_known; /* the machine with a card there could be computed; else both are empty */
        char **shared; /* NULL-terminated addresses: of this machine, as all below */
        size_t n_shared;
} Slot;

typedef struct Slots {
        Slot *items;
        size_t n;
        size_t n_untried; /* ports at which nothing was tried any more */
} Slots;

void slots_deinit(Slots *slots);

/*
 * All ports that a card can be below, those that share least first, and free ones before used ones.
 * Each free one is tried with `card` (a function of it; NULL: a plain card with one function),
 * until `most` machines were made. The ports above the card do not count as shared. Returns 0,
 * ISO_E_UNSUPPORTED (a daemon host), or -errno.
 */
int slots_find(iso_host *host, const iso_device *card, size_t most, Slots *ret);

/* A change of ACS control. */
typedef struct Switch {
        char *spec;     /* for config_acs=, or NULL: none separates them */
        char *obstacle; /* then: a sentence that says what cannot be switched on, or NULL */
} Switch;

void switch_deinit(Switch *change);

/*
 * The least change of ACS control at the ports of these reasons after which `device` shares its
 * group with none of `others` (NULL-terminated addresses). Returns 0, ISO_E_UNSUPPORTED, or -errno.
 */
int switch_find(iso_host *host, const iso_device *device, const char *const *others,
                const iso_reason *reasons, size_t n_reasons, Switch *ret);
