#include "relay/forward/response.h"
#include "protocol/handshake.h"

enum {
    HEAD_OK = 0x00,
    HEAD_LOCAL_FILE = 0xfb,
    HEAD_EOF = 0xfe,
    HEAD_ERROR = 0xff,
    EOF_BYTES_MAX = 8, /* of an EOF packet; what begins alike and is longer is a row */
};

enum state { FIRST, PREPARED, COLUMNS, COLUMNS_END, ROWS, ONE, OVER };

void response_begin(struct response *r, enum response_kind kind, uint32_t capabilities,
                    uint16_t status_before, uint16_t add_status)
{
    static const enum state begin[] = {
        [RESPONSE_NONE] = OVER, [RESPONSE_ONE] = ONE,          [RESPONSE_RESULTS] = FIRST,
        [RESPONSE_ROWS] = ROWS, [RESPONSE_PREPARE] = PREPARED,
    };
    *r = (struct response){
        .capabilities = capabilities,
        .add_status = add_status,
        .state = (int)begin[kind],
        .status = status_before,
        .prepared = kind == RESPONSE_PREPARE,
        .over = kind == RESPONSE_NONE,
    };
}

static bool without_eof(const struct response *r)
{
    return (r->capabilities & CAP_DEPRECATE_EOF) != 0;
}

static void finish(struct response *r)
{
    r->state = OVER;
    r->over = true;
}

/* ---- short packets ----------------------------------------------------------------------------
 */

/* Is it a packet that has to be understood, and so has to be there as a whole? */
static bool is_short(const struct response *r, uint32_t bytes, uint8_t head)
{
    switch ((enum state)r->state) {
    case FIRST:
    case PREPARED:
    case COLUMNS_END:
    case ONE:
        return true;
    case ROWS:
        if (head == HEAD_EOF)
            return without_eof(r) ? bytes < PACKET_PAYLOAD_MAX : bytes <= EOF_BYTES_MAX;
        return head == HEAD_ERROR;
    case COLUMNS:
    case OVER:
        break;
    }
    return false;
}

static int senseless(struct err *e, const char *what)
{
    return err_set(e, E_PROTOCOL, "the source's answer makes no sense: %s", what);
}

/* Where in the payload the status flags are; 0: nowhere. */
static size_t status_at(const struct response *r, struct slice payload)
{
    struct cursor c = cursor_over(payload);
    uint8_t       head = cursor_u8(&c);

    if (head == HEAD_EOF && (!without_eof(r) || payload.len <= 5)) {
        cursor_skip(&c, 2); /* warnings */
    } else {
        (void)cursor_lenenc(&c); /* affected rows, last insert id */
        (void)cursor_lenenc(&c);
    }
    return c.failed || c.left < 2 ? 0 : payload.len - c.left;
}

/* OK or EOF: takes the flags, and gives the client those that it shall see. */
static int take_status(struct response *r, uint8_t *bytes, size_t len, struct err *e)
{
    size_t at = status_at(r, (struct slice){ bytes, len });

    if (at == 0)
        return senseless(e, "an OK packet without status");
    r->status = (uint16_t)(bytes[at] | bytes[at + 1] << 8);
    r->answered = true;
    uint16_t shown = (uint16_t)((r->status & ~r->hide_status) | r->add_status);
    bytes[at] = (uint8_t)shown;
    bytes[at + 1] = (uint8_t)(shown >> 8);
    return 0;
}

static void end_result(struct response *r)
{
    if ((r->status & STATUS_MORE_RESULTS) != 0)
        r->state = FIRST;
    else
        finish(r);
}

/* What follows the definitions that were counted. */
static void after_columns(struct response *r)
{
    if (r->columns_left > 0)
        return;
    if (!without_eof(r)) {
        r->state = COLUMNS_END;
    } else if (r->columns_next > 0) {
        r->columns_left = r->columns_next;
        r->columns_next = 0;
    } else {
        r->state = ROWS;
    }
}

static int take_prepared(struct response *r, struct slice payload, struct err *e)
{
    struct cursor c = cursor_over(payload);

    cursor_skip(&c, 1 + 4); /* OK, the statement's id */
    uint16_t columns = cursor_u16(&c);
    uint16_t parameters = cursor_u16(&c);
    if (c.failed)
        return senseless(e, "a prepared statement's head is cut");
    r->columns_left = parameters > 0 ? parameters : columns;
    r->columns_next = parameters > 0 ? columns : 0;
    if (r->columns_left == 0)
        finish(r);
    else
        r->state = COLUMNS;
    return 0;
}

static int take_count(struct response *r, struct slice payload, struct err *e)
{
    struct cursor c = cursor_over(payload);

    r->columns_left = cursor_lenenc(&c);
    r->columns_next = 0;
    if (c.failed || r->columns_left == 0 || r->columns_left > UINT16_MAX)
        return senseless(e, "an impossible number of columns");
    r->state = COLUMNS;
    return 0;
}

