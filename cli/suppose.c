/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A moved card gets other bus numbers, but its functions keep their place on the card. A device is
 * therefore found by its id, after the part above the card is replaced.
 */

#include "cli/suppose.h"

#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

void supposition_deinit(Supposition *supposition)
{
        supposition->host = iso_host_free(supposition->host);
        free(supposition->from);
        free(supposition->to);
}

static int find(Invocation *invocation, const char *selector, const iso_device **ret)
{
        const iso_group *group;
        int r = iso_host_resolve(invocation->host, selector, ret, &group);

        if (r != 0)
                return fail_host(invocation, r);
        if (!*ret)
                return fail_usage(invocation, "--what-if: %s is a group, not a device", selector);
        return EXIT_DONE;
}

/* The place of a device without its function: "0000:00/1c.0/00." of "0000:00/1c.0/00.1". */
static char *place_of_card(const iso_device *card)
{
        const char *end = strrchr(card->id, '.');

        return must_format("%.*s", end ? (int)(end - card->id) + 1 : (int)strlen(card->id),
                           card->id);
}

void suppose_moved(Supposition *supposition, const iso_device *card, const iso_device *port)
{
        supposition->from = place_of_card(card);
        supposition->to = must_format("%s%s", port->id, strrchr(supposition->from, '/'));
}

static int suppose_move(Invocation *invocation, const char *what, Supposition *supposition)
{
        size_t length = strcspn(what, " ");
        _cleanup_(free_text) char *name = must_format("%.*s", (int)length, what);
        const iso_device *card, *port;
        int code, r;

        what += length + strspn(what + length, " ");
        if (!*name || !*what)
                return fail_usage(invocation, "--what-if: move needs a card and a port");
        code = find(invocation, name, &card);
        if (code == EXIT_DONE)
                code = find(invocation, what, &port);
        if (code != EXIT_DONE)
                return code;

        r = iso_host_what_if_move(invocation->host, card, port, &supposition->host);
        if (r != 0)
                return fail_host(invocation, r);
        suppose_moved(supposition, card, port);
        return EXIT_DONE;
}

static int suppose_add(Invocation *invocation, const char *what, Supposition *supposition)
{
        const iso_device *port;
        int code, r;

        code = find(invocation, what, &port);
        if (code != EXIT_DONE)
                return code;
        r = iso_host_what_if_add(invocation->host, port, &supposition->host, &supposition->card);
        return r == 0 ? EXIT_DONE : fail_host(invocation, r);
}

static int suppose_remove(Invocation *invocation, const char *what, Supposition *supposition)
{
        const iso_device *device;
        int code, r;

        code = find(invocation, what, &device);
        if (code != EXIT_DONE)
                return code;
        r = iso_host_what_if_remove(invocation->host, device, &supposition->host);
        return r == 0 ? EXIT_DONE : fail_host(invocation, r);
}

int suppose(Invocation *invocation, Supposition *ret_supposition)
{
        const char *what = invocation->what_if;
        int r;

        if (invocation->if_on || invocation->acs_override) {
                r = invocation->if_on
                            ? iso_host_what_if_on(invocation->host, &ret_supposition->host)
                            : iso_host_what_if_override(invocation->host, invocation->acs_override,
                                                        &ret_supposition->host);
                return r == 0 ? EXIT_DONE : fail_host(invocation, r);
        }
        if (strncmp(what, "move ", 5) == 0)
                return suppose_move(invocation, what + 5, ret_supposition);
        if (strncmp(what, "add ", 4) == 0)
                return suppose_add(invocation, what + 4, ret_supposition);
        if (strncmp(what, "remove ", 7) == 0)
                return suppose_remove(invocation, what + 7, ret_supposition);
        if (strncmp(what, "acs ", 4) != 0)
                return fail_usage(
                        invocation,
                        "--what-if takes 'add PORT', 'move CARD PORT', 'acs BITS@PORT' or "
                        "'remove DEVICE', not '%s'",
                        what);
        r = iso_host_what_if_acs(invocation->host, what + 4, &ret_supposition->host);
        return r == 0 ? EXIT_DONE : fail_host(invocation, r);
}

const iso_device *suppose_find(const Supposition *supposition, const iso_device *device)
{
        const char *from = supposition->from;
        _cleanup_(free_text) char *id = NULL;

        if (from && strncmp(device->id, from, strlen(from)) == 0)
                id = must_format("%s%s", supposition->to, device->id + strlen(from));
        else
                id = must_format("%s", device->id);
        return device_find_id(supposition->host, id);
}
