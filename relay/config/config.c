#include "relay/config/config_parse.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ini.h>

void config_complain(struct parse *p, int line, const char *fmt, ...)
{
    char    sentence[SENTENCE_BYTES];
    va_list args;

    int n = snprintf(sentence, sizeof sentence, "%s:%d: ", p->path, line);
    if (n < 0 || (size_t)n >= sizeof sentence)
        n = 0;
    va_start(args, fmt);
    (void)vsnprintf(sentence + n, sizeof sentence - (size_t)n, fmt, args);
    va_end(args);
    p->errors++;
    p->say(p->say_arg, sentence);
}

/* ---- did you mean -------------------------------------------------------------------------- */

/* Letters to add, take away or change to come from one word to the other; both short. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_BYTES + 1];
    size_t la = strnlen(a, NAME_BYTES), lb = strnlen(b, NAME_BYTES);

    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t changed = diagonal + (a[i - 1] != b[j - 1]);
            size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = changed < shorter ? changed : shorter;
        }
    }
    return row[lb];
}

void config_guess(struct guess *g, const char *written, const char *word)
{
    size_t off = distance(written, word);
    if (off <= 1 + strlen(word) / 4 && (g->word == NULL || off < g->off))
        *g = (struct guess){ word, off };
}

/* ---- sections ------------------------------------------------------------------------------ */

void *config_part(const struct parse *p, const struct part *t)
{
    char *at = (char *)p->config + t->section->at;
    char *array;

    if (!t->section->named)
        return at;
    memcpy(&array, at, sizeof array);
    return array + t->index * t->section->size;
}

static size_t *section_count(const struct parse *p, const struct config_section *s)
{
    return (size_t *)(void *)((char *)p->config + s->count_at);
}

/* Adds one to a named section's array. */
static bool section_grow(struct parse *p, const struct config_section *s, const char *name)
{
    char  *at = (char *)p->config + s->at, *array;
    size_t count = *section_count(p, s);

    memcpy(&array, at, sizeof array);
    char *grown = realloc(array, (count + 1) * s->size);
    if (grown == NULL)
        return false;
    memcpy(at, &grown, sizeof grown);
    memset(grown + count * s->size, 0, s->size);
    *section_count(p, s) = count + 1;
    char *copy = strdup(name);
    memcpy(grown + count * s->size, &copy, sizeof copy);
    /* cppcheck-suppress memleak ; both are reached through *at now */
    return copy != NULL;
}

/* Of the section that was added last. */
static struct options *last_options(const struct parse *p, const struct config_section *s)
{
    char *array;

    memcpy(&array, (char *)p->config + s->at, sizeof array);
    void *last = array + (*section_count(p, s) - 1) * s->size;
    return &((struct config_publisher *)last)->options;
}

static bool name_is_good(const struct config_section *s, const char *name)
{
    /* A channel's folder lies beside these files. */
    if (strcmp(s->name, "channel") == 0 &&
        (strcmp(name, "users") == 0 || strcmp(name, "lock") == 0))
        return false;
    bool   any = strcmp(s->name, "user") == 0; /* login names are the consumers' matter */
    bool   folder = strcmp(s->name, "channel") == 0;
    size_t n = strlen(name);

    if (folder && strchr(name, '.') != NULL)
        return false;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];
        if (any ? iscntrl(c) : !isalnum(c) && strchr("_-.", c) == NULL)
            return false;
    }
    return n > 0 && n < NAME_BYTES;
}

static const struct config_section *section_find(struct parse *p, const char *word)
{
    struct guess g = { 0 };

    for (size_t i = 0; i < config_section_count; i++) {
        if (strcmp(config_sections[i].name, word) == 0)
            return &config_sections[i];
        config_guess(&g, word, config_sections[i].name);
    }
    config_complain(p, p->line, "there is no section [%s]%s%s%s", word,
                    g.word != NULL ? "; did you mean '" : "", g.word != NULL ? g.word : "",
                    g.word != NULL ? "'?" : "");
    return NULL;
}

/* "[user x]", "[relay]" */
const char *config_part_title(const struct part *t, char into[2 * NAME_BYTES])
{
    (void)snprintf(into, (size_t)2 * NAME_BYTES, "[%s%s%s]", t->section->name,
                   *t->name != '\0' ? " " : "", t->name);
    return into;
}

/* The part that already has this section and name, or NULL. */
static const struct part *part_find(const struct parse *p, const struct config_section *s,
                                    const char *name)
{
    for (size_t i = 0; i < p->part_count; i++)
        if (p->parts[i].section == s && strcmp(p->parts[i].name, name) == 0)
            return &p->parts[i];
    return NULL;
}

