/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ISOLATION_ANALYSIS_H
#define ISOLATION_ANALYSIS_H

/*
 * The part of libisolation that works things out and asks nobody: what was not understood, the kernel's
 * groups held against its rules, what keeps devices apart, a machine with one thing changed, memory that must be locked.
 * isolation.h includes it and says what holds for all of it.
 */

#include "isolation.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a reader did not understand. */
typedef struct iso_note {
        const char *file;
        size_t line;      /* the first, from 1; 0: the whole file */
        size_t further;   /* lines, or files, of which the same holds */
        const char *what; /* what was not understood; it is unknown */
        const char *next; /* what to run or to give instead */
        const char *text; /* all of it as one line */
} iso_note;

/*
 * What was not understood in the file or tree that a host was opened from; *ret_n gets the count. Read
 * with the view and valid as long. A daemon has none.
 */
const iso_note *iso_host_notes(const iso_host *host, size_t *ret_n);

typedef struct iso_mismatch {
        const char *device; /* address */
        const char *const
                *observed; /* NULL-terminated: its company in the kernel, itself included */
        const char *const *computed; /* NULL-terminated: its company by the rules */
        const char *cause; /* "unknown", "override-patch", "command-line", … see isoctl(1) */
        const char *text;  /* one sentence */
} iso_mismatch;

typedef struct iso_comparison {
        size_t n_devices;
        size_t n_observed_groups;
        size_t n_unread;   /* devices whose capabilities were not read: rules do not apply */
        size_t n_unplaced; /* devices below a bridge that is not in what was read */
        const iso_mismatch *mismatches; /* by address */
        size_t n_mismatches;
        const char *const
                *too_fine; /* NULL-terminated ids of observed groups with a peer outside */
} iso_comparison;

/*
 * Holds the kernel's groups against the kernel's rules and against who can really reach whom. Lives
 * as long as the view. Returns 0, ISO_E_UNSUPPORTED (a daemon host) or -errno.
 */
int iso_host_compare(iso_host *host, const iso_comparison **ret);

typedef struct iso_separator {
        const char *port; /* address of the first port on the way up that redirects, or "" */
        const char *text; /* one sentence, with the ACS bits seen */
} iso_separator;

/*
 * What keeps two of the view's devices apart: ret[0] on the way up from `a`, ret[1] from `b`. Lives
 * as long as the view. Returns 0, ISO_E_UNSUPPORTED (a daemon host), ISO_E_INVALID (they are
 * together) or -errno.
 */
int iso_host_separators(iso_host *host, const iso_device *a, const iso_device *b,
                        const iso_separator **ret);

/*
 * The machine of a sysfs or file host with one thing changed, as a host of its own that cannot be
 * refreshed: the card that `card` is a function of moved to another port; ACS control set as the
 * kernel's config_acs= does ("1x0@0000:00:1c.0"); a function taken out. Its groups are what the
 * rules give. Or a card of one plain function plugged into `port` while the machine runs: then the
 * groups are the kernel's as they are, and the card joins one or not; *ret_card, the new host's, is
 * that card. Nothing is done to the machine. Returns 0, ISO_E_INVALID (it cannot be, and why),
 * ISO_E_UNSUPPORTED (a daemon host) or -errno; iso_host_message() of `host` has the sentence.
 */
int iso_host_what_if_move(iso_host *host, const iso_device *card, const iso_device *port,
                          iso_host **ret);
int iso_host_what_if_acs(iso_host *host, const char *spec, iso_host **ret);
int iso_host_what_if_add(iso_host *host, const iso_device *port, iso_host **ret,
                         const iso_device **ret_card);
int iso_host_what_if_remove(iso_host *host, const iso_device *device, iso_host **ret);

typedef struct iso_memlock {
        uint64_t need;        /* bytes that must be lockable */
        uint64_t limit;       /* RLIMIT_MEMLOCK; UINT64_MAX: none */
        uint64_t locked;      /* by now */
        uint64_t allowed_ram; /* what there may be of RAM; UINT64_MAX: any */
        bool known;           /* the limit is, and with it the rest but for `need` */
        bool exempt;          /* CAP_IPC_LOCK: it is not counted */
        const char *verdict;  /* "enough", "too-small", "unknown" */
        char command[32];
        char unit[128];
        char next[512]; /* what can be done about it by who asks; "" if nothing need be */
} iso_memlock;

/* "16G", "512M", "4096K", "1T" or bytes. Returns false for anything else. */
bool iso_parse_size(const char *text, uint64_t *ret);

/*
 * What a process (0: this one) must be allowed to lock to map that much memory in so many address
 * spaces, and what it may. One lease is one address space; a guest with an IOMMU of its own has one
 * for each group.
 */
void iso_memlock_judge(int pid, uint64_t ram, unsigned n_spaces, iso_memlock *ret);

typedef struct iso_finding {
        const char *id;       /* "iommu", "interrupt-remapping", … see isoctl(1) */
        const char *level;    /* "ok", "warn", "fail"; "unknown": it could not be looked at */
        const char *what;     /* a few words */
        const char *evidence; /* a sentence, as the next two */
        const char *why;      /* it matters */
        const char *fix;      /* "" if there is nothing to be done */
} iso_finding;

/*
 * Whether a machine is fit to keep devices apart (a sysfs or file host), or what is wrong with a
 * daemon and its leases (a daemon host). Of /sys, what else this machine tells is read too. Lives
 * as long as the view. Returns 0, what calls of the daemon return, or -errno.
 */
int iso_host_diagnose(iso_host *host, const iso_finding **ret, size_t *ret_n);

/* One entry of the journal about a lease, or a request for one. Strings are never NULL. */
typedef struct iso_history_entry {
        uint64_t time_usec; /* since the epoch */
        const char *event;  /* "taken", "refused", "forced", "joined", "transferred", "revoked",
                             * "breached", "quarantined", "repaired", "given-back" */
        const char *boot;   /* id; leases are numbered anew in each */
        uint32_t lease;     /* 0 if refused */
        const char *const *groups;  /* NULL-terminated */
        const char *const *devices; /* NULL-terminated; of what is refused, as it was asked for */
        int64_t uid;                /* of the owner, or who wanted to be; -1 if it is not told */
        const char *unit;
        const char *rule;
        const char *mode;
        const char *guard;   /* at that time */
        const char *ended;   /* given-back, repaired: "released", "revoked", "breached" */
        const char *refusal; /* refused: the error's name */
        const char *text;    /* for people */
} iso_history_entry;

typedef struct iso_history iso_history;

/*
 * Reads what this machine's journal tells of leases, as far as the caller may read it, from a time
 * on (since the epoch; 0: all), the oldest first. Returns 0 and *ret, freed by the caller, or
 * -errno.
 */
int iso_history_read(uint64_t since_usec, iso_history **ret);
const iso_history_entry *iso_history_entries(const iso_history *history, size_t *ret_n);

/* NULL is fine; returns NULL. */
iso_history *iso_history_free(iso_history *history);

#ifdef __cplusplus
}
#endif

#endif