static int take_first(struct response *r, uint8_t *bytes, size_t len, struct err *e)
{
    if (bytes[0] == HEAD_LOCAL_FILE)
        return senseless(e, "it asks for a file of the client's");
    if (bytes[0] != HEAD_OK)
        return take_count(r, (struct slice){ bytes, len }, e);
    TRY(take_status(r, bytes, len, e));
    end_result(r);
    return 0;
}

/* A cursor's rows are fetched by commands of their own. */
static int take_columns_end(struct response *r, uint8_t *bytes, size_t len, struct err *e)
{
    if (bytes[0] != HEAD_EOF)
        return senseless(e, "an EOF packet is missing");
    TRY(take_status(r, bytes, len, e));
    if (r->columns_next > 0) {
        r->columns_left = r->columns_next;
        r->columns_next = 0;
        r->state = COLUMNS;
    } else if (r->prepared) {
        finish(r);
    } else if ((r->status & STATUS_CURSOR) != 0) {
        end_result(r);
    } else {
        r->state = ROWS;
    }
    return 0;
}

static int take_short(struct response *r, uint8_t *bytes, size_t len, struct err *e)
{
    if (bytes[0] == HEAD_ERROR) {
        r->failed = true;
        r->error = 0;
        if (len >= 3)
            r->error = (uint16_t)(bytes[1] | bytes[2] << 8);
        finish(r);
        return 0;
    }
    switch ((enum state)r->state) {
    case FIRST:
        return take_first(r, bytes, len, e);
    case PREPARED:
        return take_prepared(r, (struct slice){ bytes, len }, e);
    case COLUMNS_END:
        return take_columns_end(r, bytes, len, e);
    case ROWS:
        TRY(take_status(r, bytes, len, e));
        end_result(r);
        return 0;
    case ONE:
        if (bytes[0] == HEAD_OK || bytes[0] == HEAD_EOF)
            TRY(take_status(r, bytes, len, e));
        finish(r);
        return 0;
    case COLUMNS:
    case OVER:
        break;
    }
    return senseless(e, "a packet that nobody asked for");
}

/* ---- packets ----------------------------------------------------------------------------------
 */

static void put_header(struct buf *out, uint32_t bytes, uint8_t *sequence)
{
    uint8_t header[PACKET_HEADER_BYTES];
    packet_header(header, bytes, (*sequence)++);
    buf_put(out, (struct slice){ header, sizeof header });
}

static void advance(struct slice *in, size_t bytes)
{
    in->ptr += bytes;
    in->len -= bytes;
}

/* A payload that passes has ended. */
static void passed(struct response *r)
{
    if (r->continues || r->state != COLUMNS)
        return;
    r->columns_left--;
    if (r->columns_left == 0 && r->prepared && without_eof(r) && r->columns_next == 0)
        finish(r);
    else
        after_columns(r);
}

static void pass_piece(struct response *r, struct slice *in, struct buf *out)
{
    size_t n = in->len < r->packet_left ? in->len : r->packet_left;
    buf_put(out, (struct slice){ in->ptr, n });
    advance(in, n);
    r->packet_left -= (uint32_t)n;
    if (r->packet_left == 0)
        passed(r);
}

/* One packet's begin, or a short one as a whole; *more is false when too little of it is there. */
static int pass_packet(struct response *r, struct slice *in, struct buf *out, uint8_t *sequence,
                       bool *more, struct err *e)
{
    *more = false;
    if (in->len < PACKET_HEADER_BYTES)
        return 0;
    uint32_t bytes = packet_payload_bytes(in->ptr);
    if (in->len == PACKET_HEADER_BYTES && bytes > 0)
        return 0;
    if (bytes == 0 && !r->continues)
        return senseless(e, "an empty packet");
    if (!r->continues && is_short(r, bytes, in->ptr[PACKET_HEADER_BYTES])) {
        if (bytes > RESPONSE_SHORT_BYTES)
            return senseless(e, "a status packet of that size");
        if (in->len < PACKET_HEADER_BYTES + bytes)
            return 0;
        size_t at = out->len + PACKET_HEADER_BYTES;
        put_header(out, bytes, sequence);
        buf_put(out, (struct slice){ in->ptr + PACKET_HEADER_BYTES, bytes });
        TRY(buf_check(out, "an answer", e));
        advance(in, PACKET_HEADER_BYTES + bytes);
        *more = true;
        return take_short(r, out->ptr + at, bytes, e);
    }
    put_header(out, bytes, sequence);
    advance(in, PACKET_HEADER_BYTES);
    r->packet_left = bytes;
    r->continues = bytes == PACKET_PAYLOAD_MAX;
    if (bytes == 0)
        passed(r);
    *more = true;
    return 0;
}

int response_pass(struct response *r, struct slice *in, struct buf *out, size_t most,
                  uint8_t *sequence, struct err *e)
{
    bool more = true;

    while (more && !r->over && out->len < most) {
        if (r->packet_left > 0) {
            pass_piece(r, in, out);
            more = r->packet_left == 0;
        } else {
            TRY(pass_packet(r, in, out, sequence, &more, e));
        }
    }
    return buf_check(out, "an answer", e);
}