static bool section_is_allowed(struct parse *p, const struct config_section *s, const char *name)
{
    if (s->named && *name == '\0' && !s->name_optional) {
        config_complain(p, p->line, "a %s needs a name: [%s NAME]", s->name, s->name);
        return false;
    }
    if (!s->named && *name != '\0') {
        config_complain(p, p->line, "there is only one [%s], without a name", s->name);
        return false;
    }
    if (*name != '\0' && !name_is_good(s, name)) {
        config_complain(p, p->line,
                        "'%s' can't be the name of a %s: up to %d letters, digits, '_', '-'%s",
                        name, s->name, NAME_BYTES - 1, s->inherits ? "" : ", '.'");
        return false;
    }
    const struct part *twin = part_find(p, s, name);
    if (twin != NULL) {
        char title[2 * NAME_BYTES];
        config_complain(p, p->line, "%s again: it stands already in line %d",
                        config_part_title(twin, title), twin->line);
        return false;
    }
    if (s->named && *section_count(p, s) >= s->most) {
        config_complain(p, p->line, "at most %zu [%s NAME] sections are possible", s->most,
                        s->name);
        return false;
    }
    return true;
}

static void section_begin(struct parse *p, const char *word, const char *name)
{
    p->current = NULL;
    p->in_wrong_section = true;
    const struct config_section *s = section_find(p, word);
    if (s == NULL || !section_is_allowed(p, s, name))
        return;
    struct part *grown = realloc(p->parts, (p->part_count + 1) * sizeof *p->parts);
    if (grown == NULL) {
        p->no_memory = true;
        return;
    }
    p->parts = grown;
    if (s->named && !section_grow(p, s, name)) {
        p->no_memory = true;
        return;
    }
    struct err e = { 0 };
    if (s->has_options && options_init(last_options(p, s), &e) != 0) {
        p->no_memory = true;
        return;
    }
    struct part *t = &p->parts[p->part_count++];
    *t = (struct part){ .section = s, .line = p->line };
    t->index = s->named ? *section_count(p, s) - 1 : 0;
    (void)snprintf(t->name, sizeof t->name, "%s", name);
    p->current = t;
    p->in_wrong_section = false;
}

/* "[word name]" */
static void section_line(struct parse *p, char *text)
{
    char *end = strchr(text, ']');

    if (end == NULL) {
        config_complain(p, p->line, "a section begins with [NAME]: ']' is missing");
        p->current = NULL;
        p->in_wrong_section = true;
        return;
    }
    *end = '\0';
    char *word = text + 1;
    word += strspn(word, " \t");
    char *name = word + strcspn(word, " \t");
    if (*name != '\0')
        *name++ = '\0';
    name += strspn(name, " \t");
    size_t n = strlen(name);
    while (n > 0 && isspace((unsigned char)name[n - 1]))
        name[--n] = '\0';
    section_begin(p, word, name);
}

/* ---- lines --------------------------------------------------------------------------------- */

/*
 * The parser asks for each line here, so that the line's number is known, and sections are seen
 * that hold no key: its own handler is told of neither in all of its versions. White space in front
 * is taken away, since the parser takes an indented line as a continuation.
 */
