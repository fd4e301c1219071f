#include "relay/upstream/peer.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "protocol/base/own.h"
#include "relay/upstream/source.h"
#include "storage/name.h"

enum { SQL_BYTES = 2 * STORE_NAME_BYTES + 200, QUOTED_BYTES = 2 * STORE_NAME_BYTES + 1 };

int peer_open(const struct config_source *source, int interrupt_fd, struct peer *out, struct err *e)
{
    struct peer p = { .source = source, .interrupt_fd = interrupt_fd };

    TRY(source_connect(source, interrupt_fd, &p.client, e));
    (void)snprintf(p.address, sizeof p.address, "%s", client_address(p.client));
    if (source_learn(p.client, &p.facts, e) != 0 ||
        source_check(source, &p.facts, p.address, e) != 0) {
        peer_close(&p);
        return -1;
    }
    *out = p;
    return 0;
}

void peer_close(struct peer *p)
{
    client_close(p->client);
    free(p->files);
    *p = (struct peer){ 0 };
}

/* ---- files --------------------------------------------------------------------------------- */

struct listing {
    struct peer_file *files;
    size_t            count, size;
};

static int take_file(void *arg, uint32_t columns, const char *const *values,
                     const unsigned long *lengths, struct err *e)
{
    struct listing *l = arg;

    (void)lengths;
    if (columns < 2 || values[0] == NULL || values[1] == NULL)
        return err_set(e, E_PROTOCOL, "SHOW BINARY LOGS answers with a row that makes no sense");
    TRY(name_check(values[0], e));
    if (l->count == PEER_FILES_MAX)
        return err_set(e, E_LIMIT, "the source has more than %u binlogs", PEER_FILES_MAX);
    if (l->count == l->size) {
        size_t size = l->size > 0 ? 2 * l->size : 64;
        void  *more = reallocarray(l->files, size, sizeof *l->files);
        if (more == NULL)
            return err_set(e, E_NOMEM, "no memory for the names of %zu binlogs", size);
        l->files = more;
        l->size = size;
    }
    struct peer_file *f = &l->files[l->count++];
    (void)snprintf(f->name, sizeof f->name, "%s", values[0]);
    f->bytes = strtoull(values[1], NULL, 10);
    return 0;
}

int peer_list(struct peer *p, struct err *e)
{
    struct listing l = { 0 };

    int rc = source_query(p->client, "SHOW BINARY LOGS", take_file, &l, e);
    if (rc == 0 && l.count == 0)
        rc = err_set(e, E_CONFIG, "%s has no binlog", p->address);
    if (rc != 0) {
        free(l.files);
        return -1;
    }
    free(p->files);
    p->files = l.files;
    p->file_count = l.count;
    return 0;
}

int peer_file_index(struct peer *p, const char *name, size_t *index, struct err *e)
{
    for (size_t i = p->file_count; i-- > 0;)
        if (strcmp(p->files[i].name, name) == 0) {
            *index = i;
            return 0;
        }
    struct peer_file *more = reallocarray(p->files, p->file_count + 1, sizeof *more);
    if (more == NULL)
        return err_set(e, E_NOMEM, "no memory for the names of binlogs");
    p->files = more;
    more[p->file_count] = (struct peer_file){ 0 };
    (void)snprintf(more[p->file_count].name, sizeof more->name, "%s", name);
    *index = p->file_count++;
    return 0;
}

/* ---- GTIDs --------------------------------------------------------------------------------- */

static int take_value(void *arg, uint32_t columns, const char *const *values,
                      const unsigned long *lengths, struct err *e)
{
    (void)e;
    if (columns > 0 && values[0] != NULL)
        buf_put(arg, (struct slice){ (const uint8_t *)values[0], lengths[0] });
    return 0;
}

int peer_ask(struct peer *p, const char *sql, struct buf *out, struct err *e)
{
    TRY(source_query(p->client, sql, take_value, out, e));
    return buf_check(out, "an answer of the source", e);
}

/* Log_name, Pos, Event_type, Server_id, End_log_pos, Info. */
static int take_head_event(void *arg, uint32_t columns, const char *const *values,
                           const unsigned long *lengths, struct err *e)
{
    (void)e;
    if (columns < 6 || values[2] == NULL || values[5] == NULL)
        return 0;
    if (strcmp(values[2], "Previous_gtids") == 0 || strcmp(values[2], "Gtid_list") == 0)
        buf_put(arg, (struct slice){ (const uint8_t *)values[5], lengths[5] });
    return 0;
}

int peer_each_listed(struct slice text, int (*each)(void *arg, const struct gtid *g, struct err *e),
                     void *arg, struct err *e)
{
    struct cursor c = cursor_over(text);
    struct gtid   g;

    while (c.left > 0) {
        if (strchr("[], \n", *c.at) != NULL) {
            cursor_skip(&c, 1);
            continue;
        }
        size_t n = 0;
        while (n < c.left && strchr("[], \n", c.at[n]) == NULL)
            n++;
        if (!gtid_parse(cursor_slice(&c, n), &g) || g.kind != GTID_MARIADB)
            return err_set(e, E_PROTOCOL, "the source's list of GTIDs does not parse");
        TRY(each(arg, &g, e));
    }
    return 0;
}

int peer_gtids_before(struct peer *p, const struct peer_file *file, struct buf *out, struct err *e)
{
    char       sql[SQL_BYTES];
    struct buf quoted;

    buf_init(&quoted, QUOTED_BYTES);
    int rc = client_quote(p->client, slice_of_text(file->name), &quoted, e);
    if (rc == 0)
        (void)snprintf(sql, sizeof sql, "SHOW BINLOG EVENTS IN '%s' LIMIT 3", buf_text(&quoted));
    buf_done(&quoted);
    TRY(rc);
    TRY(source_query(p->client, sql, take_head_event, out, e));
    return buf_check(out, "GTIDs of a binlog of the source", e);
}
