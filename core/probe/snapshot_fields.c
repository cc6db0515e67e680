/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads each member and checks its type and range.
 *
 * An object is a fact that is YES, with a value; the required parts of the value must be present.
 * All other members may be absent, which means unknown.
 */

#include "core/probe/snapshot_fields.h"

#include <stdio.h>
#include <string.h>

/* The current object; `prefix` precedes the names of its members in errors. */
typedef struct Entry {
        json_object *object;
        const char *prefix;
        FieldError *error;
} Entry;

static bool fail(const Entry *entry, const char *key, const char *what)
{
        (void)snprintf(entry->error->where, sizeof(entry->error->where), "%s%s", entry->prefix,
                       key);
        (void)snprintf(entry->error->what, sizeof(entry->error->what), "%s", what);
        return false;
}

/* NULL for null and for an absent member. */
static json_object *member(const Entry *entry, const char *key)
{
        json_object *value = NULL;

        (void)json_object_object_get_ex(entry->object, key, &value);
        return value;
}

bool field_read_tristate(json_object *value, const char *where, Tristate *ret,
                         FieldError *ret_error)
{
        const Entry entry = {.prefix = "", .error = ret_error};

        *ret = TRISTATE_UNKNOWN;
        if (!value)
                return true;
        if (!json_object_is_type(value, json_type_boolean))
                return fail(&entry, where, "expected true, false or null");
        *ret = tristate_from_bool(json_object_get_boolean(value));
        return true;
}

static bool read_tristate(const Entry *entry, const char *key, Tristate *ret)
{
        json_object *value = member(entry, key);

        *ret = TRISTATE_UNKNOWN;
        if (!value)
                return true;
        if (!json_object_is_type(value, json_type_boolean))
                return fail(entry, key, "expected true, false or null");
        *ret = tristate_from_bool(json_object_get_boolean(value));
        return true;
}

bool field_read_text(json_object *value, const char *where, size_t n_most, const char **ret,
                     FieldError *ret_error)
{
        const Entry entry = {.prefix = "", .error = ret_error};
        size_t n;

        *ret = NULL;
        if (!value)
                return true;
        if (!json_object_is_type(value, json_type_string))
                return fail(&entry, where, "expected text or null");
        n = (size_t)json_object_get_string_len(value);
        if (strlen(json_object_get_string(value)) != n)
                return fail(&entry, where, "the text contains a NUL");
        if (n >= n_most)
                return fail(&entry, where, "the text is too long");
        *ret = json_object_get_string(value);
        return true;
}

/* Fills `text` with the member, "" for null. */
static bool read_text(const Entry *entry, const char *key, char *text, size_t n_text)
{
        const char *value;
        char where[sizeof(entry->error->where)];

        (void)snprintf(where, sizeof(where), "%s%s", entry->prefix, key);
        if (!field_read_text(member(entry, key), where, n_text, &value, entry->error))
                return false;
        (void)snprintf(text, n_text, "%s", value ? value : "");
        return true;
}

/*
 * *ret keeps its value if the member is absent; *ret_has (may be NULL) gets whether it is present.
 */
static bool read_address(const Entry *entry, const char *key, Bdf *ret, bool *ret_has)
{
        json_object *value = member(entry, key);

        if (ret_has)
                *ret_has = value != NULL;
        if (!value)
                return ret_has || fail(entry, key, "is missing");
        if (!json_object_is_type(value, json_type_string) ||
            !bdf_parse(json_object_get_string(value), ret))
                return fail(entry, key, "expected an address like \"0000:01:00.0\"");
        return true;
}

/* Up to 16 digits; the value is at most `most`. Absent is 0, unless it is `needed`. */
static bool read_hex(const Entry *entry, const char *key, uint64_t most, bool needed, uint64_t *ret)
{
        json_object *value = member(entry, key);
        const char *text;
        size_t n;

        *ret = 0;
        if (!value)
                return !needed || fail(entry, key, "is missing");
        if (!json_object_is_type(value, json_type_string))
                return fail(entry, key, "expected hexadecimal digits as text");
        text = json_object_get_string(value);
        n = strspn(text, "0123456789abcdefABCDEF");
        if (n == 0 || n > 16 || n != (size_t)json_object_get_string_len(value))
                return fail(entry, key, "expected hexadecimal digits as text");
        *ret = strtoull(text, NULL, 16);
        return *ret <= most || fail(entry, key, "the number is too large");
}

