#include "protocol/select.h"
#include "protocol/packet.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    COM_QUIT_BYTE = 0x01,
    COM_QUERY_BYTE = 0x03,
    HEAD_OK = 0x00,
    HEAD_NULL = 0xfb,
    HEAD_LOCAL_FILE = 0xfb,
    HEAD_EOF = 0xfe,
    HEAD_ERROR = 0xff,
    EOF_BYTES = 5, /* of the old form; that in the form of an OK has more */
    COLUMNS_MAX = 4096,
    KEPT_BYTES = 4 << 20, /* a larger buffer is given back */
    SQL_BYTES_MAX = 1 << 20,
    WAIT_MS = 3600 * 1000,
};

/*
 *   0 ........ from ........ next ........ filled ........ size
 *     gone          packet        behind it         free
 */
struct select {
    struct client *client;
    uint8_t       *bytes;
    size_t         from, next, filled, size;
    uint32_t       columns;
    bool           is_open; /* rows are still to come */
};

static void check(const struct select *s)
{
    assert(s->from <= s->next && s->next <= s->filled && s->filled <= s->size);
}

int select_new(struct client *c, struct select **out, struct err *e)
{
    struct select *s = calloc(1, sizeof *s);

    if (s != NULL)
        s->bytes = malloc(SELECT_BLOCK_BYTES);
    if (s == NULL || s->bytes == NULL) {
        free(s);
        return err_set(e, E_NOMEM, "no memory to read tables");
    }
    s->size = SELECT_BLOCK_BYTES;
    if (client_detach(c, e) != 0) {
        free(s->bytes);
        free(s);
        return -1;
    }
    s->client = c;
    *out = s;
    return 0;
}

void select_free(struct select *s)
{
    if (s == NULL)
        return;
    static const uint8_t quit[] = { 1, 0, 0, 0, COM_QUIT_BYTE };
    struct err           e = { 0 };
    size_t               put = 0;
    short                wants = 0;

    if (!s->is_open) /* in the midst of rows nobody listens to a farewell */
        (void)!client_write_some(s->client, (struct slice){ quit, sizeof quit }, &put, &wants, &e);
    client_cut(s->client);
    client_close(s->client);
    free(s->bytes);
    free(s);
}

const char *select_address(const struct select *s)
{
    return client_address(s->client);
}

/* ---- packets ------------------------------------------------------------------------------- */

/* The packet's beginning comes to the front; a buffer that a large row needed is given back. */
static int make_room(struct select *s, size_t bytes, struct err *e)
{
    size_t held = s->filled - s->from;

    if (s->from > 0) {
        memmove(s->bytes, s->bytes + s->from, held);
        s->next -= s->from;
        s->filled = held;
        s->from = 0;
    }
    bool   shrinks = s->size > KEPT_BYTES && bytes <= SELECT_BLOCK_BYTES && held < bytes;
    size_t size = shrinks ? SELECT_BLOCK_BYTES : s->size;
    while (size < bytes)
        size *= 2;
    if (size == s->size)
        return 0;
    uint8_t *moved = realloc(s->bytes, size);
    if (moved == NULL)
        return err_set(e, E_NOMEM, "no memory for a row of %zu bytes", bytes);
    s->bytes = moved;
    s->size = size;
    return 0;
}

/* So that `bytes` are there from s->from on. */
static int need(struct select *s, size_t bytes, struct err *e)
{
    check(s);
    if (s->filled - s->from >= bytes)
        return 0;
    if (bytes > (size_t)SELECT_ROW_BYTES_MAX)
        return err_set(e, E_LIMIT, "%s: a row has more than %d bytes", select_address(s),
                       SELECT_ROW_BYTES_MAX);
    if (s->size - s->from < bytes || s->size - s->filled < SELECT_BLOCK_BYTES / 4)
        TRY(make_room(s, bytes, e));
    while (s->filled - s->from < bytes) {
        size_t got = 0;
        TRY(client_read(s->client, s->bytes + s->filled, s->size - s->filled, WAIT_MS, &got, e));
        s->filled += got;
    }
    return 0;
}

static uint32_t chunk_bytes(const struct select *s, size_t at)
{
    return packet_payload_bytes(s->bytes + s->from + at);
}

/* Its payload begins behind the header at s->from; chunks of a long one are pushed together. */
static int next_packet(struct select *s, size_t *payload_bytes, struct err *e)
{
    size_t end = PACKET_HEADER_BYTES;

    s->from = s->next;
    TRY(need(s, end, e));
    uint32_t chunk = chunk_bytes(s, 0);
    size_t   payload = chunk;
    end += chunk;
    TRY(need(s, end, e));
    while (chunk == PACKET_PAYLOAD_MAX) {
        TRY(need(s, end + PACKET_HEADER_BYTES, e));
        chunk = chunk_bytes(s, end);
        end += PACKET_HEADER_BYTES;
        TRY(need(s, end + chunk, e));
        memmove(s->bytes + s->from + PACKET_HEADER_BYTES + payload, s->bytes + s->from + end,
                chunk);
        payload += chunk;
        end += chunk;
    }
    s->next = s->from + end;
    *payload_bytes = payload;
    return 0;
}

static struct slice payload_of(const struct select *s, size_t payload_bytes)
{
    return (struct slice){ s->bytes + s->from + PACKET_HEADER_BYTES, payload_bytes };
}

