/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A libudev monitor on the kernel's events. Those of udev come later and rules can delay them. udev
 * is heard only for nodes of VFIO and iommufd, after it has set their modes.
 *
 * The content of an event hardly matters, as sysfs is read anyway. Its number matters: a reading
 * that began later includes the change. The socket receives events of every subsystem; those of
 * others wake the daemon and are skipped.
 *
 * If the kernel has no room for an event, it says so once (ENOBUFS), and then drops events silently
 * until the socket is empty. Until then any event may be missing.
 */

#include <errno.h>
#include <libudev.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/base/event.h"
#include "daemon/base/log.h"
#include "daemon/machine/uevents.h"

/* The most events that one call handles; the loop calls again for the rest. */
#define EVENTS_PER_WAKE 256

/*
 * Size of the kernel buffer in bytes. A normal hot-plug with thousands of events must not overflow
 * it.
 */
#define RECEIVE_BUFFER (4 * 1024 * 1024)

struct Uevents {
        struct udev *udev;
        struct udev_monitor *monitor;
        struct event *event;
        struct udev_monitor *nodes; /* of udev, for nodes of VFIO and iommufd */
        struct event *nodes_event;
        void (*changed)(uint64_t number, void *userdata);
        void (*nodes_changed)(void *userdata);
        void *userdata;
        bool lost; /* events were dropped; true until the socket has been empty */
};

/*
 * The event number from which on a reading includes the change. A driver is bound or unbound before
 * its event is sent. A device is still being set up or removed when its event is sent.
 */
static uint64_t known_from(struct udev_device *device)
{
        const char *action = udev_device_get_action(device);
        uint64_t number = udev_device_get_seqnum(device);

        if (number == 0 || !action ||
            (strcmp(action, "bind") != 0 && strcmp(action, "unbind") != 0))
                return UEVENTS_UNKNOWN;
        return number;
}

/* Receives one event. Returns whether to go on; raises *number if sysfs has to be read. */
static bool receive(Uevents *uevents, uint64_t *number)
{
        struct udev_device *device = udev_monitor_receive_device(uevents->monitor);

        if (device) {
                uint64_t from = known_from(device);

                if (from > *number)
                        *number = from;
                udev_device_unref(device);
                return true;
        }
        if (errno == EAGAIN) {
                uevents->lost = false;
                return false;
        }
        if (!uevents->lost)
                log_warning("some events of the kernel were lost: %s; "
                            "reading the whole machine instead",
                            strerror(errno));
        uevents->lost = true;
        *number = UEVENTS_UNKNOWN;
        return true;
}

static void on_readable(evutil_socket_t fd, short what, void *userdata)
{
        Uevents *uevents = userdata;
        /*
         * The call that finds the socket empty counts too: a reading after it shows the lost
         * changes.
         */
        uint64_t number = uevents->lost ? UEVENTS_UNKNOWN : 0;

        for (int i = 0; i < EVENTS_PER_WAKE; i++)
                if (!receive(uevents, &number))
                        break;
        if (number > 0)
                uevents->changed(number, uevents->userdata);
}

/* udev may just have set the mode of a node, so check who may open it. */
static void on_node(evutil_socket_t fd, short what, void *userdata)
{
        Uevents *uevents = userdata;
        struct udev_device *device = udev_monitor_receive_device(uevents->nodes);

        if (!device)
                return;
        udev_device_unref(device);
        uevents->nodes_changed(uevents->userdata);
}

static int watch_nodes(Uevents *uevents, struct event_base *base)
{
        static const char *const subsystems[] = {"vfio", "vfio-dev", "misc"};
        int r = 0;

        uevents->nodes = udev_monitor_new_from_netlink(uevents->udev, "udev");
        if (!uevents->nodes)
                return -errno;
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(subsystems); i++)
                r = udev_monitor_filter_add_match_subsystem_devtype(uevents->nodes, subsystems[i],
                                                                    NULL);
        if (r >= 0)
                r = udev_monitor_enable_receiving(uevents->nodes);
        if (r < 0)
                return r;
        return event_watch(&uevents->nodes_event, base, udev_monitor_get_fd(uevents->nodes),
                           EV_READ | EV_PERSIST, on_node, uevents);
}

int uevents_new(struct event_base *base, void (*changed)(uint64_t number, void *userdata),
                void (*nodes)(void *userdata), void *userdata, Uevents **ret_uevents)
{
        _cleanup_(uevents_freep) Uevents *uevents = calloc(1, sizeof(*uevents));
        if (!uevents)
                return -ENOMEM;
        uevents->changed = changed;
        uevents->nodes_changed = nodes;
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
        if (r >= 0)
                r = event_watch(&uevents->event, base, udev_monitor_get_fd(uevents->monitor),
                                EV_READ | EV_PERSIST, on_readable, uevents);
        if (r >= 0)
                r = watch_nodes(uevents, base);
        if (r < 0)
                return r;
        *ret_uevents = TAKE_PTR(uevents);
        return 0;
}

Uevents *uevents_free(Uevents *uevents)
{
        if (!uevents)
                return NULL;
        event_freep(&uevents->event);
        event_freep(&uevents->nodes_event);
        udev_monitor_unref(uevents->nodes);
        udev_monitor_unref(uevents->monitor);
        udev_unref(uevents->udev);
        free(uevents);
        return NULL;
}