static bool read_hex16(const Entry *entry, const char *key, bool needed, uint16_t *ret)
{
        uint64_t value;

        if (!read_hex(entry, key, UINT16_MAX, needed, &value))
                return false;
        *ret = (uint16_t)value;
        return true;
}

static bool read_hex32(const Entry *entry, const char *key, uint32_t most, uint32_t *ret)
{
        uint64_t value;

        if (!read_hex(entry, key, most, false, &value))
                return false;
        *ret = (uint32_t)value;
        return true;
}

/* 0 to `most`; *ret keeps its value if the member is absent. */
static bool read_number(const Entry *entry, const char *key, int64_t most, bool needed,
                        int64_t *ret)
{
        json_object *value = member(entry, key);

        if (!value)
                return !needed || fail(entry, key, "is missing");
        if (!json_object_is_type(value, json_type_int))
                return fail(entry, key, "expected a number");
        *ret = json_object_get_int64(value);
        return (*ret >= 0 && *ret <= most) || fail(entry, key, "the number is out of range");
}

/*
 * A fact with a value: null is unknown, false is NO, an object is YES. *ret_entry gets the object;
 * `prefix` precedes the names of its members in errors.
 */
static bool read_fact(const Entry *entry, const char *key, const char *prefix, Tristate *ret,
                      Entry *ret_entry)
{
        json_object *value = member(entry, key);

        *ret = TRISTATE_UNKNOWN;
        *ret_entry = (Entry){value, prefix, entry->error};
        if (!value)
                return true;
        if (json_object_is_type(value, json_type_object)) {
                *ret = TRISTATE_YES;
                return true;
        }
        if (!json_object_is_type(value, json_type_boolean) || json_object_get_boolean(value))
                return fail(entry, key, "expected an object, false or null");
        *ret = TRISTATE_NO;
        return true;
}

static bool read_header(const Entry *facts, PciFacts *ret)
{
        Tristate multifunction;
        int64_t type = 0;
        Entry header;

        if (!read_fact(facts, "header", "facts.header.", &ret->header_known, &header))
                return false;
        if (ret->header_known != TRISTATE_YES)
                return true;
        if (!read_number(&header, "type", 0x7f, true, &type) ||
            !read_tristate(&header, "multifunction", &multifunction))
                return false;
        ret->header_type = (uint8_t)type;
        ret->multifunction_bit = multifunction;
        return true;
}

static bool read_pcie(const Entry *facts, PciFacts *ret)
{
        int64_t type = 0;
        Entry pcie;

        if (!read_fact(facts, "pcie", "facts.pcie.", &ret->pcie, &pcie))
                return false;
        if (ret->pcie == TRISTATE_YES && !read_number(&pcie, "type", 0xf, true, &type))
                return false;
        ret->pcie_type = (uint8_t)type;
        return true;
}

static bool read_acs(const Entry *facts, PciFacts *ret)
{
        Entry acs;

        if (!read_fact(facts, "acs", "facts.acs.", &ret->acs.present, &acs))
                return false;
        if (ret->acs.present != TRISTATE_YES)
                return true;
        ret->acs.dword8_unread = !member(&acs, "dword8");
        if (!read_hex16(&acs, "offset", false, &ret->acs.offset) ||
            !read_hex16(&acs, "cap", true, &ret->acs.cap) ||
            !read_hex16(&acs, "ctrl", true, &ret->acs.ctrl) ||
            !read_hex32(&acs, "dword4", UINT32_MAX, &ret->acs.dword4) ||
            !read_hex32(&acs, "dword8", UINT32_MAX, &ret->acs.dword8))
                return false;
        /* Requires both words: an absent capability word must not read as one without bits. */
        if (!member(&acs, "dword4"))
                ret->acs.dword4 = (uint32_t)ret->acs.ctrl << 16 | ret->acs.cap;
        return true;
}

/* "serial" is the number, or true in an anonymised snapshot. */
static bool read_serial(const Entry *facts, PciFacts *ret)
{
        json_object *value = member(facts, "serial");

        if (!value || json_object_is_type(value, json_type_boolean))
                return read_tristate(facts, "serial", &ret->serial);
        ret->serial = TRISTATE_YES;
        return read_hex(facts, "serial", UINT64_MAX, true, &ret->serial_number);
}

