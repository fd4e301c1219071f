#include "relay/upstream/skip.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "storage/name.h"

void skip_done(struct skip *s)
{
    gtid_set_done(&s->held);
    free(s->files);
    free(s->ranges);
    *s = (struct skip){ 0 };
}

/* ---- by place ------------------------------------------------------------------------------ */

static int grow(void **items, size_t *size, size_t count, size_t each, struct err *e)
{
    if (count < *size)
        return 0;
    size_t now = *size > 0 ? *size * 2 : 16;
    void  *more = reallocarray(*items, now, each);
    if (more == NULL)
        return err_set(e, E_NOMEM, "no memory for %zu ranges of a binlog", now);
    *items = more;
    *size = now;
    return 0;
}

static int file_last(struct skip *s, const char *name, struct skip_file **out, struct err *e)
{
    if (s->file_count == 0 || strcmp(s->files[s->file_count - 1].name, name) != 0) {
        if (s->file_count == SKIP_FILES_MAX)
            return err_set(e, E_LIMIT, "what is held lies in more than %u binlogs", SKIP_FILES_MAX);
        void *files = s->files;
        int   rc = grow(&files, &s->file_size, s->file_count, sizeof *s->files, e);
        s->files = files;
        TRY(rc);
        struct skip_file *f = &s->files[s->file_count++];
        *f = (struct skip_file){ .first = s->range_count };
        (void)snprintf(f->name, sizeof f->name, "%s", name);
    }
    *out = &s->files[s->file_count - 1];
    return 0;
}

int skip_add_range(struct skip *s, const char *file, uint64_t from, uint64_t to, struct err *e)
{
    struct skip_file *f;

    assert(from <= to);
    if (from == to)
        return 0;
    TRY(file_last(s, file, &f, e));
    struct skip_range *last = f->count > 0 ? &s->ranges[s->range_count - 1] : NULL;
    assert(last == NULL || last->to <= from);
    if (last != NULL && last->to == from) {
        last->to = to;
        return 0;
    }
    if (s->range_count == SKIP_RANGES_MAX)
        return err_set(e, E_LIMIT,
                       "what is held lies in more than %u places of the source's binlogs, with "
                       "others between",
                       SKIP_RANGES_MAX);
    void *ranges = s->ranges;
    int   rc = grow(&ranges, &s->range_size, s->range_count, sizeof *s->ranges, e);
    s->ranges = ranges;
    TRY(rc);
    s->ranges[s->range_count++] = (struct skip_range){ from, to };
    f->count++;
    return 0;
}

void skip_set_until(struct skip *s, const char *file, uint64_t at)
{
    (void)snprintf(s->until_file, sizeof s->until_file, "%s", file);
    s->until_at = at;
}

const struct skip_file *skip_file_of(const struct skip *s, const char *name)
{
    for (size_t i = 0; i < s->file_count; i++)
        if (strcmp(s->files[i].name, name) == 0)
            return &s->files[i];
    return NULL;
}

