/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A new lease, as a line and as a document. */

#include "cli/lease_text.h"

#include "cli/text.h"

iso_acquire_options lease_options(const Invocation *invocation, const char *lifetime)
{
        return (iso_acquire_options){
                .mode = invocation->mode,
                .lifetime = lifetime,
                .with_members = invocation->with_members,
                .force = invocation->force,
                .wait_usec = invocation->wait_usec,
                .driver = invocation->driver,
                .uid = invocation->uid,
                .type = invocation->type,
                .memory = invocation->memory,
                .release_console = invocation->release_console,
        };
}

int fail_acquire(const Invocation *invocation, int error)
{
        int code = fail_host(invocation, error);
        bool is_finite = invocation->wait_usec > 0 && invocation->wait_usec != ISO_WAIT_FOREVER;

        /* A timeout of --wait has an exit code of its own. */
        return error == ISO_E_BUSY && is_finite ? iso_error_exit_code(ISO_E_STUCK) : code;
}

char *lease_describe(const iso_lease *lease)
{
        _cleanup_(free_text) char *groups = join_texts(lease->groups, ", ");

        return must_format("lease %u · group%s %s · %s · guard %s", lease->id,
                           lease->groups[0] && lease->groups[1] ? "s" : "", groups, lease->mode,
                           lease->guard);
}

json_object *json_acquired(const iso_lease *lease)
{
        json_object *document = json_document("acquire");

        json_add_number(document, "lease", lease->id, 1);
        json_add_list(document, "groups", lease->groups);
        json_add_list(document, "devices", lease->devices);
        json_add_text(document, "mode", lease->mode);
        json_add_text(document, "guard", lease->guard);
        json_add_text(document, "lifetime", lease->lifetime);
        json_add_text(document, "address_space", lease->address_space);
        json_add_text(document, "accounting", lease->accounting);
        json_add_list(document, "nodes", lease->nodes);
        if (*lease->memory_warning)
                json_add_text(document, "memory_warning", lease->memory_warning);
        return document;
}
