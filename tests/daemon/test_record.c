/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lease records: a record is read back as it was written, and no other text is accepted as a
 * record.
 */

#include <errno.h>
#include <stdio.h>

#include "daemon/lease/record.h"
#include "tests/unit/tap.h"

static const Bdf nic = {.domain = 0x10000, .bus = 1, .devfn = 0x0a};
static const Bdf port = {.bus = 0, .devfn = 0xe4};

static LeaseRecord *make(void)
{
        LeaseRecord *record = NULL;

        CHECK(lease_record_new(&record) == 0);
        record->id = 7;
        record->state = LEASE_LEASED;
        record->mode = LEASE_MODE_IOMMUFD;
        record->lifetime = LEASE_LIFETIME_PERSISTENT;
        record->owner.uid = 4294967290U;
        record->owner.path_uid = 4294967291U;
        free(record->owner.unit);
        record->owner.unit = strdup("a \"unit\"\n.service");
        record->since_usec = 1790000000123456ULL;
        CHECK(lease_record_add_group(record, 14, "0000:00/1c.4") == 0);
        CHECK(lease_record_add_device(record, port, LEASE_ROLE_BYSTANDER, "pcieport", "") == 0);
        CHECK(lease_record_add_device(record, nic, LEASE_ROLE_TAKEN, "e1000e", "my-driver") == 0);
        CHECK(lease_record_add_fd_name(record, "iommufd") == 0);
        CHECK(lease_record_add_fd_name(record, "device:10000:01:01.2") == 0);
        return record;
}

static void test_round_trip(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make(), *back = NULL;
        _cleanup_(freep) char *text = NULL, *again = NULL;

        CHECK(lease_record_to_json(record, &text) == 0);
        if (!CHECK(lease_record_from_json(text, &back) == 0))
                return;
        CHECK_NUMBER(back->id, 7);
        CHECK_NUMBER(back->owner.uid, 4294967290U);
        CHECK_NUMBER(back->owner.path_uid, 4294967291U);
        CHECK_NUMBER(back->since_usec, 1790000000123456ULL);
        CHECK_STRING(back->owner.unit, "a \"unit\"\n.service");
        const LeaseDevice *device = lease_record_find(back, nic);
        if (CHECK(device)) {
                CHECK_STRING(device->before.driver, "e1000e");
                CHECK_STRING(device->before.override, "my-driver");
                CHECK_NUMBER(device->role, LEASE_ROLE_TAKEN);
        }
        CHECK(lease_record_has_group(back, 14));
        CHECK(!lease_record_has_group(back, -1));
        CHECK(lease_record_to_json(back, &again) == 0);
        CHECK_STRING(again, text);
}

/* A record of an older daemon: the same without the fields it did not know. */
static void test_the_versions_before(void)
{
        static const char old[] =
                "{\"version\":1,\"id\":7,\"state\":1,\"mode\":1,\"lifetime\":0,\"uid\":1000,"
                "\"unit\":\"\",\"rule\":\"root\",\"since_usec\":1,\"trouble\":\"\",\"groups\":[],"
                "\"devices\":[],\"fds\":[]}";
        static const char before[] =
                "{\"version\":2,\"id\":7,\"state\":1,\"mode\":1,\"lifetime\":0,\"uid\":1000,"
                "\"unit\":\"\",\"rule\":\"root\",\"since_usec\":1,\"trouble\":\"\",\"on_breach\":1,"
                "\"breach\":\"\",\"groups\":[],\"devices\":[{\"device\":\"0000:01:00.0\",\"role\":"
                "0,"
                "\"lost\":false,\"driver_before\":\"e1000e\",\"override_before\":\"\"}],\"fds\":[],"
                "\"changes\":[]}";
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL, *second = NULL;

        CHECK_NUMBER(lease_record_from_json(old, &record), 0);
        CHECK(record && record->id == 7 && record->n_changes == 0 && !record->condition.breach);
        CHECK_NUMBER(lease_record_from_json(before, &second), 0);
        CHECK(second && second->terms.on_breach == POLICY_BREACH_REVOKE && second->n_devices == 1);
        CHECK(second && !second->devices[0].joined && !second->devices[0].fingerprint.known);
        CHECK(second && second->terms.guard == GUARD_NONE &&
              second->terms.on_join == POLICY_JOIN_HOLD);
}

