/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Text of real machines, thinned out: what is left never makes a device look more isolated.
 *
 * From each dump of ISO_CORPUS every function is cut out alone, the text is ended at every line,
 * every line is left out alone, and it is reduced to what other users would have printed. Devices
 * that were together stay together, and no strength bit becomes yes. What only a function that is
 * gone had tied together is excepted, unless it is a bridge to something that is still there: the
 * text is then that of a machine which never had the function.
 *
 * ISO_THIN_MOST bounds how many texts of each kind a dump is thinned to (16); 0 is all of them.
 */

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "core/model/groups.h"
#include "core/model/strength.h"
#include "core/probe/machine.h"
#include "tap.h"

#define MOST_NORMAL 16
#define LINES_MAX 100000

/* A machine as it was read, with what follows from it. */
typedef struct Reading {
        Snapshot *snapshot;
        Partition *kernel, *sound, *observed;
} Reading;

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

static void reading_deinit(Reading *reading)
{
        partition_free(reading->observed);
        partition_free(reading->sound);
        partition_free(reading->kernel);
        snapshot_free(reading->snapshot);
}

/* Returns false if there is no machine in the text. */
static bool reading_init(Reading *reading, const char *text, size_t n_text)
{
        _cleanup_(freep) char *message = NULL;

        *reading = (Reading){0};
        if (machine_parse("text", text, n_text, NULL, &reading->snapshot, &message) != 0)
                return false;
        if (kernel_groups_compute(reading->snapshot, &reading->kernel) < 0 ||
            sound_groups_compute(reading->snapshot, reading->kernel, &reading->sound) < 0 ||
            observed_groups_compute(reading->snapshot, NULL, &reading->observed) < 0)
                abort();
        return true;
}

/* The group that would be leased with the device. */
static const Partition *unit_of(const Reading *reading, size_t index)
{
        return reading->observed->group_of[index] != SNAPSHOT_NONE ? reading->observed
                                                                   : reading->kernel;
}

/* Is the function gone that led to something that is still there? */
static bool is_missed(const Reading *whole, const Reading *thin, size_t index)
{
        for (size_t i = 0; i < whole->snapshot->n_devices; i++)
                if (whole->snapshot->devices[i].parent == index &&
                    snapshot_find(thin->snapshot, whole->snapshot->devices[i].bdf) != SNAPSHOT_NONE)
                        return true;
        return false;
}

/* Per group of `partition`: has it lost a member that nothing shows to be missing? */
static bool *find_losers(const Reading *whole, const Reading *thin, const Partition *partition)
{
        bool *losers = calloc(partition->n_groups + 1, sizeof(*losers));

        if (!losers)
                abort();
        for (size_t i = 0; i < whole->snapshot->n_devices; i++)
                if (partition->group_of[i] != SNAPSHOT_NONE &&
                    snapshot_find(thin->snapshot, whole->snapshot->devices[i].bdf) ==
                            SNAPSHOT_NONE &&
                    !is_missed(whole, thin, i))
                        losers[partition->group_of[i]] = true;
        return losers;
}

/* Returns two devices of a group of `before` that `after` has apart, or false. */
static bool find_apart(const Reading *whole, const Reading *thin, const Partition *before,
                       const Partition *after, size_t ret[static 2])
{
        _cleanup_(freep) bool *losers = find_losers(whole, thin, before);

        for (size_t g = 0; g < before->n_groups; g++) {
                size_t first = SNAPSHOT_NONE, at = 0;

                for (size_t i = 0; !losers[g] && i < before->groups[g].n_members; i++) {
                        size_t index = before->groups[g].members[i];
                        size_t other =
                                snapshot_find(thin->snapshot, whole->snapshot->devices[index].bdf);

                        if (other == SNAPSHOT_NONE)
                                continue;
                        if (first == SNAPSHOT_NONE) {
                                first = other;
                                at = index;
                        } else if (after->group_of[first] != after->group_of[other]) {
                                ret[0] = at;
                                ret[1] = index;
                                return true;
                        }
                }
        }
        return false;
}

static bool has_same_members(const Reading *whole, size_t a, const Reading *thin, size_t b)
{
        const Partition *p = unit_of(whole, a), *q = unit_of(thin, b);
        const Group *x = &p->groups[p->group_of[a]], *y = &q->groups[q->group_of[b]];

        if (x->n_members != y->n_members)
                return false;
        for (size_t i = 0; i < x->n_members; i++)
                if (!bdf_equal(whole->snapshot->devices[x->members[i]].bdf,
                               thin->snapshot->devices[y->members[i]].bdf))
                        return false;
        return true;
}

static Strength *strength_of(const Reading *reading, size_t index)
{
        const Partition *unit = unit_of(reading, index);
        Strength *strength = NULL;

        if (strength_compute(reading->snapshot, unit, unit->group_of[index], reading->sound,
                             &strength) < 0)
                abort();
        return strength;
}

