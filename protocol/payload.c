#include "protocol/payload.h"
#include <stdlib.h>
#include <zstd.h>

enum payload_field {
    FIELD_END = 0,
    FIELD_PAYLOAD_SIZE = 1,
    FIELD_COMPRESSION = 2,
    FIELD_UNCOMPRESSED_SIZE = 3,
};
enum payload_compression { COMPRESSION_ZSTD = 0, COMPRESSION_NONE = 255 };
enum { KEPT_BYTES = 1 << 20 }; /* a larger event's room is given back before the next event */

struct payload {
    ZSTD_DStream *zstd; /* NULL: not compressed */
    ZSTD_inBuffer in;
    struct buf    event;
};

static int parse_head(struct cursor *c, uint64_t *compression, struct err *e)
{
    for (;;) {
        uint64_t type = cursor_lenenc(c);
        if (c->failed)
            return err_set(e, E_PROTOCOL, "TransactionPayload event: the head is cut off");
        if (type == FIELD_END)
            return 0;
        struct cursor value = cursor_over(cursor_lenenc_slice(c));
        if (type == FIELD_COMPRESSION)
            *compression = cursor_lenenc(&value);
        if (value.failed)
            return err_set(e, E_PROTOCOL, "TransactionPayload event: the head is cut off");
    }
}

int payload_open(const struct event *ev, struct payload **out, struct err *e)
{
    struct cursor c = cursor_over(ev->body);
    uint64_t      compression = COMPRESSION_ZSTD;

    TRY(parse_head(&c, &compression, e));
    if (compression != COMPRESSION_ZSTD && compression != COMPRESSION_NONE)
        return err_set(e, E_PROTOCOL, "TransactionPayload event: unknown compression %llu",
                       (unsigned long long)compression);
    struct payload *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_set(e, E_NOMEM, "no memory to unpack a transaction");
    buf_init(&p->event, PAYLOAD_EVENT_MAX);
    p->in = (ZSTD_inBuffer){ .src = c.at, .size = c.left };
    if (compression == COMPRESSION_ZSTD) {
        p->zstd = ZSTD_createDStream();
        if (p->zstd == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(p->zstd, ZSTD_d_windowLogMax,
                                                                   PAYLOAD_WINDOW_LOG))) {
            payload_close(p);
            return err_set(e, E_NOMEM, "no memory to unpack a transaction");
        }
    }
    *out = p;
    return 0;
}

void payload_close(struct payload *p)
{
    if (p == NULL)
        return;
    (void)ZSTD_freeDStream(p->zstd);
    buf_done(&p->event);
    free(p);
}

static int take_plain(struct payload *p, uint8_t *to, size_t n, size_t *got)
{
    size_t left = p->in.size - p->in.pos;
    *got = n < left ? n : left;
    memcpy(to, (const uint8_t *)p->in.src + p->in.pos, *got);
    p->in.pos += *got;
    return 0;
}

/* Fewer than n bytes only at the end of the payload. */
static int take(struct payload *p, uint8_t *to, size_t n, size_t *got, struct err *e)
{
    if (p->zstd == NULL)
        return take_plain(p, to, n, got);
    ZSTD_outBuffer out = { .dst = to, .size = n };
    while (out.pos < out.size) {
        size_t filled = out.pos;
        size_t used = p->in.pos;
        size_t status = ZSTD_decompressStream(p->zstd, &out, &p->in);
        if (ZSTD_isError(status))
            return err_set(e, E_PROTOCOL, "TransactionPayload event: %s",
                           ZSTD_getErrorName(status));
        if (out.pos == filled && p->in.pos == used)
            break;
    }
    *got = out.pos;
    return 0;
}

int payload_next(struct payload *p, struct event *ev, bool *more, struct err *e)
{
    struct event head;
    size_t       got = 0;

    if (p->event.size > KEPT_BYTES)
        buf_done(&p->event);
    buf_clear(&p->event);
    uint8_t *to = buf_extend(&p->event, EVENT_HEADER_BYTES);
    TRY(buf_check(&p->event, "an event of a compressed transaction", e));
    TRY(take(p, to, EVENT_HEADER_BYTES, &got, e));
    if (got == 0) {
        *more = false;
        return 0;
    }
    if (got < EVENT_HEADER_BYTES)
        return err_set(e, E_PROTOCOL, "TransactionPayload event: it ends inside an event");
    TRY(event_parse_head(buf_slice(&p->event), false, &head, e));
    size_t rest = head.length - EVENT_HEADER_BYTES;
    to = buf_extend(&p->event, rest);
    TRY(buf_check(&p->event, "an event of a compressed transaction", e));
    if (rest > 0)
        TRY(take(p, to, rest, &got, e));
    else
        got = 0;
    if (got < rest)
        return err_set(e, E_PROTOCOL, "TransactionPayload event: it ends inside an event");
    TRY(event_parse(buf_slice(&p->event), false, ev, e));
    *more = true;
    return 0;
}
