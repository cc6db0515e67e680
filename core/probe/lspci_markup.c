/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Removes markup: colours of terminals, tags of web pages and forums, fences of wikis. lspci
 * itself prints words in < > and [ ], so this removes only known tags.
 */

#include "core/probe/lspci_lines.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/model/text.h"

#define TAG_MAX 512 /* longest tag, with its attributes */

static const char *const html_tags[] = {
        "a",     "b",     "blockquote", "body", "br",   "code",   "div",  "em",
        "font",  "h1",    "h2",         "h3",   "h4",   "html",   "i",    "kbd",
        "li",    "ol",    "p",          "pre",  "samp", "script", "span", "strong",
        "table", "tbody", "td",         "tr",   "tt",   "u",      "ul",   NULL,
};

/* Not "size", which lspci prints. */
static const char *const forum_tags[] = {
        "b",    "code",  "color", "expand", "font", "hide",    "i", "icode", "list",
        "mono", "plain", "pre",   "quote",  "s",    "spoiler", "u", "url",   NULL,
};

static const char *const wiki_tags[] = {"code", "noformat", "panel", "quote", NULL};

static const struct {
        const char *name;
        char c;
} entities[] = {
        {"amp", '&'}, {"apos", '\''}, {"gt", '>'}, {"lt", '<'}, {"nbsp", ' '}, {"quot", '"'},
};

/* Letters end the commands of terminals. */
static bool ends_command(char c)
{
        return c >= '@' && c <= '~';
}

/* The length of a terminal's command that begins with an escape character, in any spelling. */
static size_t escape_length(const char *text)
{
        size_t n = text[0] == '\x1b' ? 1 : strncmp(text, "^[", 2) == 0 ? 2 : 0;

        if (n == 0)
                return 0;
        if (text[n] == '[') {
                for (n++; text[n] >= ' ' && text[n] <= '?'; n++)
                        ;
                return ends_command(text[n]) ? n + 1 : n;
        }
        if (text[n] == ']') { /* up to a bell, or another escape and a backslash */
                while (text[n] != '\0' && text[n] != '\a' && text[n] != '\x1b')
                        n++;
                return n + (text[n] == '\a' ? 1 : text[n] == '\x1b' && text[n + 1] == '\\' ? 2 : 0);
        }
        if (text[0] != '\x1b')
                return 0;
        if (text[n] == '(' || text[n] == ')')
                n++;
        return n + (text[n] != '\0');
}

/* "[01;31m" and "[K" whose escape character was lost. */
static size_t bare_colour_length(const char *text, bool *was_colour)
{
        size_t n = 1 + strspn(text + 1, "0123456789;");

        if (text[0] == '[' && text[n] == 'm' && (n > 1 || *was_colour)) {
                *was_colour = true;
                return n + 1;
        }
        return *was_colour && strncmp(text, "[K", 2) == 0 ? 2 : 0;
}

/* The length of a tag of `names` between `open` and `close` at `text`, or 0. */
static size_t tag_length(const char *text, const char *const *names, char open, char close)
{
        size_t start = 1, n_name, n;

        if (text[0] != open)
                return 0;
        start += text[1] == '/';
        n_name = strspn(text + start,
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
        n = start + n_name;
        if (n_name == 0 || !strchr(" =:/", text[n]))
                if (text[n] != close)
                        return 0;
        for (size_t i = 0; names[i]; i++) {
                if (strlen(names[i]) != n_name || strncasecmp(names[i], text + start, n_name) != 0)
                        continue;
                for (; n < TAG_MAX && text[n] != '\0'; n++)
                        if (text[n] == close)
                                return n + 1;
                return 0;
        }
        return 0;
}

/* "&lt;", "&#60;", "&#x3c;"; the character goes to *ret. */
static size_t entity_length(const char *text, char *ret)
{
        unsigned code = 0;
        size_t n = 2;
        bool is_hex;

        if (text[0] != '&')
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(entities); i++) {
                size_t n_name = strlen(entities[i].name);

                if (strncmp(text + 1, entities[i].name, n_name) == 0 && text[1 + n_name] == ';') {
                        *ret = entities[i].c;
                        return n_name + 2;
                }
        }
        if (text[1] != '#')
                return 0;
        is_hex = text[2] == 'x' || text[2] == 'X';
        for (n += is_hex; n < 10; n++) {
                int digit = hex_digit(text[n]);

                if (digit < 0 || (!is_hex && digit > 9))
                        break;
                code = code * (is_hex ? 16 : 10) + (unsigned)digit;
        }
        if (text[n] != ';' || n == 2)
                return 0;
        *ret = (char)(code == 0xa0 ? ' ' : code >= ' ' && code < 0x7f ? code : '?');
        return n + 1;
}