static int refused(const struct select *s, struct slice payload, const char *sql, struct err *e)
{
    struct cursor c = cursor_over(payload);

    (void)cursor_u8(&c);
    uint16_t number = cursor_u16(&c);
    if (c.left >= 6 && *c.at == '#')
        cursor_skip(&c, 6);
    struct slice text = cursor_rest(&c);
    (void)err_set(e, E_REFUSED, "%s: %.*s (%u), asked: %.120s", select_address(s),
                  text.len < 300 ? (int)text.len : 300, (const char *)text.ptr, number, sql);
    e->sys = number;
    return -1;
}

static int senseless(const struct select *s, struct err *e)
{
    return err_set(e, E_PROTOCOL, "%s: an answer that is no result of a SELECT", select_address(s));
}

/* ---- statements ---------------------------------------------------------------------------- */

static int send(struct select *s, const char *sql, struct err *e)
{
    struct buf b;
    uint8_t    sequence = 0;

    buf_init(&b, SQL_BYTES_MAX + 2 * PACKET_HEADER_BYTES);
    struct packet p = packet_begin(&b);
    buf_put_u8(&b, COM_QUERY_BYTE);
    buf_put_text(&b, sql);
    packet_end(&p, &sequence);
    int result = buf_check(&b, "a statement", e);
    if (result == 0)
        result = client_write(s->client, buf_slice(&b), e);
    buf_done(&b);
    return result;
}

/* What describes the columns is known to who asked. Servers of the old kind end it by an EOF. */
static int skip_columns(struct select *s, struct err *e)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < s->columns; i++)
        TRY(next_packet(s, &bytes, e));
    TRY(need(s, s->next - s->from + PACKET_HEADER_BYTES + 1, e));
    const uint8_t *head = s->bytes + s->next;
    if (packet_payload_bytes(head) == EOF_BYTES && head[PACKET_HEADER_BYTES] == HEAD_EOF)
        TRY(next_packet(s, &bytes, e));
    return 0;
}

int select_begin(struct select *s, const char *sql, uint32_t *columns, struct err *e)
{
    size_t bytes = 0;

    assert(!s->is_open);
    TRY(send(s, sql, e));
    TRY(next_packet(s, &bytes, e));
    struct slice  payload = payload_of(s, bytes);
    struct cursor c = cursor_over(payload);
    uint8_t       head = bytes > 0 ? payload.ptr[0] : HEAD_LOCAL_FILE;
    if (head == HEAD_ERROR)
        return refused(s, payload, sql, e);
    s->columns = 0;
    *columns = 0;
    if (head == HEAD_OK)
        return 0;
    uint64_t count = cursor_lenenc(&c);
    if (c.failed || count > COLUMNS_MAX)
        return senseless(s, e);
    s->columns = (uint32_t)count;
    TRY(skip_columns(s, e));
    s->is_open = true;
    *columns = s->columns;
    return 0;
}

static bool ends_rows(const uint8_t *header, uint8_t head)
{
    return head == HEAD_EOF && packet_payload_bytes(header) < PACKET_PAYLOAD_MAX;
}

static int take_values(const struct select *s, struct slice row, struct slice *values,
                       struct err *e)
{
    struct cursor c = cursor_over(row);

    for (uint32_t i = 0; i < s->columns; i++) {
        if (c.left > 0 && *c.at == HEAD_NULL) {
            cursor_skip(&c, 1);
            values[i] = (struct slice){ NULL, 0 };
        } else {
            values[i] = cursor_lenenc_slice(&c);
        }
    }
    return c.failed || c.left > 0 ? senseless(s, e) : 0;
}

int select_next(struct select *s, struct slice *values, bool *more, bool *is_last, struct err *e)
{
    size_t bytes = 0;

    assert(s->is_open);
    TRY(next_packet(s, &bytes, e));
    struct slice payload = payload_of(s, bytes);
    uint8_t      head = bytes > 0 ? payload.ptr[0] : HEAD_OK;
    if (head == HEAD_ERROR) {
        s->is_open = false;
        return refused(s, payload, "the rows of a table", e);
    }
    if (ends_rows(s->bytes + s->from, head)) {
        s->is_open = *more = *is_last = false;
        return 0;
    }
    TRY(need(s, s->next - s->from + PACKET_HEADER_BYTES + 1, e)); /* may move the row */
    const uint8_t *behind = s->bytes + s->next;
    *is_last = ends_rows(behind, behind[PACKET_HEADER_BYTES]);
    *more = true;
    return take_values(s, payload_of(s, bytes), values, e);
}

int select_text(struct select *s, const char *sql, char *into, size_t size, struct err *e)
{
    struct slice values[COLUMNS_MAX] = { { NULL, 0 } };
    uint32_t     columns = 0;
    bool         more = true, is_last = false, is_first = true;

    TRY(select_begin(s, sql, &columns, e));
    *into = 0;
    while (columns > 0 && more) {
        TRY(select_next(s, values, &more, &is_last, e));
        if (more && is_first && values[0].ptr != NULL)
            (void)snprintf(into, size, "%.*s", (int)values[0].len, (const char *)values[0].ptr);
        is_first = false;
    }
    return 0;
}