static void test_changes(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make(), *back = NULL;
        _cleanup_(freep) char *text = NULL;

        CHECK(lease_record_add_change(record, LEASE_CHANGE_VFS, "0000:05:00.0") == 0);
        CHECK(lease_record_add_change(record, LEASE_CHANGE_SEAL, "0000:00:02.1:pcie204") == 0);
        record->condition.breach = strdup("somebody got in");
        record->terms.on_breach = POLICY_BREACH_QUARANTINE;
        CHECK(lease_record_to_json(record, &text) == 0);
        CHECK_NUMBER(lease_record_from_json(text, &back), 0);
        CHECK(lease_record_has_change(back, LEASE_CHANGE_SEAL, "0000:00:02.1:pcie204"));
        CHECK(lease_record_has_change(back, LEASE_CHANGE_VFS, "0000:05:00.0"));
        CHECK(!lease_record_has_change(back, LEASE_CHANGE_SEAL, "0000:05:00.0"));
        CHECK_STRING(back->condition.breach, "somebody got in");
        CHECK_NUMBER(back->terms.on_breach, POLICY_BREACH_QUARANTINE);
        lease_record_drop_changes(back, 1);
        CHECK_NUMBER(back->n_changes, 1);
        CHECK(lease_record_has_change(back, LEASE_CHANGE_VFS, "0000:05:00.0"));
}

/* A record of the previous version: the same without virtual functions. */
static void test_the_version_before_vfs(void)
{
        static const char old[] =
                "{\"version\":2,\"id\":7,\"state\":1,\"mode\":1,\"lifetime\":0,\"uid\":1000,"
                "\"unit\":\"\",\"rule\":\"root\",\"since_usec\":1,\"trouble\":\"\",\"groups\":[],"
                "\"devices\":[],\"fds\":[],\"changes\":[],\"on_breach\":1,\"breach\":\"x\"}";
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;

        CHECK_NUMBER(lease_record_from_json(old, &record), 0);
        CHECK(record && record->terms.on_breach == POLICY_BREACH_REVOKE && record->n_vfs == 0 &&
              record->terms.on_vf_loss == POLICY_VF_LOSS_KEEP);
}

static const LeaseVf leased_vf = {
        .bdf = {.domain = 0x10000, .bus = 1, .devfn = 0x0a},
        .place = {.pf = {.domain = 0x10000, .bus = 1},
                  .index = 2,
                  .n_vfs = 8,
                  .vendor = 0x8086,
                  .device = 0x10ca,
                  .pf_driver = "igb"},
        .group = 14,
        .returning = true,
        .settings = {.known = 0x3f,
                     .mac = {2, 0, 0, 0, 0, 0x17, [31] = 0xff},
                     .vlan = 100,
                     .qos = 3,
                     .vlan_protocol = 0x88a8,
                     .min_rate = 10,
                     .max_rate = 4000000000U,
                     .spoofchk = 1,
                     .link_state = 2,
                     .trust = 1},
};

/* The same settings known, with the same values; the padding of the struct is never set. */
static bool is_same(const VfSettings *a, const VfSettings *b)
{
        for (VfSetting setting = 0; setting < _VF_SETTING_N; setting++)
                if (vf_settings_differ(a, b, setting))
                        return false;
        return a->known == b->known;
}

static void test_virtual_functions(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make(), *back = NULL;
        _cleanup_(freep) char *text = NULL, *again = NULL;

        CHECK_NUMBER(lease_record_add_vf(record, &leased_vf), 0);
        record->terms.on_vf_loss = POLICY_VF_LOSS_RECREATE;
        record->recreated_usec = 12345678901ULL;
        CHECK(lease_record_to_json(record, &text) == 0);
        CHECK_NUMBER(lease_record_from_json(text, &back), 0);
        if (!CHECK(back && back->n_vfs == 1))
                return;
        CHECK(is_same(&back->vfs[0].settings, &leased_vf.settings));
        CHECK(lease_record_to_json(back, &again) == 0);
        CHECK_STRING(again, text);
        CHECK_NUMBER(back->terms.on_vf_loss, POLICY_VF_LOSS_RECREATE);
        CHECK_NUMBER(back->recreated_usec, 12345678901ULL);
        CHECK(!lease_record_find_vf(back, port));
        /* A lost device needs no restore, except one that is half recreated. */
        LeaseDevice *device = lease_record_find(back, nic);
        device->lost = true;
        CHECK(lease_record_has_hold(back, device));
        lease_record_find_vf(back, nic)->returning = false;
        CHECK(!lease_record_has_hold(back, device));
        device->owed = true;
        CHECK(lease_record_has_hold(back, device));
}