static bool read_buses(const Entry *facts, PciFacts *ret)
{
        uint16_t secondary = 0, subordinate = 0;
        Entry buses;

        if (!read_fact(facts, "buses", "facts.buses.", &ret->buses_known, &buses))
                return false;
        if (ret->buses_known != TRISTATE_YES)
                return true;
        if (!read_hex16(&buses, "secondary", true, &secondary) ||
            !read_hex16(&buses, "subordinate", true, &subordinate))
                return false;
        if (secondary > UINT8_MAX || subordinate > UINT8_MAX)
                return fail(&buses, secondary > UINT8_MAX ? "secondary" : "subordinate",
                            "the number is too large");
        ret->secondary_bus = (uint8_t)secondary;
        ret->subordinate_bus = (uint8_t)subordinate;
        return true;
}

static bool read_facts(const Entry *device, PciFacts *ret)
{
        const Entry facts = {member(device, "facts"), "facts.", device->error};
        const struct {
                const char *key;
                Tristate *fact;
        } rows[] = {
                {"present", &ret->present},  {"sriov", &ret->caps.sriov},
                {"ari", &ret->caps.ari},     {"ats", &ret->caps.ats},
                {"pri", &ret->caps.pri},     {"ats_enabled", &ret->caps.ats_enabled},
                {"pasid", &ret->caps.pasid}, {"pch_redirect", &ret->pch_redirect},
                {"flr", &ret->caps.flr},     {"hotplug_slot", &ret->caps.hotplug_slot},
        };

        Tristate inferred = TRISTATE_UNKNOWN;

        if (!facts.object)
                return true;
        if (!json_object_is_type(facts.object, json_type_object))
                return fail(device, "facts", "expected an object or null");
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (!read_tristate(&facts, rows[i].key, rows[i].fact))
                        return false;
        if (!read_tristate(&facts, "redirect_inferred", &inferred))
                return false;
        ret->redirect_inferred = inferred == TRISTATE_YES;
        return read_header(&facts, ret) && read_pcie(&facts, ret) && read_acs(&facts, ret) &&
               read_serial(&facts, ret) && read_buses(&facts, ret);
}

/* "parent" is an address, "root" on a root bus, or null if unknown. */
static bool read_parent(const Entry *entry, PciDevice *device)
{
        json_object *value = member(entry, "parent");
        bool has;

        device->place.has_parent = true;
        device->place.parent_bdf =
                device->bdf; /* a device's own address as its bridge means unknown */
        if (json_object_is_type(value, json_type_string) &&
            strcmp(json_object_get_string(value), "root") == 0) {
                device->place.has_parent = false;
                return true;
        }
        return read_address(entry, "parent", &device->place.parent_bdf, &has);
}

/* "root_bus" is "0000:00"; the default is the device's own bus. */
static bool read_root_bus(const Entry *entry, PciDevice *device)
{
        char text[BDF_TEXT_SIZE], whole[BDF_TEXT_SIZE + 5];
        Bdf bdf = {.domain = device->bdf.domain, .bus = device->bdf.bus};

        if (!read_text(entry, "root_bus", text, sizeof(text)))
                return false;
        (void)snprintf(whole, sizeof(whole), "%s:00.0", text);
        if (text[0] != '\0' && (!strchr(text, ':') || !bdf_parse(whole, &bdf)))
                return fail(entry, "root_bus", "expected a bus like \"0000:00\"");
        device->place.root_domain = bdf.domain;
        device->place.root_bus = bdf.bus;
        return true;
}

static bool read_vf(const Entry *entry, PciDevice *device)
{
        int64_t index = VF_INDEX_NONE;
        Tristate is_vf;
        Entry vf;

        if (!read_fact(entry, "vf", "vf.", &is_vf, &vf))
                return false;
        device->place.is_vf = is_vf == TRISTATE_YES;
        if (!device->place.is_vf)
                return true;
        if (!read_address(&vf, "physfn", &device->place.physfn_bdf, NULL) ||
            !read_number(&vf, "index", UINT16_MAX, false, &index))
                return false;
        device->place.vf_index = (unsigned)index;
        return true;
}

