/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The path of a function is the target of its link in sysfs. In a place every address has no bus
 * number.
 */

#include "daemon/guard/places.h"
#include "daemon/base/array.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void hide_buses(char *path)
{
        for (char *step = path, *end; *step; step = end + (*end == '/')) {
                char text[BDF_TEXT_SIZE];
                Bdf bdf;

                end = strchrnul(step, '/');
                size_t n = (size_t)(end - step);
                if (n < strlen("00:00.0") || n >= sizeof(text))
                        continue;
                memcpy(text, step, n);
                text[n] = '\0';
                if (bdf_parse(text, &bdf))
                        memset(end - strlen("00:00.0"), '?', 2);
        }
}

int place_of(const HostPaths *host, Bdf bdf, char ret_path[static PATH_MAX])
{
        char target[PATH_MAX], text[BDF_TEXT_SIZE];

        int r = host_read_target_at(target, "%s/bus/pci/devices/%s", host->sysfs,
                                    bdf_format(bdf, text));
        if (r < 0)
                return r;
        const char *devices = strstr(target, "/devices/");
        if (!devices)
                return -EINVAL;
        (void)snprintf(ret_path, PATH_MAX, "%s", devices);
        return 0;
}

int place_below(const HostPaths *host, Bdf port, char place[static PLACE_SIZE])
{
        char path[PATH_MAX];

        int r = place_of(host, port, path);
        if (r < 0)
                return r;
        hide_buses(path);
        (void)snprintf(place, PLACE_SIZE, "%s/%04x:??:??.?", path, port.domain);
        return 0;
}

int places_add(TextList *places, const char *place)
{
        return text_list_has(places, place) ? 0 : text_list_add(places, strdup(place));
}

/* Whether the path begins with the place, compared in whole components. */
static bool is_in(const char *place, const char *path)
{
        for (; *place; place++, path++)
                if (*path == '\0' || *path == '/' ? *place != *path
                                                  : *place != '?' && *place != *path)
                        return false;
        return *path == '\0' || *path == '/';
}

bool places_contain(const TextList *places, const char *path)
{
        for (size_t i = 0; i < places->n_items; i++)
                if (is_in(places->items[i], path))
                        return true;
        return false;
}

int places_add_below(TextList *places, const HostPaths *host, Bdf port)
{
        char place[PLACE_SIZE];

        int r = place_below(host, port, place);
        return r < 0 ? r : places_add(places, place);
}

int places_add_slot(TextList *places, const HostPaths *host, Bdf device)
{
        char path[PATH_MAX];

        int r = place_of(host, device, path);
        if (r < 0)
                return r;
        if (places_contain(places, path))
                return 0;
        hide_buses(path);
        path[strlen(path) - 1] = '?'; /* the function */
        return places_add(places, path);
}

bool places_equal(const TextList *a, const TextList *b)
{
        if (a->n_items != b->n_items)
                return false;
        for (size_t i = 0; i < a->n_items; i++)
                if (strcmp(a->items[i], b->items[i]) != 0)
                        return false;
        return true;
}
