/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * By libacl (acl(5), POSIX 1003.1e draft 17, 23). A file without a list has one that says what its
 * mode says; if a written list says no more than a mode, the kernel sets the mode instead.
 */

#include "daemon/host/acl.h"

#include <acl/libacl.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/acl.h>

static inline void acl_freep(acl_t *acl)
{
        if (*acl)
                (void)acl_free(*acl);
}

/* Whether the entry has that tag and, if it is that of a user, that user: 1 or 0, or -errno. */
static int is_entry(acl_entry_t entry, acl_tag_t wanted, uid_t uid)
{
        acl_tag_t tag;

        if (acl_get_tag_type(entry, &tag) < 0)
                return -errno;
        if (tag != wanted || tag != ACL_USER)
                return tag == wanted;
        uid_t *user = acl_get_qualifier(entry);
        if (!user)
                return -errno;
        bool is_same = *user == uid;
        (void)acl_free(user);
        return is_same;
}

/* Finds an entry. Returns 1 and *ret_entry, borrowed from the list; 0: there is none; or -errno. */
static int find(acl_t acl, acl_tag_t tag, uid_t uid, acl_entry_t *ret_entry)
{
        int more = acl_get_entry(acl, ACL_FIRST_ENTRY, ret_entry);

        for (; more == 1; more = acl_get_entry(acl, ACL_NEXT_ENTRY, ret_entry)) {
                int r = is_entry(*ret_entry, tag, uid);
                if (r != 0)
                        return r;
        }
        return more < 0 ? -errno : 0;
}

static bool reads_and_writes(acl_entry_t entry)
{
        acl_permset_t set;

        return acl_get_permset(entry, &set) == 0 && acl_get_perm(set, ACL_READ) == 1 &&
               acl_get_perm(set, ACL_WRITE) == 1;
}

/* Sets the mask to the union of all rights of users and groups, so that it limits no entry. */
static int update_mask(acl_t *acl)
{
        acl_entry_t mask;

        int r = find(*acl, ACL_MASK, 0, &mask);
        if (r < 0)
                return r;
        if (r > 0 && acl_delete_entry(*acl, mask) < 0)
                return -errno;
        /* A list that a mode can say has no mask. */
        if (acl_equiv_mode(*acl, NULL) != 0 && acl_calc_mask(acl) < 0)
                return -errno;
        return 0;
}

static bool counts(acl_t acl, uid_t uid)
{
        acl_entry_t user, mask;

        return find(acl, ACL_USER, uid, &user) > 0 && find(acl, ACL_MASK, 0, &mask) > 0 &&
               reads_and_writes(user) && reads_and_writes(mask);
}

bool acl_has(const char *path, uid_t uid)
{
        _cleanup_(acl_freep) acl_t acl = acl_get_file(path, ACL_TYPE_ACCESS);

        return acl && counts(acl, uid);
}

int acl_grant(const char *path, uid_t uid)
{
        _cleanup_(acl_freep) acl_t acl = acl_get_file(path, ACL_TYPE_ACCESS);
        acl_entry_t user;
        acl_permset_t set;

        if (!acl)
                return -errno;
        if (counts(acl, uid))
                return 0;
        int r = find(acl, ACL_USER, uid, &user);
        if (r < 0)
                return r;
        if (r == 0 &&
            (acl_create_entry(&acl, &user) < 0 || acl_set_tag_type(user, ACL_USER) < 0 ||
             acl_set_qualifier(user, &uid) < 0))
                return -errno;
        if (acl_get_permset(user, &set) < 0 || acl_clear_perms(set) < 0 ||
            acl_add_perm(set, ACL_READ) < 0 || acl_add_perm(set, ACL_WRITE) < 0)
                return -errno;
        r = update_mask(&acl);
        if (r < 0)
                return r;
        if (acl_set_file(path, ACL_TYPE_ACCESS, acl) < 0)
                return -errno;
        return acl_has(path, uid) ? 0 : -EIO;
}

/* Whether the list still has an entry of the user: 0 or 1, or -errno; 0 if the node is gone. */
static int has_entry(const char *path, uid_t uid, acl_t *ret_acl, acl_entry_t *ret_user)
{
        *ret_acl = acl_get_file(path, ACL_TYPE_ACCESS);
        if (!*ret_acl)
                return errno == ENOENT || errno == EOPNOTSUPP ? 0 : -errno;
        return find(*ret_acl, ACL_USER, uid, ret_user);
}

int acl_revoke(const char *path, uid_t uid)
{
        _cleanup_(acl_freep) acl_t acl = NULL, after = NULL;
        acl_entry_t user;

        int r = has_entry(path, uid, &acl, &user);
        if (r <= 0)
                return r;
        if (acl_delete_entry(acl, user) < 0)
                return -errno;
        r = update_mask(&acl);
        if (r < 0)
                return r;
        if (acl_set_file(path, ACL_TYPE_ACCESS, acl) < 0)
                return errno == ENOENT ? 0 : -errno;
        r = has_entry(path, uid, &after, &user);
        return r > 0 ? -EIO : r;
}
