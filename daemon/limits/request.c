/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A copy has a block for each thing that a request borrows. A missing text stays missing. */

#include "daemon/limits/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void request_clear(AcquireRequest *copy)
{
        for (size_t i = 0; copy->selectors && copy->selectors[i]; i++)
                free((char *)copy->selectors[i]);
        free((void *)copy->selectors);
        free((void *)copy->who.gids);
        free((char *)copy->who.unit);
        free((char *)copy->who.label);
        free((char *)copy->who.name);
        free((char *)copy->ticket);
        *copy = (AcquireRequest){.selectors = NULL};
}

/* Copies a text. Returns whether that succeeded, or there was nothing to copy. */
static bool copy_text(const char *text, const char **ret)
{
        *ret = text ? strdup(text) : NULL;
        return *ret || !text;
}

static bool copy_selectors(const char *const *selectors, AcquireRequest *copy)
{
        size_t n = 0;

        while (selectors[n])
                n++;
        char **copies = calloc(n + 1, sizeof(*copies));
        copy->selectors = (const char *const *)copies;
        copy->n_selectors = n;
        for (size_t i = 0; copies && i < n; i++) {
                copies[i] = strdup(selectors[i]);
                if (!copies[i])
                        return false;
        }
        return copies;
}

static bool copy_gids(const AcquireRequest *request, AcquireRequest *copy)
{
        gid_t *gids = calloc(request->who.n_gids + 1, sizeof(*gids));

        copy->who.gids = gids;
        for (size_t i = 0; gids && i < request->who.n_gids; i++)
                gids[i] = request->who.gids[i];
        return gids;
}

int request_copy(const AcquireRequest *request, AcquireRequest *ret)
{
        AcquireRequest copy = *request;

        copy.selectors = NULL;
        copy.who.gids = NULL;
        copy.who.unit = copy.who.label = copy.who.name = copy.ticket = NULL;
        if (!copy_selectors(request->selectors, &copy) || !copy_gids(request, &copy) ||
            !copy_text(request->who.unit, &copy.who.unit) ||
            !copy_text(request->who.label, &copy.who.label) ||
            !copy_text(request->who.name, &copy.who.name) ||
            !copy_text(request->ticket, &copy.ticket)) {
                request_clear(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}
