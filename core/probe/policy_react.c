/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads the reactions to events of a lease: a device joins, a driver breaches the guard, the guard
 * weakens, a VF is lost, the IOMMU faults.
 */

#include "core/probe/policy_reader.h"

static int read_reaction(PolicyReader *reader, json_object *value, PolicyBreach *ret)
{
        static const char *const words[] = {"keep", "revoke", "quarantine", NULL};

        if (policy_breach_from_string(json_object_get_string(value), ret))
                return 0;
        return policy_complain_word(reader, value, "reaction", words);
}

int policy_read_on_breach(PolicyReader *reader, json_object *value)
{
        return read_reaction(reader, value, &reader->rule->terms.on_breach);
}

int policy_read_on_weaker(PolicyReader *reader, json_object *value)
{
        return read_reaction(reader, value, &reader->rule->require.on_weaker);
}

int policy_read_on_fault_storm(PolicyReader *reader, json_object *value)
{
        return read_reaction(reader, value, &reader->rule->terms.on_fault_storm);
}

int policy_read_fault_storm(PolicyReader *reader, json_object *value)
{
        return policy_read_number(reader, value, "a storm's number of faults", 1,
                                  POLICY_FAULT_STORM_MAX, &reader->rule->terms.fault_storm);
}

int policy_read_on_vf_loss(PolicyReader *reader, json_object *value)
{
        static const char *const words[] = {"keep", "recreate", NULL};

        if (policy_vf_loss_from_string(json_object_get_string(value),
                                       &reader->rule->terms.on_vf_loss))
                return 0;
        return policy_complain_word(reader, value, "reaction", words);
}

int policy_read_on_join(PolicyReader *reader, json_object *value)
{
        static const char *const words[] = {"hold", "expel", NULL};

        if (policy_join_from_string(json_object_get_string(value), &reader->rule->terms.on_join))
                return 0;
        return policy_complain_word(reader, value, "reaction", words);
}