static char *next_line(char *into, int size, void *arg)
{
    struct parse *p = arg;

    if (p->content)
        config_complain(p, p->line, "expected KEY = VALUE");
    p->content = false;
    if (size < 2 || fgets(into, size, p->file) == NULL)
        return NULL;
    p->line++;
    size_t n = strlen(into);
    if (n + 1 == (size_t)size && into[n - 1] != '\n') {
        config_complain(p, p->line, "the line is longer than %d bytes", size - 2);
        for (int c = getc(p->file); c != EOF && c != '\n';)
            c = getc(p->file);
        into[0] = '\0';
        return into;
    }
    size_t skip = p->line == 1 && strncmp(into, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    skip += strspn(into + skip, " \t\r\n\f\v");
    memmove(into, into + skip, n - skip + 1);
    if (into[0] == '[') {
        section_line(p, into);
        into[0] = '\0'; /* the parser need not know */
    } else {
        p->content = into[0] != '\0' && into[0] != ';' && into[0] != '#';
    }
    return into;
}

const struct config_key *config_key_named(const struct config_section *s, const char *name)
{
    for (size_t i = 0; i < s->key_count; i++)
        if (strcmp(s->keys[i].name, name) == 0)
            return &s->keys[i];
    return NULL;
}

static void complain_of_key(struct parse *p, const char *name)
{
    const struct config_section *s = p->current->section;
    struct guess                 g = { 0 };

    for (size_t i = 0; i < s->key_count; i++)
        config_guess(&g, name, s->keys[i].name);
    for (size_t i = 0; s->has_options && i < option_key_count; i++)
        config_guess(&g, name, option_keys[i].name);
    config_complain(p, p->line, "[%s] has no key '%s'%s%s%s", s->name, name,
                    g.word != NULL ? "; did you mean '" : "", g.word != NULL ? g.word : "",
                    g.word != NULL ? "'?" : "");
}

/* One of Debezium's options of a publisher, or a setting of Kafka. */
static void take_option(struct parse *p, const char *name, const char *value)
{
    struct config_publisher *u = config_part(p, p->current);
    struct err               e = { 0 };

    if (kafka_settings_add(&u->kafka, name, value, &e) == 0)
        return;
    if (e.kind != E_PURGED) {
        config_complain(p, p->line, "%s", e.text);
        return;
    }
    for (size_t i = 0; i < option_key_count; i++) {
        if (strcmp(option_keys[i].name, name) != 0)
            continue;
        int *line = &p->current->option_lines[i];
        if (*line != 0 && !option_keys[i].is_list) {
            config_complain(p, p->line, "'%s' again: it stands already in line %d", name, *line);
            return;
        }
        *line = p->line;
    }
    if (options_add(&u->options, name, value, &e) == 0)
        return;
    if (e.kind == E_PURGED)
        complain_of_key(p, name);
    else
        config_complain(p, p->line, "%s", e.text);
}

static int take_key(void *arg, const char *section, const char *name, const char *value)
{
    struct parse *p = arg;
    struct err    e = { 0 };

    (void)section;
    p->content = false;
    if (p->in_wrong_section)
        return 1;
    if (p->current == NULL) {
        config_complain(p, p->line, "'%s' stands before any section", name);
        return 1;
    }
    const struct config_key *key = config_key_named(p->current->section, name);
    if (key == NULL) {
        if (p->current->section->has_options)
            take_option(p, name, value);
        else
            complain_of_key(p, name);
        return 1;
    }
    int *line = &p->current->key_lines[key - p->current->section->keys];
    if (*line != 0 && key->type != TYPE_LIST) {
        config_complain(p, p->line, "'%s' again: it stands already in line %d", name, *line);
        return 1;
    }
    *line = p->line;
    if (config_put(config_part(p, p->current), key, value, &e) != 0)
        config_complain(p, p->line, "%s", e.text);
    return 1;
}

/* ---- the file ------------------------------------------------------------------------------ */

/* Sections that have only defaults need not be in the file. */
static void add_absent_sections(struct parse *p)
{
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section *s = &config_sections[i];
        bool                         absent = part_find(p, s, "") == NULL;
        if (strcmp(s->name, "http") == 0)
            p->config->has_http = !absent;
        if (!s->named && absent)
            section_begin(p, s->name, "");
    }
    p->config->has_channels = p->config->channel_count > 0;
    if (p->config->channel_count == 0)
        section_begin(p, "channel", "main");
    if (p->config->listener_count == 0)
        section_begin(p, "listener", "");
    if (p->config->source_count == 0)
        config_complain(p, p->line, "there is no [source NAME] section: name the server to follow");
}

static void parse_file(struct parse *p)
{
    (void)ini_parse_stream(next_line, p, take_key, p);
    add_absent_sections(p);
    config_check(p);
}

int config_read(const char *path, void (*say)(void *arg, const char *sentence), void *arg,
                struct config **out, struct err *e)
{
    struct parse   p = { .path = path, .say = say, .say_arg = arg };
    struct config *c = calloc(1, sizeof *c);

    if (c == NULL || (c->path = strdup(path)) == NULL) {
        free(c);
        return err_set(e, E_NOMEM, "no memory for the configuration");
    }
    p.config = c;
    p.file = fopen(path, "re");
    if (p.file == NULL) {
        (void)err_sys(e, "read the configuration '%s'", path);
        e->kind = E_CONFIG;
        config_free(c);
        return -1;
    }
    parse_file(&p);
    (void)fclose(p.file);
    free(p.parts);
    if (p.errors == 0 && !p.no_memory) {
        *out = c;
        return 0;
    }
    config_free(c);
    if (p.no_memory)
        return err_set(e, E_NOMEM, "no memory for the configuration");
    return err_set(e, E_CONFIG, "%s: %u error%s", path, p.errors, p.errors == 1 ? "" : "s");
}

static void free_texts(void *section, const struct config_section *s)
{
    for (size_t i = 0; i < s->key_count; i++) {
        char *text;
        if (!config_type_owns_text(s->keys[i].type))
            continue;
        memcpy(&text, (char *)section + s->keys[i].at, sizeof text);
        if (text != NULL && s->keys[i].type == TYPE_SECRET)
            explicit_bzero(text, strlen(text));
        free(text);
    }
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->channel_count; i++)
        free(c->channels[i].folder);
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section *s = &config_sections[i];
        char                        *array, *name;
        if (!s->named) {
            free_texts((char *)c + s->at, s);
            continue;
        }
        memcpy(&array, (char *)c + s->at, sizeof array);
        for (size_t k = 0; k < *(size_t *)(void *)((char *)c + s->count_at); k++) {
            free_texts(array + k * s->size, s);
            if (s->has_options) {
                struct config_publisher *u = (void *)(array + k * s->size);
                options_done(&u->options);
                kafka_settings_done(&u->kafka);
            }
            memcpy(&name, array + k * s->size, sizeof name);
            free(name);
        }
        free(array);
    }
    free(c->path);
    free(c);
}
