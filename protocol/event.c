#include "protocol/event.h"
#include <inttypes.h>
#include "protocol/checksum.h"

const uint8_t binlog_magic[BINLOG_MAGIC_BYTES] = { 0xfe, 'b', 'i', 'n' };

/* Offsets inside the common header that are written after the fact. */
enum { AT_LENGTH = 9, AT_FLAGS = 17 };

/* The name, and the fewest bytes that any version's body of this type has. */
/* clang-format off */
static const struct type_facts {
    const char *name;
    uint32_t    least_body_bytes;
} types[256] = {
    [EVENT_QUERY]                             = { "Query",                   13 },
    [EVENT_STOP]                              = { "Stop",                     0 },
    [EVENT_ROTATE]                            = { "Rotate",                   9 },
    [EVENT_INTVAR]                            = { "Intvar",                   9 },
    [EVENT_APPEND_BLOCK]                      = { "Append_block",             4 },
    [EVENT_DELETE_FILE]                       = { "Delete_file",              4 },
    [EVENT_RAND]                              = { "Rand",                    16 },
    [EVENT_USER_VAR]                          = { "User_var",                 5 },
    [EVENT_FORMAT_DESCRIPTION]                = { "Format_desc",             57 },
    [EVENT_XID]                               = { "Xid",                      8 },
    [EVENT_BEGIN_LOAD_QUERY]                  = { "Begin_load_query",         4 },
    [EVENT_EXECUTE_LOAD_QUERY]                = { "Execute_load_query",      26 },
    [EVENT_TABLE_MAP]                         = { "Table_map",                8 },
    [EVENT_WRITE_ROWS_V1]                     = { "Write_rows_v1",            8 },
    [EVENT_UPDATE_ROWS_V1]                    = { "Update_rows_v1",           8 },
    [EVENT_DELETE_ROWS_V1]                    = { "Delete_rows_v1",           8 },
    [EVENT_INCIDENT]                          = { "Incident",                 2 },
    [EVENT_HEARTBEAT]                         = { "Heartbeat",                0 },
    [EVENT_IGNORABLE]                         = { "Ignorable",                0 },
    [EVENT_ROWS_QUERY]                        = { "Rows_query",               0 },
    [EVENT_WRITE_ROWS]                        = { "Write_rows",              10 },
    [EVENT_UPDATE_ROWS]                       = { "Update_rows",             10 },
    [EVENT_DELETE_ROWS]                       = { "Delete_rows",             10 },
    [EVENT_GTID]                              = { "Gtid",                    25 },
    [EVENT_ANONYMOUS_GTID]                    = { "Anonymous_gtid",          25 },
    [EVENT_PREVIOUS_GTIDS]                    = { "Previous_gtids",           8 },
    [EVENT_XA_PREPARE]                        = { "XA_prepare",              13 },
    [EVENT_PARTIAL_UPDATE_ROWS]               = { "Partial_update_rows",     10 },
    [EVENT_TRANSACTION_PAYLOAD]               = { "Transaction_payload",      0 },
    [EVENT_HEARTBEAT_V2]                      = { "Heartbeat_v2",             0 },
    [EVENT_GTID_TAGGED]                       = { "Gtid_tagged",              3 },
    [EVENT_MARIADB_ANNOTATE_ROWS]             = { "Annotate_rows",            0 },
    [EVENT_MARIADB_BINLOG_CHECKPOINT]         = { "Binlog_checkpoint",        4 },
    [EVENT_MARIADB_GTID]                      = { "MariaDB_gtid",            19 },
    [EVENT_MARIADB_GTID_LIST]                 = { "Gtid_list",                4 },
    [EVENT_MARIADB_START_ENCRYPTION]          = { "Start_encryption",        17 },
    [EVENT_MARIADB_QUERY_COMPRESSED]          = { "Query_compressed",        13 },
    [EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1]  = { "Write_rows_compressed",    8 },
    [EVENT_MARIADB_UPDATE_ROWS_COMPRESSED_V1] = { "Update_rows_compressed",   8 },
    [EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1] = { "Delete_rows_compressed",   8 },
};
/* clang-format on */

const char *event_name(uint8_t type)
{
    return types[type].name != NULL ? types[type].name : "unknown";
}

int event_parse_head(struct slice have, bool has_crc, struct event *out, struct err *e)
{
    struct cursor c = cursor_over(have);
    struct cursor head = cursor_over(cursor_slice(&c, EVENT_HEADER_BYTES));
    uint32_t      crc_bytes = has_crc ? EVENT_CRC_BYTES : 0;

    if (c.failed)
        return err_set(e, E_PROTOCOL, "event header of %zu bytes, it takes %d", have.len,
                       EVENT_HEADER_BYTES);
    /* Read into locals, so that nothing is written before all is known to be good. */
    uint32_t timestamp_s = cursor_u32(&head);
    uint8_t  type = cursor_u8(&head);
    uint32_t server_id = cursor_u32(&head);
    uint32_t length = cursor_u32(&head);
    uint32_t source_end = cursor_u32(&head);
    uint16_t flags = cursor_u16(&head);

    if (length < EVENT_HEADER_BYTES + crc_bytes)
        return err_set(e, E_PROTOCOL, "%s event (type %u): header says %" PRIu32 " bytes in all",
                       event_name(type), type, length);
    size_t body_bytes = length - EVENT_HEADER_BYTES - crc_bytes;
    out->timestamp_s = timestamp_s;
    out->type = type;
    out->server_id = server_id;
    out->length = length;
    out->source_end = source_end;
    out->flags = flags;
    out->whole = (struct slice){ have.ptr, have.len < length ? have.len : length };
    out->body = (struct slice){ c.at, c.left < body_bytes ? c.left : body_bytes };
    return 0;
}