/* Fences of backquotes or braces, at either end. */
static size_t fence_length(const char *text)
{
        if (strncmp(text, "{{{", 3) == 0 || strncmp(text, "}}}", 3) == 0)
                return 3;
        return text[0] == '`' ? strspn(text, "`") : 0;
}

static size_t markup_length(const char *text, bool *was_colour)
{
        size_t n = escape_length(text);

        if (n > 0) {
                *was_colour = true;
                return n;
        }
        if (text[0] == '[')
                n = bare_colour_length(text, was_colour);
        if (n == 0)
                n = tag_length(text, html_tags, '<', '>');
        if (n == 0)
                n = tag_length(text, forum_tags, '[', ']');
        if (n == 0)
                n = tag_length(text, wiki_tags, '{', '}');
        return n > 0 ? n : fence_length(text);
}

void lspci_strip_markup(char *raw)
{
        const char *from = raw;
        bool was_colour = false;
        char *to = raw, c;

        while (*from) {
                size_t n = 0;

                if (strchr("\x1b^[<{}`", *from))
                        n = markup_length(from, &was_colour);
                if (n > 0) {
                        from += n;
                        continue;
                }
                n = entity_length(from, &c);
                if (n > 0) {
                        *to++ = c;
                        from += n;
                } else if (strncmp(from, "\xc2\xa0", 2) == 0) { /* a no-break space */
                        *to++ = ' ';
                        from += 2;
                } else {
                        *to++ = *from++;
                }
        }
        *to = '\0';
}

/* Are there only blanks up to the end of the line? */
static bool is_last(const char *text, size_t n_text, size_t at)
{
        while (at < n_text && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r'))
                at++;
        return at == n_text || text[at] == '\n';
}

static bool is_capital_hex(char c)
{
        return hex_digit(c) >= 0 && !(c >= 'a' && c <= 'f');
}

/*
 * In quoted-printable text each "=" begins a code of two digits or ends its line, and a literal
 * "=" is "=3D". lspci writes bus numbers in lower case, so "=3D" is not a bus number.
 */
bool lspci_is_quoted_printable(const char *text, size_t n_text, size_t *ret_line)
{
        size_t n_proofs = 0, n_plain = 0, n_values = 0, line = 1, proof_line = 0;

        *ret_line = 0;
        for (size_t i = 0; i < n_text; i++) {
                bool is_code;

                line += text[i] == '\n';
                if (text[i] != '=')
                        continue;
                is_code = i + 2 < n_text && is_capital_hex(text[i + 1]) &&
                          is_capital_hex(text[i + 2]);
                if (is_code && text[i + 1] == '3' && text[i + 2] == 'D') {
                        n_proofs++;
                        if (i + 3 < n_text && isalnum((unsigned char)text[i + 3])) {
                                n_values++;
                                proof_line = proof_line > 0 ? proof_line : line;
                        }
                } else if (!is_code && is_last(text, n_text, i + 1) && i > 0 &&
                           text[i - 1] != '=') {
                        n_proofs++;
                } else if (!is_code) {
                        n_plain++;
                }
        }
        if (n_values > 0 && n_plain > 0)
                *ret_line = proof_line;
        return n_proofs > 0 && n_plain == 0;
}
