/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The input is a uevent of the kernel. The result's texts lie inside the input, and its function
 * agrees with its path.
 */

#include "fuzz.h"

#include "core/model/uevent.h"

#include <string.h>

static void check(const char *message, size_t n, const Uevent *event)
{
        char text[BDF_TEXT_SIZE];

        if (event->kind == UEVENT_OTHER) {
                MUST(!event->path[0] && !event->driver[0]);
                return;
        }
        MUST(event->path > message && event->path < message + n);
        MUST(!event->driver[0] || (event->driver > message && event->driver < message + n));
        if (event->kind == UEVENT_DRIVER_ADDED) {
                MUST(event->driver[0] && !strchr(event->driver, '/'));
                return;
        }
        const char *name = strrchr(event->path, '/');
        Bdf bdf;
        MUST(name && bdf_parse(name + 1, &bdf) && bdf_equal(bdf, event->bdf));
        MUST(bdf_format(event->bdf, text)[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        _cleanup_(freep) char *message = malloc(n_data + 1);
        Uevent event;

        MUST(message);
        if (n_data > 0)
                memcpy(message, data, n_data);
        message[n_data] = '\0';
        uevent_parse(message, n_data, &event);
        check(message, n_data, &event);
        return 0;
}