int event_complete(struct event *head, struct slice whole, bool has_crc, struct err *e)
{
    uint32_t crc_bytes = has_crc ? EVENT_CRC_BYTES : 0;

    if (head->length != whole.len)
        return err_set(e, E_PROTOCOL, "%s event (type %u): header says %" PRIu32 " bytes, got %zu",
                       event_name(head->type), head->type, head->length, whole.len);
    assert(head->length >= EVENT_HEADER_BYTES + crc_bytes); /* the head was parsed the same way */
    size_t body_bytes = head->length - EVENT_HEADER_BYTES - crc_bytes;
    if (body_bytes < types[head->type].least_body_bytes)
        return err_set(e, E_PROTOCOL, "%s event: body of %zu bytes, it takes %" PRIu32,
                       event_name(head->type), body_bytes, types[head->type].least_body_bytes);
    head->whole = whole;
    head->body = (struct slice){ whole.ptr + EVENT_HEADER_BYTES, body_bytes };
    return 0;
}

int event_parse(struct slice whole, bool has_crc, struct event *out, struct err *e)
{
    struct event ev;

    TRY(event_parse_head(whole, has_crc, &ev, e));
    TRY(event_complete(&ev, whole, has_crc, e));
    *out = ev;
    return 0;
}

/* A server sets IN_USE in a format description after it computed the checksum and clears it again
   when it closes the file, so the checksum is always that of the cleared form. */
static uint32_t crc_of(struct slice bytes)
{
    uint8_t       head[EVENT_HEADER_BYTES];
    struct cursor c = cursor_over(bytes);

    if (bytes.len < EVENT_HEADER_BYTES)
        return checksum_crc32(0, bytes);
    memcpy(head, cursor_take(&c, sizeof head), sizeof head);
    if (head[4] != EVENT_FORMAT_DESCRIPTION || (head[AT_FLAGS] & EVENT_FLAG_IN_USE) == 0)
        return checksum_crc32(0, bytes);
    head[AT_FLAGS] = (uint8_t)(head[AT_FLAGS] & ~EVENT_FLAG_IN_USE);
    return checksum_crc32(checksum_crc32(0, (struct slice){ head, sizeof head }), cursor_rest(&c));
}

int event_verify(struct slice whole, struct err *e)
{
    struct cursor c = cursor_over(whole);

    if (whole.len < EVENT_HEADER_BYTES + EVENT_CRC_BYTES)
        return err_set(e, E_CORRUPT, "event of %zu bytes has no room for a checksum", whole.len);
    struct slice bytes = cursor_slice(&c, whole.len - EVENT_CRC_BYTES);
    uint32_t     said = cursor_u32(&c);
    uint32_t     is = crc_of(bytes);
    if (said != is)
        return err_set(e, E_CORRUPT,
                       "%s event of %zu bytes: checksum %08" PRIx32 ", computed %08" PRIx32,
                       event_name(bytes.ptr[4]), whole.len, said, is);
    return 0;
}

bool event_is_artificial(const struct event *ev)
{
    return (ev->flags & EVENT_FLAG_ARTIFICIAL) != 0 ||
           (ev->type == EVENT_ROTATE && ev->timestamp_s == 0);
}

/* Control characters would end up in logs and listings, and a checksum that was read as part of a
   name nearly always has one. */
static bool is_bare_file_name(struct slice name)
{
    if (name.len == 0 || name.len > EVENT_FILE_NAME_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '/' || name.ptr[i] < 0x20 || name.ptr[i] == 0x7f)
            return false;
    return !slice_equal(name, slice_of_text(".")) && !slice_equal(name, slice_of_text(".."));
}

int event_parse_rotate(const struct event *ev, struct event_rotate *out, struct err *e)
{
    struct cursor c = cursor_over(ev->body);
    uint64_t      position = cursor_u64(&c);
    struct slice  name = cursor_rest(&c);

    if (ev->type != EVENT_ROTATE || c.failed)
        return err_set(e, E_PROTOCOL, "%s event of %zu bytes where a Rotate was expected",
                       event_name(ev->type), ev->whole.len);
    if (!is_bare_file_name(name))
        return err_set(e, E_PROTOCOL, "Rotate event: its %zu bytes of name are no bare file name",
                       name.len);
    out->position = position;
    memcpy(out->file, name.ptr, name.len);
    out->file[name.len] = 0;
    return 0;
}