static void test_strange_virtual_functions(void)
{
        static const char *const edits[][2] = {
                {"\"index\":2", "\"index\":-2"},       {"\"pf_driver\":\"igb\"", "\"pf_driver\":7"},
                {"\"known\":63", "\"known\":64"},      {"\"trust\":1", "\"trust\":\"1\""},
                {"\"mac\":\"02", "\"mac\":\"0"},       {"\"mac\":\"02", "\"mac\":\"0x"},
                {"\"pf\":\"10000", "\"pf\":\"x10000"},
        };
        _cleanup_(lease_record_freep) LeaseRecord *record = make();
        _cleanup_(freep) char *text = NULL;

        CHECK_NUMBER(lease_record_add_vf(record, &leased_vf), 0);
        CHECK(lease_record_to_json(record, &text) == 0);
        for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
                _cleanup_(lease_record_freep) LeaseRecord *wrong = NULL;
                _cleanup_(freep) char *edited = NULL;
                const char *at = strstr(text, edits[i][0]);

                if (!CHECK(at) || asprintf(&edited, "%.*s%s%s", (int)(at - text), text, edits[i][1],
                                           at + strlen(edits[i][0])) < 0)
                        continue;
                if (!CHECK(lease_record_from_json(edited, &wrong) == -EBADMSG))
                        printf("# %s was taken for %s\n", edits[i][1], edits[i][0]);
        }
}

static void test_members(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make(), *back = NULL;
        _cleanup_(freep) char *text = NULL;
        char fingerprint[FINGERPRINT_TEXT_SIZE];

        LeaseDevice *device = lease_record_find(record, nic);
        device->joined = device->taking = device->returned = device->owed = true;
        CHECK(fingerprint_parse("8086:10d3:1af4:1100:020000:03:001b21ffff3a4c5d",
                                &device->fingerprint));
        record->terms.on_join = POLICY_JOIN_EXPEL;
        record->terms.on_weaker = POLICY_BREACH_REVOKE;
        record->terms.guard = GUARD_SEALED;
        record->condition.is_weaker = record->parked = true;
        CHECK(lease_record_to_json(record, &text) == 0);
        if (!CHECK_NUMBER(lease_record_from_json(text, &back), 0))
                return;
        CHECK_NUMBER(back->terms.on_join, POLICY_JOIN_EXPEL);
        CHECK_NUMBER(back->terms.on_weaker, POLICY_BREACH_REVOKE);
        CHECK_NUMBER(back->terms.guard, GUARD_SEALED);
        CHECK(back->condition.is_weaker && back->parked);
        device = lease_record_find(back, nic);
        CHECK(device->joined && device->taking && device->returned && device->owed);
        CHECK(lease_device_was_taken(device));
        CHECK_STRING(fingerprint_format(&device->fingerprint, fingerprint),
                     "8086:10d3:1af4:1100:020000:03:001b21ffff3a4c5d");
        CHECK(!lease_record_find(back, port)->joined);
}

/* Version 5 has records of daemons that did not know this field. */
static void test_owed_is_optional(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make(), *back = NULL, *wrong = NULL;
        _cleanup_(freep) char *text = NULL;

        lease_record_find(record, nic)->owed = true;
        CHECK(lease_record_to_json(record, &text) == 0);
        char *at = strstr(text, "\"owed\":true");
        if (!CHECK(at))
                return;
        memcpy(at, "\"ower\":true", strlen("\"owed\":true"));
        CHECK_NUMBER(lease_record_from_json(text, &back), 0);
        CHECK(back && !lease_record_find(back, nic)->owed);
        memcpy(at, "\"owed\":null", strlen("\"owed\":null"));
        CHECK_NUMBER(lease_record_from_json(text, &wrong), -EBADMSG);
}

/* Nor did they record the bus of the owner's name. */
static void test_the_bus_is_optional(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make(), *back = NULL, *old = NULL;
        _cleanup_(freep) char *text = NULL;

        (void)snprintf(record->owner.bus, sizeof(record->owner.bus), "0123456789abcdef");
        CHECK(lease_record_to_json(record, &text) == 0);
        CHECK_NUMBER(lease_record_from_json(text, &back), 0);
        if (back)
                CHECK_STRING(back->owner.bus, "0123456789abcdef");
        char *at = strstr(text, "\"owner_bus\"");
        if (!CHECK(at))
                return;
        memcpy(at, "\"other_bus\"", strlen("\"other_bus\""));
        CHECK_NUMBER(lease_record_from_json(text, &old), 0);
        CHECK(old && !old->owner.bus[0]);
}

/* A change put first is undone last, and stays when the guard's own changes are dropped. */
static void test_changes_put_first(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make();

        CHECK(lease_record_add_change(record, LEASE_CHANGE_VFS, "0000:05:00.0") == 0);
        CHECK(lease_record_add_change(record, LEASE_CHANGE_SEAL, "0000:00:02.1:pcie204") == 0);
        CHECK(lease_record_put_change_first(record, LEASE_CHANGE_EXPEL, "0000:00:02.1") == 0);
        CHECK(lease_record_put_change_first(record, LEASE_CHANGE_EXPEL, "0000:00") == 0);
        CHECK(lease_record_put_change_first(record, LEASE_CHANGE_EXPEL, "0000:00:02.1") == 0);
        if (!CHECK_NUMBER(record->n_changes, 4))
                return;
        CHECK_STRING(record->changes[0].place, "0000:00");
        CHECK_STRING(record->changes[1].place, "0000:00:02.1");
        CHECK_NUMBER(record->changes[2].kind, LEASE_CHANGE_VFS);
        CHECK_NUMBER(record->changes[3].kind, LEASE_CHANGE_SEAL);
}

