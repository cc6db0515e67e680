/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One function for each id. Each one reports what is wrong, or that nothing is. */

#include "daemon/recovery/selfcheck.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/probe/cleanup.h"
#include "daemon/descriptors/room.h"
#include "daemon/host/helper.h"

#define ENTRIES_MAX 8192 /* entries of the directory that are read */
#define REJECTED_MAX 64  /* that are reported */
#define STORE_LOW 16     /* descriptors: about one large lease */

typedef struct Check {
        const Ledger *ledger;
        SelfFound found;
        void *userdata;
} Check;

static int tell(const Check *check, const SelfFinding *finding)
{
        return check->found(finding, check->userdata);
}

static int check_records(const Check *check)
{
        const char *directory = check->ledger->state_directory;
        _cleanup_(closedirp) DIR *entries = opendir(directory);
        size_t n_told = 0;
        int r = 0;

        for (size_t i = 0; entries && r == 0 && n_told < REJECTED_MAX && i < ENTRIES_MAX; i++) {
                const struct dirent *entry = readdir(entries);
                char text[PATH_MAX + 128];

                if (!entry)
                        break;
                if (!strstr(entry->d_name, ".rejected"))
                        continue;
                n_told++;
                (void)snprintf(text, sizeof(text),
                               "%s/%s: the daemon could not use it as one of its files; see the "
                               "journal.",
                               directory, entry->d_name);
                r = tell(check,
                         &(SelfFinding){
                                 "records", "fail", "a file of the daemon was set aside", text,
                                 "If it is a lease record, isoctl repair names the devices that "
                                 "are left; remove the file when they are repaired."});
        }
        if (r < 0 || n_told > 0)
                return r;
        return tell(check, &(SelfFinding){"records", "ok", "every record was read",
                                          "None was set aside.", ""});
}

static int check_files(const Check *check)
{
        const Ledger *ledger = check->ledger;
        const char *modules = getenv("ISOLATIOND_MODULES"); /* set by the unit */
        char text[PATH_MAX + 128];

        if (access(ledger->state_directory, R_OK | W_OK | X_OK) < 0) {
                (void)snprintf(text, sizeof(text), "%s: %s.", ledger->state_directory,
                               strerror(errno));
                return tell(check,
                            &(SelfFinding){"files", "fail", "lease records cannot be written", text,
                                           "Keep the daemon running, and repair the directory; "
                                           "a restart would end all leases."});
        }
        if (modules && ledger->host.modules && strcmp(modules, ledger->host.modules) == 0 &&
            access(modules, R_OK | X_OK) < 0) {
                (void)snprintf(text, sizeof(text),
                               "%s: %s. Drivers made for a device are not found.",
                               ledger->host.modules, strerror(errno));
                return tell(check, &(SelfFinding){"files", "warn",
                                                  "the kernel's module tables cannot be read", text,
                                                  "systemctl restart isolationd.service"});
        }
        return tell(check, &(SelfFinding){"files", "ok", "lease records can be written",
                                          ledger->state_directory, ""});
}