int event_parse_query(const struct event *ev, struct event_query *out, struct err *e)
{
    struct cursor      c = cursor_over(ev->body);
    struct event_query q;

    if (ev->type != EVENT_QUERY && ev->type != EVENT_MARIADB_QUERY_COMPRESSED)
        return err_set(e, E_PROTOCOL, "%s event where a Query was expected", event_name(ev->type));
    q.thread_id = cursor_u32(&c);
    cursor_skip(&c, 4); /* seconds that it ran */
    size_t database_bytes = cursor_u8(&c);
    q.error = cursor_u16(&c);
    size_t status_bytes = cursor_u16(&c);
    q.status_vars = cursor_slice(&c, status_bytes);
    q.database = cursor_slice(&c, database_bytes);
    cursor_skip(&c, 1); /* zero byte behind the database */
    struct slice rest = cursor_rest(&c);
    q.text = ev->type == EVENT_QUERY ? rest : slice_empty();
    q.packed = ev->type == EVENT_QUERY ? slice_empty() : rest;
    if (c.failed)
        return err_set(e, E_PROTOCOL, "%s event: its fields do not fit in a body of %zu bytes",
                       event_name(ev->type), ev->body.len);
    *out = q;
    return 0;
}

/* ---- what a relay writes itself ---- */

struct made {
    uint8_t  type;
    uint16_t flags;
    uint32_t server_id;
    uint32_t source_end;
};

/* Timestamp 0: nothing that is made for a connection has a time. Gives where the event starts. */
static size_t begin(struct buf *out, struct made m)
{
    size_t start = out->len;
    buf_put_le(out, 0, 4);
    buf_put_u8(out, m.type);
    buf_put_le(out, m.server_id, 4);
    buf_put_le(out, 0, 4); /* length, see finish() */
    buf_put_le(out, m.source_end, 4);
    buf_put_le(out, m.flags, 2);
    return start;
}

static void finish(struct buf *out, size_t start, bool with_crc)
{
    uint8_t *crc = with_crc ? buf_extend(out, EVENT_CRC_BYTES) : NULL;
    if (out->failed != BUF_FINE)
        return;
    uint32_t length = htole32((uint32_t)(out->len - start));
    memcpy(out->ptr + start + AT_LENGTH, &length, sizeof length);
    if (crc == NULL)
        return;
    struct slice bytes = { out->ptr + start, out->len - start - EVENT_CRC_BYTES };
    uint32_t     is = htole32(checksum_crc32(0, bytes));
    memcpy(crc, &is, sizeof is);
}

void event_put_rotate(struct buf *out, uint32_t server_id, const char *file, uint64_t position,
                      bool with_crc)
{
    size_t start = begin(out, (struct made){ .type = EVENT_ROTATE,
                                             .flags = EVENT_FLAG_ARTIFICIAL,
                                             .server_id = server_id });
    buf_put_le(out, position, 8);
    buf_put_text(out, file);
    finish(out, start, with_crc);
}

void event_put_heartbeat(struct buf *out, uint32_t server_id, const char *file, uint64_t position,
                         bool with_crc)
{
    size_t start = begin(out, (struct made){ .type = EVENT_HEARTBEAT,
                                             .server_id = server_id,
                                             .source_end = (uint32_t)position });
    buf_put_text(out, file);
    finish(out, start, with_crc);
}

static uint64_t lenenc_bytes(uint64_t value)
{
    return value < 251 ? 1 : value <= 0xffff ? 3 : value <= 0xffffff ? 4 : 9;
}

void event_put_heartbeat_v2(struct buf *out, uint32_t server_id, const char *file,
                            uint64_t position, bool with_crc)
{
    enum { FIELD_END, FIELD_FILE, FIELD_POSITION };
    size_t start = begin(out, (struct made){ .type = EVENT_HEARTBEAT_V2,
                                             .server_id = server_id,
                                             .source_end = (uint32_t)position });

    buf_put_u8(out, FIELD_FILE);
    buf_put_lenenc_slice(out, slice_of_text(file));
    buf_put_u8(out, FIELD_POSITION);
    buf_put_lenenc(out, lenenc_bytes(position));
    buf_put_lenenc(out, position);
    buf_put_u8(out, FIELD_END);
    finish(out, start, with_crc);
}

void event_put_heartbeat_mariadb(struct buf *out, uint32_t server_id, const char *file,
                                 uint64_t position, bool with_crc)
{
    bool   is_long = position > UINT32_MAX;
    size_t start = begin(out, (struct made){ .type = EVENT_HEARTBEAT,
                                             .server_id = server_id,
                                             .source_end = is_long ? 0 : (uint32_t)position });
    if (is_long)
        buf_put_le(out, position, 8);
    buf_put_text(out, file);
    finish(out, start, with_crc);
}

void event_put_gtid_list(struct buf *out, uint32_t server_id, uint32_t log_pos, struct slice body,
                         bool with_crc)
{
    size_t start = begin(out, (struct made){ .type = EVENT_MARIADB_GTID_LIST,
                                             .flags = EVENT_FLAG_ARTIFICIAL,
                                             .server_id = server_id,
                                             .source_end = log_pos });
    buf_put(out, body);
    finish(out, start, with_crc);
}
