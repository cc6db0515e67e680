/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the texts once; accepts the head only if the texts have the same subsystem. */

#include "core/model/uevent.h"

#include <string.h>

/* Base class 06h, sub-class 04h: a PCI-to-PCI bridge, whatever its interface (PCI 3.0 D.7). The
 * kernel writes the number without leading zeros. */
#define CLASS_PCI_BRIDGE "604"
#define CLASS_DIGITS 5

#define DRIVERS "/bus/pci/drivers/"

/* The value in a text "NAME=VALUE", or NULL if it has another name. */
static const char *value_of(const char *text, const char *name)
{
        size_t n = strlen(name);

        return strncmp(text, name, n) == 0 && text[n] == '=' ? text + n + 1 : NULL;
}

static bool is_pci_bridge(const char *class)
{
        return strlen(class) == CLASS_DIGITS &&
               strncmp(class, CLASS_PCI_BRIDGE, strlen(CLASS_PCI_BRIDGE)) == 0;
}

/* Takes the texts after the head. Returns the subsystem, "" if there is none. */
static const char *take_texts(const char *text, const char *end, Uevent *event)
{
        const char *subsystem = "";

        for (; text < end; text += strlen(text) + 1) {
                const char *value;

                if ((value = value_of(text, "SUBSYSTEM")))
                        subsystem = value;
                else if ((value = value_of(text, "DRIVER")))
                        event->driver = value;
                else if ((value = value_of(text, "PCI_CLASS")))
                        event->is_bridge = is_pci_bridge(value);
        }
        return subsystem;
}

void uevent_parse(const char *message, size_t n, Uevent *ret)
{
        Uevent event = {.driver = ""};
        const char *path = strchr(message, '@');

        *ret = (Uevent){.kind = UEVENT_OTHER, .path = "", .driver = ""};
        if (!path || n == 0)
                return;
        size_t n_action = (size_t)(path++ - message);
        bool added = n_action == strlen("add") && strncmp(message, "add", n_action) == 0;
        bool bound = n_action == strlen("bind") && strncmp(message, "bind", n_action) == 0;
        const char *name = strrchr(path, '/');
        if (!name || (!added && !bound))
                return;
        event.path = path;

        const char *subsystem = take_texts(path + strlen(path) + 1, message + n, &event);
        if (strcmp(subsystem, "pci") == 0 && bdf_parse(name + 1, &event.bdf)) {
                event.kind = added ? UEVENT_FUNCTION_ADDED : UEVENT_FUNCTION_BOUND;
        } else if (added && strcmp(subsystem, "drivers") == 0 && name[1] &&
                   path + strlen(DRIVERS) == name + 1 &&
                   strncmp(path, DRIVERS, strlen(DRIVERS)) == 0) {
                event.kind = UEVENT_DRIVER_ADDED;
                event.driver = name + 1;
        } else {
                return;
        }
        *ret = event;
}
