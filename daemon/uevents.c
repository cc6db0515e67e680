/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A libudev monitor on the kernel's own events: udev's come later and can be held up by rules.
 *
 * What an event says does not matter, sysfs is read anyway; that it came does. The socket hears of
 * every subsystem: an event of another one wakes us, and is put aside.
 *
 * When the kernel has no room for an event it says so once (ENOBUFS), and drops without a word what
 * comes until the socket has been emptied. So from the word on until then, anything may be missing.
 */

#include <errno.h>
#include <libudev.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/uevents.h"

/* One wake-up takes at most this many events; the loop comes back for the rest. */
#define EVENTS_PER_WAKE 256

/* Bytes of kernel buffer: a burst of thousands of events must not be lost in a normal hotplug. */
#define RECEIVE_BUFFER (4 * 1024 * 1024)

struct Uevents {
        struct udev *udev;
        struct udev_monitor *monitor;
        struct event *event;
        void (*changed)(void *userdata);
        void *userdata;
        bool lost; /* events were dropped, and may still be: the socket has not been empty since */
};

/* Takes one event. Returns whether to go on; sets *changed if there is a reason to read sysfs. */
static bool receive(Uevents *uevents, bool *changed)
{
        struct udev_device *device = udev_monitor_receive_device(uevents->monitor);

        if (device) {
                *changed = true;
                udev_device_unref(device);
                return true;
        }
        if (errno == EAGAIN) {
                uevents->lost = false;
                return false;
        }
        if (!uevents->lost)
                log_warning("the kernel's events could not all be received: %s; "
                            "the machine is read instead",
                            strerror(errno));
        uevents->lost = *changed = true;
        return true;
}

static void on_readable(evutil_socket_t fd, short what, void *userdata)
{
        Uevents *uevents = userdata;
        /* The wake that finds it empty counts too: reading after it shows what was dropped. */
        bool changed = uevents->lost;

        for (int i = 0; i < EVENTS_PER_WAKE; i++)
                if (!receive(uevents, &changed))
                        break;
        if (changed)
                uevents->changed(uevents->userdata);
}

int uevents_new(struct event_base *base, void (*changed)(void *userdata), void *userdata,
                Uevents **ret_uevents)
{
        _cleanup_(uevents_freep) Uevents *uevents = calloc(1, sizeof(*uevents));
        if (!uevents)
                return -ENOMEM;
        uevents->changed = changed;
        uevents->userdata = userdata;
        uevents->udev = udev_new();
        if (!uevents->udev)
                return -ENOMEM;
        uevents->monitor = udev_monitor_new_from_netlink(uevents->udev, "kernel");
        if (!uevents->monitor)
                return -errno;

        int r = udev_monitor_filter_add_match_subsystem_devtype(uevents->monitor, "pci", NULL);
        if (r >= 0)
                r = udev_monitor_set_receive_buffer_size(uevents->monitor, RECEIVE_BUFFER);
        if (r >= 0)
                r = udev_monitor_enable_receiving(uevents->monitor);
        if (r < 0)
                return r;
        uevents->event = event_new(base, udev_monitor_get_fd(uevents->monitor),
                                   EV_READ | EV_PERSIST, on_readable, uevents);
        if (!uevents->event || event_add(uevents->event, NULL) < 0)
                return -ENOMEM;
        *ret_uevents = TAKE_PTR(uevents);
        return 0;
}

Uevents *uevents_free(Uevents *uevents)
{
        if (!uevents)
                return NULL;
        if (uevents->event)
                event_free(uevents->event);
        udev_monitor_unref(uevents->monitor);
        udev_unref(uevents->udev);
        free(uevents);
        return NULL;
}