/* Returns a device and a bit that has become yes, or false. */
static bool find_stronger(const Reading *whole, const Reading *thin, size_t *ret_device,
                          StrengthBit *ret_bit)
{
        _cleanup_(freep) bool *losers = find_losers(whole, thin, whole->sound);

        for (size_t i = 0; i < thin->snapshot->n_devices; i++) {
                size_t index = snapshot_find(whole->snapshot, thin->snapshot->devices[i].bdf);
                _cleanup_(strength_freep) Strength *before = NULL, *after = NULL;
                const Partition *unit = unit_of(thin, i);

                if (index == SNAPSHOT_NONE || losers[whole->sound->group_of[index]] ||
                    unit->groups[unit->group_of[i]].members[0] != i ||
                    !has_same_members(whole, index, thin, i))
                        continue;
                before = strength_of(whole, index);
                after = strength_of(thin, i);
                for (StrengthBit bit = 0; bit < _STRENGTH_N; bit++)
                        if (after->bits[bit].value == TRISTATE_YES &&
                            before->bits[bit].value != TRISTATE_YES) {
                                *ret_device = index;
                                *ret_bit = bit;
                                return true;
                        }
        }
        return false;
}

static void report(const Reading *whole, const char *what, Kind kind, size_t place, size_t a,
                   size_t b)
{
        char one[BDF_TEXT_SIZE], other[BDF_TEXT_SIZE];

        printf("# %s, line %zu: %s: %s %s\n", kinds[kind], place + 1, what,
               bdf_format(whole->snapshot->devices[a].bdf, one),
               bdf_format(whole->snapshot->devices[b].bdf, other));
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
 * Is this all that a text tells of a capability? Without it, the function has none, and what counts
 * in its favour then is not known to be wrong.
 */
static bool is_whole_capability(const Text *text, size_t line)
{
        size_t n = indent_of(text, line);

        return text->lengths[line] > n + 13 &&
               strncmp(text->lines[line] + n, "Capabilities:", 13) == 0 &&
               (line + 1 == text->n || indent_of(text, line + 1) <= n);
}

/* Returns false if the thinned text makes something look more isolated. */
static bool check(const Reading *whole, const char *text, size_t n_text, Kind kind, size_t place,
                  bool bits_too)
{
        _cleanup_(reading_deinit) Reading thin = {0};
        size_t apart[2], device;
        StrengthBit bit;
        bool good = true;

        if (!reading_init(&thin, text, n_text))
                return true;
        counts[kind]++;
        if (find_apart(whole, &thin, whole->kernel, thin.kernel, apart)) {
                report(whole, "the kernel's partition parts", kind, place, apart[0], apart[1]);
                good = false;
        }
        if (find_apart(whole, &thin, whole->sound, thin.sound, apart)) {
                report(whole, "the sound partition parts", kind, place, apart[0], apart[1]);
                good = false;
        }
        if (bits_too && find_stronger(whole, &thin, &device, &bit)) {
                report(whole, strength_bit_to_string(bit), kind, place, device, device);
                good = false;
        }
        return good;
}

/* "0000:00:1f.3 " or "00:1f.3 " at the very front. */
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

/* What lspci -nn prints, -v, and -vvv as anybody. */
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

/* Every `step`-th, so that there are at most `most`. */
static size_t step_of(size_t n, size_t most)
{
        return most == 0 || n <= most ? 1 : (n + most - 1) / most;
}

static bool thin_out(const Reading *whole, const Text *text, size_t most, char *out)
{
        size_t step = step_of(text->n, most), n_titles = 0, cut = 0;
        bool good = true;

        for (size_t i = 0; i < text->n; i++)
                n_titles += text->titles[i];
        for (size_t i = 0; i < text->n; i++) {
                if (!text->titles[i] || cut++ % step_of(n_titles, most) != 0)
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

static char *read_file(const char *path, size_t *ret_n)
{
        FILE *file = fopen(path, "re");
        char *text = NULL;
        long size;

        if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
                abort();
        rewind(file);
        text = malloc((size_t)size + 1);
        if (!text || fread(text, 1, (size_t)size, file) != (size_t)size)
                abort();
        (void)fclose(file);
        *ret_n = (size_t)size;
        return text;
}

static bool check_dump(const char *path, size_t most)
{
        static Text text;
        size_t n = 0;
        _cleanup_(freep) char *whole = read_file(path, &n);
        /* A reduction puts one line in the place of others, which may be shorter. */
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

static int is_dump(const struct dirent *entry)
{
        const char *end = strrchr(entry->d_name, '.');

        return end && strcmp(end, ".txt") == 0;
}

int main(void)
{
        const char *corpus = getenv("ISO_CORPUS"), *most = getenv("ISO_THIN_MOST");
        struct dirent **entries = NULL;
        bool failed = false;
        int n = corpus && *corpus ? scandir(corpus, &entries, is_dump, alphasort) : 0;

        if (!corpus || !*corpus) {
                printf("1..0 # SKIP ISO_CORPUS names no directory of dumps\n");
                return 0;
        }
        printf("1..%d\n", n > 0 ? n : 1);
        if (n <= 0)
                printf("not ok 1 - no dumps in %s\n", corpus);
        for (int i = 0; i < n; i++) {
                char path[4096];
                bool good;

                (void)snprintf(path, sizeof(path), "%s/%s", corpus, entries[i]->d_name);
                good = check_dump(path, most ? strtoul(most, NULL, 10) : MOST_NORMAL);
                printf("%s %d - %s\n", good ? "ok" : "not ok", i + 1, entries[i]->d_name);
                failed |= !good;
                free(entries[i]);
        }
        free(entries);
        printf("# tell: %zu %s, %zu %s, %zu %s, %zu %s\n", counts[KIND_CUT], kinds[KIND_CUT],
               counts[KIND_PREFIX], kinds[KIND_PREFIX], counts[KIND_LINE], kinds[KIND_LINE],
               counts[KIND_REDUCED], kinds[KIND_REDUCED]);
        return failed || n <= 0;
}
