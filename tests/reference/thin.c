/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Texts of real machines with parts removed (thinner.h).
 *
 * For each dump of ISO_CORPUS the test keeps every function alone, ends the text at every line,
 * removes every line alone, and reduces the text to what other users would have printed.
 */

#include <stdio.h>
#include <string.h>

#include "core/probe/machine.h"
#include "thinner.h"

#define MOST_NORMAL 16
#define LINES_MAX 100000

/* The lines of a text; a function begins with a line that is its title. */
typedef struct Text {
        const char *lines[LINES_MAX];
        size_t lengths[LINES_MAX];
        bool titles[LINES_MAX];
        size_t n;
} Text;

typedef enum Kind {
        KIND_CUT,
        KIND_PREFIX,
        KIND_LINE,
        KIND_REDUCED,
        _KIND_N,
} Kind;

static const char *const kinds[] = {"functions cut out", "prefixes", "lines left out",
                                    "reductions"};
static size_t counts[_KIND_N];

/* Returns false if there is no machine in the text. */
static bool reading_init(Reading *reading, const char *text, size_t n_text)
{
        _cleanup_(freep) char *message = NULL;
        Snapshot *snapshot = NULL;

        if (machine_parse("text", text, n_text, NULL, &snapshot, &message) != 0)
                return false;
        reading_take(reading, snapshot);
        return true;
}

static size_t indent_of(const Text *text, size_t line)
{
        size_t n = 0;

        while (n < text->lengths[line] &&
               (text->lines[line][n] == ' ' || text->lines[line][n] == '\t'))
                n++;
        return n;
}

/*
 * Is this the only line that a text has about a capability? Without the line, the function has no
 * such capability, and facts in its favour are then not known to be wrong.
 */
static bool is_whole_capability(const Text *text, size_t line)
{
        size_t n = indent_of(text, line);

        return text->lengths[line] > n + 13 &&
               strncmp(text->lines[line] + n, "Capabilities:", 13) == 0 &&
               (line + 1 == text->n || indent_of(text, line + 1) <= n);
}

/* Returns false if the reduced text makes a device look more isolated. */
static bool check(const Reading *whole, const char *text, size_t n_text, Kind kind, size_t place,
                  bool bits_too)
{
        _cleanup_(reading_deinit) Reading thin = {0};
        char where[64];

        if (!reading_init(&thin, text, n_text))
                return true;
        counts[kind]++;
        (void)snprintf(where, sizeof(where), "%s, line %zu", kinds[kind], place + 1);
        return thin_check(whole, &thin, where, bits_too ? THIN_ALL : THIN_PARTITIONS);
}

/* Matches "0000:00:1f.3 " or "00:1f.3 " at the start of a line. */
static bool is_title(const char *line, size_t n)
{
        char address[BDF_TEXT_SIZE];
        size_t length = 0;
        Bdf bdf;

        while (length < n && line[length] != ' ')
                length++;
        if (length == 0 || length >= sizeof(address) || length == n)
                return false;
        memcpy(address, line, length);
        address[length] = '\0';
        return bdf_parse(address, &bdf);
}

static void split(Text *text, const char *whole, size_t n)
{
        text->n = 0;
        for (size_t i = 0; i < n && text->n < LINES_MAX;) {
                const char *end = memchr(whole + i, '\n', n - i);
                size_t length = end ? (size_t)(end - whole) - i + 1 : n - i;

                text->lines[text->n] = whole + i;
                text->lengths[text->n] = length;
                text->titles[text->n++] = is_title(whole + i, length);
                i += length;
        }
}

static size_t append(char *out, size_t n_out, const Text *text, size_t line)
{
        memcpy(out + n_out, text->lines[line], text->lengths[line]);
        return n_out + text->lengths[line];
}

static bool starts_with(const Text *text, size_t line, const char *start)
{
        return text->lengths[line] >= strlen(start) &&
               strncmp(text->lines[line], start, strlen(start)) == 0;
}

/* The output of lspci -nn, of -v, and of -vvv without root's rights. */
static size_t reduce(char *out, const Text *text, unsigned how)
{
        static const char denied[] = "\tCapabilities: <access denied>\n";
        bool is_denied = false;
        size_t n = 0;

        for (size_t i = 0; i < text->n; i++) {
                bool is_deep = starts_with(text, i, "\t\t");
                bool is_listed = starts_with(text, i, "\tCapabilities:");

                if (text->titles[i])
                        is_denied = false;
                if (!text->titles[i] && (how == 0 || is_deep || !starts_with(text, i, "\t")))
                        continue;
                if (how == 2 && is_listed) {
                        if (!is_denied)
                                n += (size_t)snprintf(out + n, sizeof(denied), "%s", denied);
                        is_denied = true;
                        continue;
                }
                n = append(out, n, text, i);
        }
        return n;
}

/* The text without the lines from `from` on, below `to`. */
static size_t leave_out(char *out, const Text *text, size_t from, size_t to)
{
        size_t n = 0;

        for (size_t i = 0; i < text->n; i++)
                if (i < from || i >= to)
                        n = append(out, n, text, i);
        return n;
}

static size_t block_end(const Text *text, size_t start)
{
        size_t end = start + 1;

        while (end < text->n && !text->titles[end])
                end++;
        return end;
}

static bool thin_out(const Reading *whole, const Text *text, size_t most, char *out)
{
        size_t step = thin_step(text->n, most), n_titles = 0, cut = 0;
        bool good = true;

        for (size_t i = 0; i < text->n; i++)
                n_titles += text->titles[i];
        for (size_t i = 0; i < text->n; i++) {
                if (!text->titles[i] || cut++ % thin_step(n_titles, most) != 0)
                        continue;
                good &= check(whole, out, leave_out(out, text, i, block_end(text, i)), KIND_CUT, i,
                              true);
        }
        for (size_t i = 1; i < text->n; i += step)
                good &= check(whole, out, leave_out(out, text, i, text->n), KIND_PREFIX, i, true);
        for (size_t i = 0; i < text->n; i += step)
                good &= check(whole, out, leave_out(out, text, i, i + 1), KIND_LINE, i,
                              !is_whole_capability(text, i));
        for (unsigned how = 0; how < 3; how++)
                good &= check(whole, out, reduce(out, text, how), KIND_REDUCED, how, true);
        return good;
}

static bool check_dump(const char *path, size_t most)
{
        static Text text;
        size_t n = 0;
        _cleanup_(freep) char *whole = thin_read_file(path, &n);
        /* A reduction replaces one line by others, which may be shorter. */
        _cleanup_(freep) char *out = malloc(2 * n + 4096);
        _cleanup_(reading_deinit) Reading reading = {0};

        if (!out)
                abort();
        split(&text, whole, n);
        if (!reading_init(&reading, whole, n)) {
                printf("# %s: not read\n", path);
                return false;
        }
        return thin_out(&reading, &text, most, out);
}

static void tell(void)
{
        printf("# tell: %zu %s, %zu %s, %zu %s, %zu %s\n", counts[KIND_CUT], kinds[KIND_CUT],
               counts[KIND_PREFIX], kinds[KIND_PREFIX], counts[KIND_LINE], kinds[KIND_LINE],
               counts[KIND_REDUCED], kinds[KIND_REDUCED]);
}

int main(void)
{
        return thin_run(check_dump, MOST_NORMAL, tell);
}