static bool is_in_range(const struct skip *s, const struct skip_file *f, uint64_t at)
{
    size_t low = 0, high = f->count;

    /* The first range that ends behind it. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->ranges[f->first + middle].to <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < f->count && s->ranges[f->first + low].from <= at;
}

uint64_t skip_leads_to(const struct skip *s, const char *file)
{
    const struct skip_file *f = skip_file_of(s, file);

    if (f == NULL || f->count == 0 || s->ranges[f->first].from > BINLOG_MAGIC_BYTES)
        return 0;
    return s->ranges[f->first].to;
}

bool skip_has(const struct skip *s, const struct skip_file *file, uint64_t at, const struct gtid *g)
{
    if (file != NULL && is_in_range(s, file, at))
        return true;
    return g->kind == GTID_MYSQL && gtid_set_contains(&s->held, g);
}

bool skip_is_over(const struct skip *s, const char *file, uint64_t at)
{
    if (*s->until_file == '\0')
        return gtid_set_is_empty(&s->held) && s->range_count == 0;
    if (strcmp(file, s->until_file) == 0)
        return at >= s->until_at;
    return name_is_before(s->until_file, file);
}

/* ---- as text ------------------------------------------------------------------------------- */

void skip_put_text(const struct skip *s, struct buf *out)
{
    if (*s->until_file != '\0')
        buf_printf(out, "until %" PRIu64 " %s\n", s->until_at, s->until_file);
    for (size_t i = 0; i < s->file_count; i++) {
        const struct skip_file *f = &s->files[i];
        buf_printf(out, "file %s\n", f->name);
        for (size_t r = f->first; r < f->first + f->count; r++)
            buf_printf(out, "range %" PRIu64 " %" PRIu64 "\n", s->ranges[r].from, s->ranges[r].to);
    }
    if (!gtid_set_is_empty(&s->held)) {
        buf_put_text(out, "held ");
        gtid_set_put_text(&s->held, out, false);
        buf_put_text(out, "\n");
    }
}

static int senseless(struct err *e)
{
    return err_set(e, E_CORRUPT, "the catalog's list of what is held of a source does not parse");
}

/* A decimal number and what ends it. */
static bool take_number(struct cursor *c, char ending, uint64_t *out)
{
    uint64_t n = 0;
    bool     any = false;

    while (c->left > 0 && *c->at >= '0' && *c->at <= '9') {
        unsigned digit = (unsigned)(cursor_u8(c) - '0');
        if (n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
        any = true;
    }
    *out = n;
    return any && (ending == '\0' ? c->left == 0 : cursor_u8(c) == (uint8_t)ending);
}

static bool take_word(struct cursor *c, const char *word)
{
    size_t n = strlen(word);

    if (c->left < n || memcmp(c->at, word, n) != 0)
        return false;
    cursor_skip(c, n);
    return true;
}

static bool take_name(struct cursor *c, char into[STORE_NAME_BYTES + 1])
{
    struct slice rest = cursor_rest(c);
    struct err   e = { 0 };

    if (rest.len > STORE_NAME_BYTES)
        return false;
    memcpy(into, rest.ptr, rest.len);
    into[rest.len] = '\0';
    return name_check(into, &e) == 0;
}

static int take_range(struct cursor *c, struct skip *s, const char *file, struct err *e)
{
    uint64_t from, to;

    if (!take_number(c, ' ', &from) || !take_number(c, '\0', &to) || from >= to || *file == '\0')
        return senseless(e);
    const struct skip_file *f = s->file_count > 0 ? &s->files[s->file_count - 1] : NULL;
    bool                    goes_on = f != NULL && strcmp(f->name, file) == 0;
    if (goes_on && s->ranges[s->range_count - 1].to > from)
        return senseless(e);
    return skip_add_range(s, file, from, to, e);
}

static int take_line(struct cursor c, struct skip *s, char file[STORE_NAME_BYTES + 1],
                     struct err *e)
{
    if (take_word(&c, "range "))
        return take_range(&c, s, file, e);
    if (take_word(&c, "file "))
        return take_name(&c, file) && skip_file_of(s, file) == NULL ? 0 : senseless(e);
    if (take_word(&c, "held "))
        return gtid_set_parse(&s->held, cursor_rest(&c), e);
    if (take_word(&c, "until ") && take_number(&c, ' ', &s->until_at) &&
        take_name(&c, s->until_file))
        return 0;
    return senseless(e);
}

int skip_parse(struct slice text, struct skip *s, struct err *e)
{
    struct skip   now = { 0 };
    struct cursor c = cursor_over(text);
    char          file[STORE_NAME_BYTES + 1] = "";

    while (c.left > 0) {
        const uint8_t *end = memchr(c.at, '\n', c.left);
        size_t         n = end != NULL ? (size_t)(end - c.at) : c.left;
        struct cursor  line = cursor_over(cursor_slice(&c, n));
        cursor_skip(&c, end != NULL);
        if (take_line(line, &now, file, e) != 0) {
            skip_done(&now);
            return -1;
        }
    }
    skip_done(s);
    *s = now;
    return 0;
}