bool selfcheck_has_helper(const HostPaths *host, HelperRole role)
{
        char path[PATH_MAX];
        struct stat st;

        (void)snprintf(path, sizeof(path), "%s/%s", host->helpers, helper_role_to_string(role));
        return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* What does not work without each helper. */
static const char *const losses[_HELPER_ROLE_N] = {
        [HELPER_LOOK] = "Holders of a device cannot be found, nor killed for a revoked lease.",
        [HELPER_SET] = "Domain types cannot be set, and memory is not counted by process.",
        [HELPER_WATCH] = "A device that joins a leased group is blocked later.",
};

static int check_helpers(const Check *check)
{
        const HostPaths *host = &check->ledger->host;
        size_t n_missing = 0;
        int r = 0;

        for (HelperRole role = 0; host->helpers && r == 0 && role < _HELPER_ROLE_N; role++) {
                const char *name = helper_role_to_string(role);
                char what[96], text[PATH_MAX + 160], fix[96];

                if (selfcheck_has_helper(host, role))
                        continue;
                n_missing++;
                (void)snprintf(what, sizeof(what), "isolationd-%s cannot be reached", name);
                (void)snprintf(text, sizeof(text), "There is no socket %s/%s. %s", host->helpers,
                               name, losses[role]);
                (void)snprintf(fix, sizeof(fix), "systemctl restart isolationd-%s.socket", name);
                r = tell(check, &(SelfFinding){"helpers", "fail", what, text, fix});
        }
        if (r < 0 || n_missing > 0)
                return r;
        return tell(check, &(SelfFinding){"helpers", "ok", "all helpers can be reached",
                                          host->helpers ? host->helpers : "None is needed.", ""});
}

static int check_store(const Check *check)
{
        size_t max = store_max(), used = store_used(check->ledger);
        char text[160];

        if (!getenv("NOTIFY_SOCKET"))
                return tell(check, &(SelfFinding){"store", "warn", "leases end with the daemon",
                                                  "No service manager started the daemon, so none "
                                                  "keeps its descriptors.",
                                                  "systemctl start isolationd.service"});
        if (max == SIZE_MAX)
                return tell(check,
                            &(SelfFinding){"store", "warn",
                                           "how many leases survive a restart is not known",
                                           "Neither FDSTORE nor ISOLATIOND_FDSTORE_MAX is set.",
                                           "Use the unit that comes with isolationd."});
        (void)snprintf(text, sizeof(text), "%zu of %zu descriptors are in use.", used, max);
        if (used > max)
                return tell(check,
                            &(SelfFinding){"store", "fail",
                                           "not all leases survive a restart of the daemon", text,
                                           "Raise FileDescriptorStoreMax= of "
                                           "isolationd.service, and release leases before "
                                           "the restart."});
        if (max - used < STORE_LOW)
                return tell(check, &(SelfFinding){"store", "warn",
                                                  "there is room for few more leases", text,
                                                  "Raise FileDescriptorStoreMax= of "
                                                  "isolationd.service."});
        return tell(check, &(SelfFinding){"store", "ok", "leases survive a restart of the daemon",
                                          text, ""});
}

/* Reports what an older version of the daemon could not read in these records. */
static int check_downgrade(const Check *check)
{
        const Ledger *ledger = check->ledger;
        char text[512];
        size_t n = 0, n_optional = 0;

        for (size_t i = 0; i < ledger->n_leases; i++) {
                const char *field = lease_record_first_optional(ledger->leases[i]->record);

                n_optional += field != NULL;
                if (!field || n >= sizeof(text) - 1)
                        continue;
                n += (size_t)snprintf(text + n, sizeof(text) - n,
                                      "%sLease %" PRIu32 " has \"%s\" on record.", n > 0 ? " " : "",
                                      ledger->leases[i]->record->id, field);
        }
        if (n_optional > 0)
                return tell(check,
                            &(SelfFinding){"downgrade", "warn",
                                           "an earlier version would lose part of a lease", text,
                                           "Release these leases before you install an earlier "
                                           "version of isolationd."});
        (void)snprintf(
                text, sizeof(text),
                "%zu leases, in records of version %u. A version of isolationd that does not know "
                "this version of records sets them aside.",
                ledger->n_leases, lease_record_version());
        return tell(check, &(SelfFinding){"downgrade", "ok",
                                          "every version that reads these records reads them "
                                          "alike",
                                          text, ""});
}

int selfcheck(const Ledger *ledger, SelfFound found, void *userdata)
{
        const Check check = {ledger, found, userdata};
        int r = check_records(&check);

        if (r == 0)
                r = check_files(&check);
        if (r == 0)
                r = check_helpers(&check);
        if (r == 0)
                r = check_store(&check);
        return r == 0 ? check_downgrade(&check) : r;
}
