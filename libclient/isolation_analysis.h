/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ISOLATION_ANALYSIS_H
#define ISOLATION_ANALYSIS_H

/*
 * The part of libisolation that analyses a machine: the notes of readers, the comparison of the
 * kernel's groups with its rules, the separation of devices, a machine with one change, and limits
 * on locked memory. isolation.h includes it and documents its conventions.
 */

#include "isolation.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A part of the input that a reader did not understand. */
typedef struct iso_note {
        const char *file;
        size_t line;      /* the first line, from 1; 0: the whole file */
        size_t further;   /* number of further lines, or files, with the same problem */
        const char *what; /* the problem; the facts are unknown */
        const char *next; /* the command to run, or the input to give instead */
        const char *text; /* all of it as one line */
} iso_note;

/*
 * The notes of the reader of the host's file or tree; *ret_n gets the count. Valid as long as the
 * view. A daemon host has none.
 */
const iso_note *iso_host_notes(const iso_host *host, size_t *ret_n);

typedef struct iso_mismatch {
        const char *device; /* address */
        const char *const
                *observed; /* NULL-terminated: the members of its kernel group, itself included */
        const char *const *computed; /* NULL-terminated: the members of its group by the rules */
        const char *cause; /* "unknown", "override-patch", "command-line", … see isoctl(1) */
        const char *text;  /* one sentence */
} iso_mismatch;

typedef struct iso_comparison {
        size_t n_devices;
        size_t n_observed_groups;
        size_t n_unread;                /* devices with unknown capabilities, without rules */
        size_t n_unplaced;              /* devices below a bridge that the input lacks */
        const iso_mismatch *mismatches; /* by address */
        size_t n_mismatches;
        const char *const *too_fine; /* NULL-terminated ids: observed groups with a peer outside */
} iso_comparison;

/*
 * Compares the kernel's groups with its rules and with the sound groups. Valid as long as the
 * view. Returns 0, ISO_E_UNSUPPORTED (a daemon host) or -errno.
 */
int iso_host_compare(iso_host *host, const iso_comparison **ret);

typedef struct iso_separator {
        const char *port; /* address of the first port on the way up that redirects, or "" */
        const char *text; /* one sentence, with the ACS bits seen */
} iso_separator;

/*
 * The ports that separate two devices of the view: ret[0] on the way up from `a`, ret[1] from `b`.
 * Valid as long as the view. Returns 0, ISO_E_UNSUPPORTED (a daemon host), ISO_E_INVALID (they
 * share a group) or -errno.
 */
int iso_host_separators(iso_host *host, const iso_device *a, const iso_device *b,
                        const iso_separator **ret);

/*
 * Make a new host, which cannot be refreshed, from the machine of a sysfs or file host with one
 * change: the card of the function `card` moved to another port; ACS control set as the kernel's
 * config_acs= does ("1x0@0000:00:1c.0"); or a function removed; or seen by a kernel with the
 * override patch and pcie_acs_override=`words` ("downstream,multifunction"); or with the IOMMU
 * switched on (nothing else changes). Its groups are those that the rules give. Or a card with one
 * plain function plugged into `port` while the machine runs: then the groups are the kernel's
 * present ones, which the card joins or not; *ret_card, owned by the new host, is that card. The
 * real machine does not change. Return 0, ISO_E_INVALID (the change is impossible),
 * ISO_E_UNSUPPORTED (a daemon host) or -errno; iso_host_message() of `host` has the reason.
 */
int iso_host_what_if_move(iso_host *host, const iso_device *card, const iso_device *port,
                          iso_host **ret);
int iso_host_what_if_acs(iso_host *host, const char *spec, iso_host **ret);
int iso_host_what_if_add(iso_host *host, const iso_device *port, iso_host **ret,
                         const iso_device **ret_card);
int iso_host_what_if_remove(iso_host *host, const iso_device *device, iso_host **ret);
int iso_host_what_if_override(iso_host *host, const char *words, iso_host **ret);
int iso_host_what_if_on(iso_host *host, iso_host **ret);

typedef struct iso_memlock {
        uint64_t need;        /* bytes that the process must be able to lock */
        uint64_t limit;       /* RLIMIT_MEMLOCK; UINT64_MAX: none */
        uint64_t locked;      /* bytes locked now */
        uint64_t allowed_ram; /* the largest RAM that the limit allows; UINT64_MAX: any */
        bool known;           /* the limit and all other fields except `need` are valid */
        bool exempt;          /* CAP_IPC_LOCK: the kernel does not count */
        const char *verdict;  /* "enough", "too-small", "unknown" */
        char command[32];
        char unit[128];
        char next[512]; /* the next step for the caller; "" if none is needed */
} iso_memlock;

/* "16G", "512M", "4096K", "1T" or bytes. Returns false for anything else. */
bool iso_parse_size(const char *text, uint64_t *ret);

/*
 * How much a process (0: this one) must be able to lock to map that much memory in that many
 * address spaces, and how much it may lock. One lease is one address space; a guest with its own
 * IOMMU has one for each group.
 */
void iso_memlock_judge(int pid, uint64_t ram, unsigned n_spaces, iso_memlock *ret);

typedef struct iso_finding {
        const char *id;       /* "iommu", "interrupt-remapping", … see isoctl(1) */
        const char *level;    /* "ok", "warn", "fail"; "unknown": the check could not be made */
        const char *what;     /* a few words */
        const char *evidence; /* a sentence, as the next two */
        const char *why;      /* why it matters */
        const char *fix;      /* "" if no fix is needed */
} iso_finding;

/*
 * Checks whether a machine can keep devices apart (a sysfs or file host), or checks a daemon and
 * its leases (a daemon host). For /sys it also reads other sources of this machine. Valid as long
 * as the view. Returns 0, an error of a call to the daemon, or -errno.
 */
int iso_host_diagnose(iso_host *host, const iso_finding **ret, size_t *ret_n);

/* One entry of the journal about a lease, or a request for one. Strings are never NULL. */
typedef struct iso_history_entry {
        uint64_t time_usec; /* since the epoch */
        const char *event;  /* "taken", "refused", "forced", "joined", "transferred", "revoked",
                             * "breached", "quarantined", "repaired", "given-back" */
        const char *boot;   /* id of the boot; each boot numbers leases from 1 */
        uint32_t lease;     /* 0 if refused */
        const char *const *groups;  /* NULL-terminated */
        const char *const *devices; /* NULL-terminated; in a refusal, as requested */
        int64_t uid;                /* of the owner, or of the refused user; -1 if unknown */
        const char *unit;
        const char *rule;
        const char *mode;
        const char *guard;   /* at that time */
        const char *ended;   /* given-back, repaired: "released", "revoked", "breached" */
        const char *refusal; /* refused: the error's name */
        const char *text;    /* a sentence */
} iso_history_entry;

typedef struct iso_history iso_history;

/*
 * Reads the entries about leases in this machine's journal, as far as the caller may read it, from
 * a time on (since the epoch; 0: all), the oldest first. Returns 0 and *ret, freed by the caller,
 * or -errno.
 */
int iso_history_read(uint64_t since_usec, iso_history **ret);
const iso_history_entry *iso_history_entries(const iso_history *history, size_t *ret_n);

/* NULL is allowed; returns NULL. */
iso_history *iso_history_free(iso_history *history);

#ifdef __cplusplus
}
#endif

#endif