static bool read_ivrs_alias(const Entry *entry, PciDevice *device)
{
        Bdf alias;

        if (!read_address(entry, "ivrs_alias", &alias, &device->place.has_ivrs_alias))
                return false;
        if (!device->place.has_ivrs_alias)
                return true;
        if (alias.domain != device->bdf.domain || alias.bus != device->bdf.bus ||
            alias.devfn == device->bdf.devfn)
                return fail(entry, "ivrs_alias", "expected another function of the same bus");
        device->place.ivrs_alias_devfn = alias.devfn;
        return true;
}

static bool read_iommu(const Entry *entry, PciDevice *device)
{
        char kind[16];

        if (!read_text(entry, "iommu", device->sysfs.iommu, sizeof(device->sysfs.iommu)) ||
            !read_text(entry, "iommu_kind", kind, sizeof(kind)))
                return false;
        for (int i = IOMMU_KIND_NONE; i <= IOMMU_KIND_OTHER; i++)
                if (strcmp(kind, iommu_kind_to_string((IommuKind)i)) == 0) {
                        device->sysfs.iommu_kind = (IommuKind)i;
                        return true;
                }
        if (kind[0] != '\0')
                return fail(entry, "iommu_kind", "unknown kind of IOMMU");
        device->sysfs.iommu_kind = iommu_kind_from_name(device->sysfs.iommu);
        return true;
}

bool field_read_device(json_object *object, PciDevice *ret_device, FieldError *ret_error)
{
        const Entry entry = {object, "", ret_error};
        PciDevice device = {0};
        int64_t group = -1, node = -1;
        Tristate group_unknown;

        if (!json_object_is_type(object, json_type_object))
                return fail(&entry, "", "expected an object");
        if (!read_address(&entry, "address", &device.bdf, NULL) ||
            !read_hex16(&entry, "vendor", false, &device.ids.vendor) ||
            !read_hex16(&entry, "device", false, &device.ids.device) ||
            !read_hex16(&entry, "subsystem_vendor", false, &device.ids.subsystem_vendor) ||
            !read_hex16(&entry, "subsystem_device", false, &device.ids.subsystem_device) ||
            !read_hex32(&entry, "class", 0xffffff, &device.ids.class_code) ||
            !read_parent(&entry, &device) || !read_root_bus(&entry, &device) ||
            !read_vf(&entry, &device) ||
            !read_address(&entry, "real_dma", &device.place.real_dma_bdf,
                          &device.place.has_real_dma) ||
            !read_ivrs_alias(&entry, &device) ||
            !read_number(&entry, "group", INT32_MAX, false, &group) ||
            !read_tristate(&entry, "group_unknown", &group_unknown) ||
            !read_iommu(&entry, &device) ||
            !read_text(&entry, "driver", device.sysfs.driver, sizeof(device.sysfs.driver)) ||
            !read_tristate(&entry, "removable", &device.sysfs.removable) ||
            !read_tristate(&entry, "resettable", &device.sysfs.resettable) ||
            !read_number(&entry, "numa_node", UINT16_MAX, false, &node) ||
            !read_facts(&entry, &device.facts))
                return false;
        device.kernel_group = (int32_t)group;
        if (group < 0 && group_unknown == TRISTATE_YES)
                device.kernel_group = KERNEL_GROUP_UNKNOWN;
        device.sysfs.has_numa_node = node >= 0;
        device.sysfs.numa_node = node >= 0 ? (uint16_t)node : 0;
        *ret_device = device;
        return true;
}

bool field_read_group(json_object *object, KernelGroup *ret_group, FieldError *ret_error)
{
        const Entry entry = {object, "", ret_error};
        KernelGroup group = {0};
        int64_t number = 0;

        if (!json_object_is_type(object, json_type_object))
                return fail(&entry, "", "expected an object");
        if (!read_number(&entry, "number", INT32_MAX, true, &number) ||
            !read_text(&entry, "type", group.type, sizeof(group.type)) ||
            !read_tristate(&entry, "direct", &group.direct))
                return false;
        group.number = (int32_t)number;
        *ret_group = group;
        return true;
}

bool field_read_slot(json_object *object, PciSlot *ret_slot, FieldError *ret_error)
{
        const Entry entry = {object, "", ret_error};
        PciSlot slot = {0};

        if (!json_object_is_type(object, json_type_object))
                return fail(&entry, "", "expected an object");
        if (!read_text(&entry, "name", slot.name, sizeof(slot.name)) ||
            !read_address(&entry, "address", &slot.bdf, NULL))
                return false;
        *ret_slot = slot;
        return true;
}
