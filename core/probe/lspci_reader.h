/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The state of a reader of pasted text, and the formats of text that add to it.
 *
 * A text may have several formats in sequence: lspci's own, a listing of groups, a tree. The
 * reader offers each line to each format, which adds entries. At the end it merges the entries of
 * the same function.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/model/base.h"
#include "core/probe/lspci.h"
#include "core/probe/lspci_entry.h"
#include "core/probe/lspci_lines.h"
#include "core/probe/notes.h"

#define LSPCI_TITLE_SIZE 1024
#define LSPCI_WORDS_SIZE ((size_t)1 << 18)
#define LSPCI_PATH_MAX 64   /* functions on the way to one */
#define LSPCI_LEVELS_MAX 64 /* of a tree */

enum {
        LSPCI_LINE_OTHER = 100, /* the line has another format */
};

/* A heading of a group, and whether its lines continue. */
typedef struct LspciScope {
        bool is_open;
        bool is_blank; /* an empty line followed devices */
        bool has_devices;
        bool has_indent;  /* the heading itself is indented */
        bool is_indented; /* the first device below it is */
        bool is_one_line; /* no heading: a line with a group and a device */
        bool is_numbers;  /* output of tree(1): numbers alone are headings */
        bool colon_first; /* headings are "IOMMU group: 1" */
        int32_t group;
        size_t line;
} LspciScope;

typedef struct LspciLevel {
        size_t column; /* of the branches of a bus */
        uint32_t domain;
        uint8_t bus;
        bool is_top; /* its branches are buses */
} LspciLevel;

/* The branches of lspci -t that later lines may continue. */
typedef struct LspciTree {
        bool is_open;
        uint32_t domain; /* of what is being read */
        LspciLevel levels[LSPCI_LEVELS_MAX];
        size_t n;
} LspciTree;

typedef enum LspciColumn {
        LSPCI_COLUMN_ADDRESS,
        LSPCI_COLUMN_GROUP,
        LSPCI_COLUMN_CLASS,
        LSPCI_COLUMN_VENDOR,
        LSPCI_COLUMN_DEVICE,
        _LSPCI_COLUMN_N,
} LspciColumn;

#define LSPCI_TABLE_COLUMNS_MAX 32

/* A table whose heading was read. */
typedef struct LspciTable {
        bool is_open;
        int8_t columns[_LSPCI_COLUMN_N]; /* index of each; -1: missing */
} LspciTable;

/* One record of lspci -vmm. */
typedef struct LspciRecord {
        bool is_open;
        char class_name[256], vendor[256], device[256];
        char subsystem_vendor[256];
        char interface[8];
} LspciRecord;

typedef struct Lspci {
        const char *name; /* of the current text, borrowed */
        unsigned source;  /* its number */
        ReadNotes *notes; /* or NULL */
        char **ret_message;

        LspciEntry *entries;
        size_t n, n_allocated;

        /* The function whose lines are being read. */
        bool is_open;
        bool is_behind_blank; /* an empty line followed its last line */
        LspciEntry entry;
        LspciBytes bytes;
        char title[LSPCI_TITLE_SIZE];
        bool in_title; /* the title may continue in the next line */
        char *words;
        size_t n_words, last_words; /* where its last line begins */
        size_t acs_line;            /* of a mention of ACS whose bits have not come yet */

        LspciLine line;
        bool is_near_device; /* no empty line since a device outside listings */
        LspciScope scope;
        LspciTree tree;
        LspciTable table;
        LspciRecord record;
} Lspci;

/* A function's address at the front of a line, or the path to it. */
typedef struct LspciPath {
        Bdf steps[LSPCI_PATH_MAX];
        size_t n;
        bool is_partial;   /* of lspci -P: bus numbers are missing */
        bool is_from_root; /* of sysfs: the first is on a root bus */
        const char *rest;  /* behind it and a space */
} LspciPath;

/* Ends the open function. Returns 0, -ENOMEM, -E2BIG, or LSPCI_E_INVALID with a message. */
_nodiscard_ int lspci_close(Lspci *lspci);

/* Ends it and opens another one, which the current line names. Returns as lspci_close() does. */
_nodiscard_ int lspci_open(Lspci *lspci, Bdf bdf, const char *title);

/* Adds a line of the open function's details. Returns 0 or -ENOMEM. */
_nodiscard_ int lspci_add_words(Lspci *lspci, const char *line);

/* Adds an entry that is complete. Returns 0, -ENOMEM or -E2BIG. */
_nodiscard_ int lspci_add_entry(Lspci *lspci, const LspciEntry *entry);

/* An entry for the current line without any facts. */
LspciEntry lspci_entry_new(const Lspci *lspci, Bdf bdf);

/*
 * If the number at the end of the current line may lack digits, adds a note and returns true; else
 * returns false, or -ENOMEM.
 */
_nodiscard_ int lspci_ends_in_number(Lspci *lspci);

/* Adds a note about the current line. Returns 0 or -ENOMEM. */
_nodiscard_ int lspci_note(Lspci *lspci, const char *what, const char *next);

/* Reads "00:1f.3 " or, of lspci -PP, "00:1c.0/02:00.0 " in front of `text`; false if it is none. */
_nodiscard_ bool lspci_parse_path(const char *text, LspciPath *ret);

/* Reads "…/pci0000:00/0000:00:1c.0/0000:02:00.0"; false if there is no such path. */
_nodiscard_ bool lspci_parse_sysfs_path(const char *text, LspciPath *ret);

/* Adds entries for the bridges on a path. Returns 0, -ENOMEM or -E2BIG. */
_nodiscard_ int lspci_add_path(Lspci *lspci, const LspciPath *path);

/* The length of a class's name in front of a title without a colon, or 0. */
size_t lspci_class_length(const char *title);

/*
 * The formats: each takes the current line. They return 0, LSPCI_LINE_OTHER, -errno, or
 * LSPCI_E_INVALID with a message.
 */
_nodiscard_ int lspci_take_tree(Lspci *lspci);
_nodiscard_ int lspci_take_table(Lspci *lspci);                         /* of Proxmox VE */
_nodiscard_ int lspci_take_record(Lspci *lspci);                        /* -vmm */
_nodiscard_ int lspci_take_quoted(Lspci *lspci, const LspciPath *path); /* -mm */
_nodiscard_ int lspci_take_listing(Lspci *lspci);                       /* groups */
_nodiscard_ int lspci_take_log(Lspci *lspci);                           /* of the kernel */
_nodiscard_ int lspci_take_sysfs(Lspci *lspci);                         /* find, ls -l */

/* Puts the newly opened function into the group of the heading above, if there is one. */
void lspci_join_listing(Lspci *lspci);

/*
 * Ends a listing; refuses it if its groups are ambiguous. Returns 0, -ENOMEM, or LSPCI_E_INVALID.
 */
_nodiscard_ int lspci_end_listing(Lspci *lspci);

/* Ends the record of lspci -vmm that is open. Returns as lspci_close() does. */
_nodiscard_ int lspci_close_record(Lspci *lspci);

/*
 * Sorts entries by address and merges those of the same function; refuses entries that contradict
 * each other. `texts` give the names for messages. Returns 0, LSPCI_E_INVALID with a message, or
 * -ENOMEM.
 */
_nodiscard_ int lspci_merge(Lspci *lspci, const LspciText *texts);

/* Adds notes about facts that the whole text lacks, after lspci_place(). Returns 0 or -ENOMEM. */
_nodiscard_ int lspci_note_missing(Lspci *lspci, const LspciText *texts);
