#include <stdio.h>
#include <stdlib.h>
#include "publisher/kafka/kafka_core.h"

enum { REFUSED_MAX = 10000, SKIPPED_BYTES_MAX = 1 << 20 };

static bool same(const struct record_id *a, const struct record_id *b)
{
    return a->pos == b->pos && a->row == b->row && a->nth == b->nth;
}

const struct refused *kafka_find_refused(const struct kafka *k, const struct record_id *id)
{
    for (size_t i = 0; i < k->refused_count; i++)
        if (same(&k->refused[i].id, id))
            return &k->refused[i];
    return NULL;
}

int kafka_remember_refused(struct kafka *k, const struct record_id *id, bool is_skipped,
                           const char *why, struct err *e)
{
    struct refused *grown = NULL;

    if (k->refused_count < REFUSED_MAX)
        grown = realloc(k->refused, (k->refused_count + 1) * sizeof *grown);
    if (grown == NULL)
        return err_set(e, E_LIMIT, "too many records that Kafka does not take");
    k->refused = grown;
    struct refused *r = &k->refused[k->refused_count++];
    *r = (struct refused){ .id = *id, .is_skipped = is_skipped };
    (void)snprintf(r->why, sizeof r->why, "%s", why);
    return 0;
}

/* ---- a person's word, which counts after a restart, too -------------------------------------- */

static int name_of(const struct kafka *k, char **out, struct err *e)
{
    if (asprintf(out, "publisher.%s.skipped", k->host.name) < 0)
        return err_set(e, E_NOMEM, "no memory for a Kafka output");
    return 0;
}

/* One to a line: place, row, number. */
static int save(struct kafka *k, struct err *e)
{
    struct buf text;
    char      *name = NULL;

    TRY(name_of(k, &name, e));
    buf_init(&text, SKIPPED_BYTES_MAX);
    for (size_t i = 0; i < k->refused_count; i++) {
        const struct record_id *id = &k->refused[i].id;
        if (k->refused[i].is_skipped)
            buf_printf(&text, "%llu %u %u\n", (unsigned long long)id->pos, id->row, id->nth);
    }
    int result = buf_check(&text, "the records to leave out", e);
    if (result == 0)
        result = catalog_put_value(store_catalog(k->host.store), name, buf_text(&text), e);
    buf_done(&text);
    free(name);
    return result;
}

static int take_lines(struct kafka *k, const char *text, struct err *e)
{
    while (*text != 0) {
        unsigned long long pos;
        unsigned           row, nth;
        int                length = 0;
        if (sscanf(text, "%llu %u %u\n%n", &pos, &row, &nth, &length) != 3 || length == 0)
            return err_set(e, E_CORRUPT, "the catalog's list of records to leave out is damaged");
        const struct record_id id = { .pos = pos, .row = row, .nth = nth };
        TRY(kafka_remember_refused(k, &id, true, "", e));
        text += length;
    }
    return 0;
}

int kafka_recall_skipped(struct kafka *k, struct err *e)
{
    struct buf text;
    char      *name = NULL;

    TRY(name_of(k, &name, e));
    buf_init(&text, SKIPPED_BYTES_MAX);
    int found = catalog_get_value(store_catalog(k->host.store), name, &text, e);
    int result = found > 0 ? take_lines(k, buf_text(&text), e) : found;
    buf_done(&text);
    free(name);
    return result;
}

int kafka_skip(struct kafka *k, struct err *e)
{
    TRY(kafka_remember_refused(k, &k->stuck, true, "", e));
    TRY(save(k, e));
    k->base.is_stuck = false;
    return 0;
}

int kafka_forget_refused(struct kafka *k, store_pos before, struct err *e)
{
    size_t kept = 0;
    bool   skipped = false;

    for (size_t i = 0; i < k->refused_count; i++) {
        if (k->refused[i].id.pos >= before)
            k->refused[kept++] = k->refused[i];
        else
            skipped |= k->refused[i].is_skipped;
    }
    k->refused_count = kept;
    return skipped ? save(k, e) : 0;
}
