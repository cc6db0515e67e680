/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel keeps an access control list as an extended attribute: a version, then the entries,
 * little-endian, in the order owner, users, group, groups, mask, others (POSIX 1003.1e draft 17,
 * 23; linux/posix_acl_xattr.h). Without the attribute the mode is the list. If a written list says
 * no more than a mode, the kernel sets the mode instead.
 */

#include "daemon/host/acl.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define ATTRIBUTE "system.posix_acl_access"
#define VERSION 2
#define ENTRIES_MAX 64

#define PERM_READ_WRITE 6
#define NO_ID UINT32_MAX

enum {
        TAG_OWNER = 0x01,
        TAG_USER = 0x02,
        TAG_GROUP = 0x04,
        TAG_NAMED_GROUP = 0x08,
        TAG_MASK = 0x10,
        TAG_OTHER = 0x20,
};

typedef struct AclEntry {
        uint16_t tag;
        uint16_t perm;
        uint32_t id;
} AclEntry;

typedef struct Acl {
        uint32_t version;
        AclEntry entries[ENTRIES_MAX];
        size_t n;
} Acl;

static void add(Acl *acl, unsigned tag, unsigned perm, uint32_t id)
{
        acl->entries[acl->n++] = (AclEntry){(uint16_t)tag, (uint16_t)perm, id};
}

static int read_mode(const char *path, Acl *ret_acl)
{
        Acl acl = {.version = VERSION};
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        add(&acl, TAG_OWNER, st.st_mode >> 6 & 7, NO_ID);
        add(&acl, TAG_GROUP, st.st_mode >> 3 & 7, NO_ID);
        add(&acl, TAG_OTHER, st.st_mode & 7, NO_ID);
        *ret_acl = acl;
        return 0;
}

static int acl_read(const char *path, Acl *ret_acl)
{
        uint8_t bytes[sizeof(uint32_t) + ENTRIES_MAX * sizeof(AclEntry)];
        Acl acl = {.version = VERSION};
        uint32_t version;

        ssize_t size = getxattr(path, ATTRIBUTE, bytes, sizeof(bytes));
        if (size < 0)
                return errno == ENODATA ? read_mode(path, ret_acl) : -errno;
        size_t n = (size_t)size;
        if (n < sizeof(version) || (n - sizeof(version)) % sizeof(AclEntry) != 0)
                return -EBADMSG;
        memcpy(&version, bytes, sizeof(version));
        if (le32toh(version) != VERSION)
                return -EBADMSG;
        for (size_t at = sizeof(version); at < n; at += sizeof(AclEntry)) {
                AclEntry entry;

                memcpy(&entry, bytes + at, sizeof(entry));
                add(&acl, le16toh(entry.tag), le16toh(entry.perm), le32toh(entry.id));
        }
        *ret_acl = acl;
        return 0;
}

static int acl_write(const char *path, const Acl *acl)
{
        uint8_t bytes[sizeof(uint32_t) + ENTRIES_MAX * sizeof(AclEntry)];
        uint32_t version = htole32(VERSION);
        size_t at = sizeof(version);

        memcpy(bytes, &version, sizeof(version));
        for (size_t i = 0; i < acl->n; i++, at += sizeof(AclEntry)) {
                AclEntry entry = {
                        htole16(acl->entries[i].tag),
                        htole16(acl->entries[i].perm),
                        htole32(acl->entries[i].id),
                };
                memcpy(bytes + at, &entry, sizeof(entry));
        }
        return setxattr(path, ATTRIBUTE, bytes, at, 0) < 0 ? -errno : 0;
}

/* The index of the entry, or acl->n. */
static size_t find(const Acl *acl, unsigned tag, uint32_t id)
{
        size_t i = 0;

        while (i < acl->n && !(acl->entries[i].tag == tag && acl->entries[i].id == id))
                i++;
        return i;
}

static void drop(Acl *acl, size_t at)
{
        acl->n--;
        memmove(&acl->entries[at], &acl->entries[at + 1], (acl->n - at) * sizeof(AclEntry));
}

static void insert(Acl *acl, size_t at, AclEntry entry)
{
        memmove(&acl->entries[at + 1], &acl->entries[at], (acl->n - at) * sizeof(AclEntry));
        acl->entries[at] = entry;
        acl->n++;
}

/* Sets the mask to the union of all rights of users and groups, so that it limits no entry. */
static void update_mask(Acl *acl)
{
        size_t mask = find(acl, TAG_MASK, NO_ID);
        unsigned perm = 0;
        bool named = false;

        if (mask < acl->n)
                drop(acl, mask);
        for (size_t i = 0; i < acl->n; i++) {
                unsigned tag = acl->entries[i].tag;

                named |= tag == TAG_USER || tag == TAG_NAMED_GROUP;
                if (tag == TAG_USER || tag == TAG_GROUP || tag == TAG_NAMED_GROUP)
                        perm |= acl->entries[i].perm;
        }
        if (named)
                insert(acl, find(acl, TAG_OTHER, NO_ID),
                       (AclEntry){TAG_MASK, (uint16_t)perm, NO_ID});
}

static bool counts(const Acl *acl, uid_t uid)
{
        size_t user = find(acl, TAG_USER, uid), mask = find(acl, TAG_MASK, NO_ID);

        return user < acl->n && mask < acl->n &&
               (acl->entries[user].perm & acl->entries[mask].perm) == PERM_READ_WRITE;
}

bool acl_has(const char *path, uid_t uid)
{
        Acl acl;

        return acl_read(path, &acl) == 0 && counts(&acl, uid);
}

int acl_grant(const char *path, uid_t uid)
{
        Acl acl;

        int r = acl_read(path, &acl);
        if (r < 0 || counts(&acl, uid))
                return r;
        size_t user = find(&acl, TAG_USER, uid), at = 1;
        if (user == acl.n) {
                if (acl.n + 2 > ENTRIES_MAX)
                        return -E2BIG;
                while (at < acl.n && acl.entries[at].tag == TAG_USER && acl.entries[at].id < uid)
                        at++;
                insert(&acl, at, (AclEntry){TAG_USER, PERM_READ_WRITE, uid});
        } else {
                acl.entries[user].perm = PERM_READ_WRITE;
        }
        update_mask(&acl);
        r = acl_write(path, &acl);
        if (r < 0)
                return r;
        return acl_has(path, uid) ? 0 : -EIO;
}

int acl_revoke(const char *path, uid_t uid)
{
        Acl acl;

        int r = acl_read(path, &acl);
        if (r == -ENOENT || r == -EOPNOTSUPP)
                return 0;
        if (r < 0)
                return r;
        size_t user = find(&acl, TAG_USER, uid);
        if (user == acl.n)
                return 0;
        drop(&acl, user);
        update_mask(&acl);
        r = acl_write(path, &acl);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = acl_read(path, &acl);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return find(&acl, TAG_USER, uid) == acl.n ? 0 : -EIO;
}