/* A crash may leave any prefix of a file behind. */
static void test_every_prefix_is_refused(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make();
        _cleanup_(freep) char *text = NULL;

        CHECK(lease_record_to_json(record, &text) == 0);
        size_t n = strlen(text);
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
                text[--n] = '\0';
        for (; n > 0; n--) {
                LeaseRecord *back = NULL;

                text[n - 1] = '\0';
                CHECK_NUMBER(lease_record_from_json(text, &back), -EBADMSG);
                lease_record_free(back);
        }
}

/* Replaces the first `from` in a record's text by `to` and reads it. */
static int read_edited(const char *from, const char *to)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make(), *back = NULL;
        _cleanup_(freep) char *text = NULL, *edited = NULL;

        CHECK(lease_record_to_json(record, &text) == 0);
        char *at = strstr(text, from);
        if (!CHECK(at) ||
            asprintf(&edited, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) < 0)
                return 0;
        return lease_record_from_json(edited, &back);
}

static void test_strange_records_are_refused(void)
{
        static const char *const edits[][2] = {
                {"\"version\":5", "\"version\":6"},
                {"\"driver\":\"vfio-pci\"", "\"driver\":\"../vfio-pci\""},
                {"\"driver\":\"vfio-pci\"", "\"driver\":7"},
                {"\"owner_name\":\"\"", "\"owner\":\"\""},
                {"\"exclusive_process\":0", "\"exclusive_process\":2"},
                {"\"revoke_grace\":10", "\"revoke_grace\":3601"},
                {"\"in_hand\":0", "\"in_hand\":2"},
                {"\"in_hand\":0", "\"in_hand\":false"},
                {"\"owner_bus\":\"\"", "\"owner_bus\":7"},
                {"\"owner_bus\":\"\"", "\"owner_bus\":\"0123456789abcdef0123456789abcdef0\""},
                {"\"memlock\":0", "\"memlock\":-1"},
                {"\"memlock_pid\":0", "\"memlock_pid\":4294967295"},
                {"\"type_before\":\"\"", "\"type_before\":\"a domain type that is too long\""},
                {"\"id\":7", "\"id\":-7"},
                {"\"id\":7", "\"id\":0"},
                {"\"id\":7", "\"id\":\"7\""},
                {"\"id\":7", "\"id\":99999999999"},
                {"\"state\":1", "\"state\":99"},
                {"10000:01:01.2", "nonsense"},
                {"\"role\":0", "\"role\":7"},
                {"\"on_breach\":0", "\"on_breach\":3"},
                {"\"on_vf_loss\":0", "\"on_vf_loss\":2"},
                {"\"recreated_usec\":0", "\"recreated_usec\":-1"},
                {"\"vfs\":[", "\"vfs\":7,\"others\":["},
                {"\"on_join\":0", "\"on_join\":2"},
                {"\"on_weaker\":0", "\"on_weaker\":-1"},
                {"\"guard\":0", "\"guard\":5"},
                {"\"is_weaker\":false", "\"is_weaker\":0"},
                {"\"parked\":false", "\"parked\":1"},
                {"\"joined\":false", "\"joined\":\"no\""},
                {"\"taking\":", "\"talking\":"},
                {"\"fingerprint\":\"\"", "\"fingerprint\":\"8086\""},
                {"e1000e", "../../e1000e"},
                {"\"devices\":[", "\"devices\":7,\"others\":["},
        };

        CHECK_NUMBER(read_edited("e1000e", "igb"), 0);
        for (size_t i = 0; i < ARRAY_SIZE(edits); i++)
                if (!CHECK(read_edited(edits[i][0], edits[i][1]) == -EBADMSG))
                        printf("# %s was taken for %s\n", edits[i][1], edits[i][0]);
}

int main(void)
{
        static const TapTest tests[] = {
                {"what is written comes back", test_round_trip},
                {"the versions before this", test_the_versions_before},
                {"the version before virtual functions", test_the_version_before_vfs},
                {"changes and a breach", test_changes},
                {"virtual functions", test_virtual_functions},
                {"strange virtual functions", test_strange_virtual_functions},
                {"members that came later, and what is required", test_members},
                {"what is owed", test_owed_is_optional},
                {"the bus of the name is optional", test_the_bus_is_optional},
                {"changes that are undone last", test_changes_put_first},
                {"every prefix of a record is refused", test_every_prefix_is_refused},
                {"strange records are refused", test_strange_records_are_refused},
        };

        return tap_run(tests);
}
