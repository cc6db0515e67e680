/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Uses inotify(7) on each directory, or on the nearest existing directory above it. After setting a
 * watch above, it looks for the next component again, as that may have appeared in between.
 */

#include "daemon/base/event.h"
#include "daemon/machine/policy_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/probe/cleanup.h"
#include "core/probe/policy_files.h"
#include "daemon/base/log.h"

#define GONE (IN_DELETE_SELF | IN_MOVE_SELF)
#define ABOVE (IN_CREATE | IN_MOVED_TO | GONE)
/* IN_ATTRIB: the permissions of a directory, or of a file in it, decide whether it is trusted. */
#define WITHIN                                                                                     \
        (IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | GONE)

#define TRIES_MAX 16 /* for a directory that comes and goes meanwhile */

/* One directory, and what is watched for it. */
typedef struct Place {
        const char *path;
        int watch;               /* -1: none */
        bool is_there;           /* the directory itself is watched */
        char next[NAME_MAX + 1]; /* else the next component, which has to appear */
} Place;

struct PolicyWatch {
        int fd;
        struct event *event;
        Place *places;
        size_t n_places;
        void (*changed)(void *userdata);
        void *userdata;
};

/* Removes a watch, unless other directories use it: they may have the same one above them. */
static void drop_watch(PolicyWatch *watch, Place *place)
{
        int number = place->watch;

        place->watch = -1;
        place->is_there = false;
        for (size_t i = 0; i < watch->n_places; i++)
                if (watch->places[i].watch == number)
                        return;
        if (number >= 0)
                (void)inotify_rm_watch(watch->fd, number); /* fails if the directory is gone */
}

static int watch_above(PolicyWatch *watch, Place *place)
{
        char path[PATH_MAX], below[PATH_MAX + NAME_MAX + 2];

        (void)snprintf(path, sizeof(path), "%s", place->path);
        for (char *slash; (slash = strrchr(path, '/'));) {
                (void)snprintf(place->next, sizeof(place->next), "%s", slash + 1);
                slash[slash == path] = '\0'; /* the root keeps its slash */
                place->watch = inotify_add_watch(watch->fd, path, ABOVE | IN_ONLYDIR | IN_MASK_ADD);
                if (place->watch >= 0) {
                        (void)snprintf(below, sizeof(below), "%s/%s", path, place->next);
                        return access(below, F_OK) == 0 ? -EAGAIN : 0;
                }
                if ((errno != ENOENT && errno != ENOTDIR) || slash == path)
                        return -errno;
        }
        return -ENOENT;
}

static int watch_place(PolicyWatch *watch, Place *place)
{
        int r = -EAGAIN;

        drop_watch(watch, place);
        for (unsigned i = 0; r == -EAGAIN && i < TRIES_MAX; i++) {
                place->watch = inotify_add_watch(watch->fd, place->path,
                                                 WITHIN | IN_ONLYDIR | IN_MASK_ADD);
                place->is_there = place->watch >= 0;
                if (place->is_there)
                        return 0;
                r = errno == ENOENT ? watch_above(watch, place) : -errno;
        }
        return r;
}

/* Returns whether the directory exists, so that its files may have changed. */
static bool review_place(PolicyWatch *watch, Place *place)
{
        int r = watch_place(watch, place);

        if (r < 0)
                log_warning("%s cannot be watched: %s; after a change there, reload isolationd",
                            place->path, strerror(-r));
        return place->is_there;
}

/* Whether a file is complete. A new file is still empty; a linked file is complete. */
static bool is_whole(const Place *place, const struct inotify_event *event)
{
        char path[PATH_MAX];
        struct stat status;

        if (!(event->mask & IN_CREATE))
                return true;
        (void)snprintf(path, sizeof(path), "%s/%s", place->path, event->name);
        return lstat(path, &status) == 0 && (S_ISLNK(status.st_mode) || status.st_nlink > 1);
}

/* Returns whether the policy may have changed. */
static bool handle(PolicyWatch *watch, Place *place, const struct inotify_event *event)
{
        if (event->mask & (GONE | IN_IGNORED)) {
                bool was_there = place->is_there;

                return review_place(watch, place) || was_there;
        }
        if (place->is_there && event->len == 0)
                return event->mask & IN_ATTRIB;
        if (place->is_there)
                return policy_is_file_name(event->name) && is_whole(place, event);
        return event->len > 0 && strcmp(event->name, place->next) == 0 &&
               review_place(watch, place);
}

/* Returns whether an event of the buffer may have changed the policy. */
static bool handle_all(PolicyWatch *watch, const char *buffer, size_t n)
{
        bool changed = false;

        for (size_t at = 0; at + sizeof(struct inotify_event) <= n;) {
                const struct inotify_event *event = (const void *)(buffer + at);

                for (size_t i = 0; i < watch->n_places; i++) {
                        Place *place = &watch->places[i];

                        if (event->mask & IN_Q_OVERFLOW)
                                changed |= review_place(watch, place) || true;
                        else if (event->wd == place->watch)
                                changed |= handle(watch, place, event);
                }
                at += sizeof(*event) + event->len;
        }
        return changed;
}

static void on_readable(evutil_socket_t fd, short what, void *userdata)
{
        _Alignas(struct inotify_event) char buffer[8192];
        PolicyWatch *watch = userdata;
        bool changed = false;

        for (ssize_t n; (n = read(watch->fd, buffer, sizeof(buffer))) > 0;)
                changed |= handle_all(watch, buffer, (size_t)n);
        if (changed)
                watch->changed(watch->userdata);
}

int policy_watch_new(struct event_base *base, const char *const *directories,
                     void (*changed)(void *userdata), void *userdata, PolicyWatch **ret_watch)
{
        _cleanup_(policy_watch_freep) PolicyWatch *watch = calloc(1, sizeof(*watch));

        if (!watch)
                return -ENOMEM;
        watch->changed = changed;
        watch->userdata = userdata;
        watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (watch->fd < 0)
                return -errno;
        while (directories[watch->n_places])
                watch->n_places++;
        watch->places = calloc(watch->n_places + 1, sizeof(*watch->places));
        if (!watch->places || event_watch(&watch->event, base, watch->fd, EV_READ | EV_PERSIST,
                                          on_readable, watch) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < watch->n_places; i++)
                watch->places[i] = (Place){.path = directories[i], .watch = -1};
        for (size_t i = 0; i < watch->n_places; i++)
                (void)review_place(watch, &watch->places[i]);
        *ret_watch = TAKE_PTR(watch);
        return 0;
}

PolicyWatch *policy_watch_free(PolicyWatch *watch)
{
        if (!watch)
                return NULL;
        event_freep(&watch->event);
        closep(&watch->fd);
        free(watch->places);
        free(watch);
        return NULL;
}
