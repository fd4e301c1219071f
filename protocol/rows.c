#include "protocol/rows.h"
#include "protocol/inflate.h"

enum { ROWS_FLAG_STATEMENT_END = 1 };

/* clang-format off */
static const struct rows_type {
    uint8_t kind;
    bool    known, has_extra, is_compressed, is_partial;
} rows_types[256] = {
    [EVENT_WRITE_ROWS_V1]  = { ROWS_WRITE, true, false, false, false },
    [EVENT_UPDATE_ROWS_V1] = { ROWS_UPDATE, true, false, false, false },
    [EVENT_DELETE_ROWS_V1] = { ROWS_DELETE, true, false, false, false },
    [EVENT_WRITE_ROWS]     = { ROWS_WRITE, true, true, false, false },
    [EVENT_UPDATE_ROWS]    = { ROWS_UPDATE, true, true, false, false },
    [EVENT_DELETE_ROWS]    = { ROWS_DELETE, true, true, false, false },
    [EVENT_PARTIAL_UPDATE_ROWS]               = { ROWS_UPDATE, true, true, false, true },
    [EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1]  = { ROWS_WRITE, true, false, true, false },
    [EVENT_MARIADB_UPDATE_ROWS_COMPRESSED_V1] = { ROWS_UPDATE, true, false, true, false },
    [EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1] = { ROWS_DELETE, true, false, true, false },
};
/* clang-format on */

bool rows_is_event(uint8_t type)
{
    return rows_types[type].known && !rows_types[type].is_partial;
}

bool rows_is_any_event(uint8_t type)
{
    return rows_types[type].known;
}

bool rows_is_compressed(uint8_t type)
{
    return rows_types[type].is_compressed;
}

int rows_parse(const struct format *f, const struct event *ev, struct buf *inflated,
               struct rows *out, struct err *e)
{
    const struct rows_type *type = &rows_types[ev->type];
    struct cursor           c = cursor_over(ev->body);
    struct rows             r = { .kind = type->kind, .is_partial = type->is_partial };

    assert(type->known);
    r.table_id = cursor_le(&c, f->post_header[ev->type] == 6 ? 4 : 6);
    r.ends_statement = (cursor_u16(&c) & ROWS_FLAG_STATEMENT_END) != 0;
    if (type->has_extra) {
        uint16_t extra_bytes = cursor_u16(&c); /* counts itself */
        if (extra_bytes < 2)
            return err_set(e, E_PROTOCOL, "%s event: its extra data has %u bytes",
                           event_name(ev->type), extra_bytes);
        cursor_skip(&c, extra_bytes - 2u);
    }
    uint64_t columns = cursor_lenenc(&c);
    if (c.failed || columns > TABLE_MAP_COLUMNS_MAX)
        return err_set(e, E_PROTOCOL, "%s event: the head is cut off", event_name(ev->type));
    r.column_count = (uint32_t)columns;
    r.present_before = cursor_slice(&c, (r.column_count + 7) / 8);
    r.present_after =
        r.kind == ROWS_UPDATE ? cursor_slice(&c, (r.column_count + 7) / 8) : r.present_before;
    if (c.failed)
        return err_set(e, E_PROTOCOL, "%s event: the column bitmaps are cut off",
                       event_name(ev->type));
    r.images = c;
    if (type->is_compressed) {
        TRY(inflate_field(cursor_rest(&c), inflated, e));
        r.images = cursor_over(buf_slice(inflated));
    }
    *out = r;
    return 0;
}

static inline bool bit_at(const uint8_t *bits, uint32_t i)
{
    return (bits[i / 8] >> (i % 8) & 1) != 0;
}

static uint32_t bits_set(struct slice bits, uint32_t count)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        n += bit_at(bits.ptr, i);
    return n;
}

/* Which of the table's JSON columns (all of them, in the image or not) are told as what changed. */
static int take_partial_bits(struct rows *r, const struct table_map *m, struct slice *out,
                             struct err *e)
{
    enum { PARTIAL_JSON_UPDATES = 1 };
    uint32_t json_columns = 0;
    uint64_t options = cursor_lenenc(&r->images);

    for (uint32_t i = 0; i < m->column_count; i++)
        json_columns += m->columns[i].type == FIELD_JSON;
    struct slice bits = (options & PARTIAL_JSON_UPDATES) != 0
                            ? cursor_slice(&r->images, (json_columns + 7) / 8)
                            : slice_empty();
    if (r->images.failed)
        return err_set(e, E_PROTOCOL, "a row's options are cut off");
    *out = bits;
    return 0;
}

int rows_begin_image(struct rows *r, const struct table_map *m, bool after, struct slice *nulls,
                     struct err *e)
{
    if (r->column_count != m->column_count)
        return err_set(e, E_PROTOCOL, "rows of %u columns for a table of %u columns",
                       r->column_count, m->column_count);
    struct slice present = after ? r->present_after : r->present_before;
    uint32_t     stored = bits_set(present, r->column_count);
    *nulls = cursor_slice(&r->images, (stored + 7) / 8);
    if (r->images.failed)
        return err_set(e, E_PROTOCOL, "a row's NULL bits are cut off");
    if (stored == 0 && !after) {
        /* Nothing would be taken, and the caller would ask for ever. */
        r->images.left = 0;
        return err_set(e, E_PROTOCOL, "a row image without any column");
    }
    return 0;
}

int rows_next_image(struct rows *r, const struct table_map *m, bool after, struct value *values,
                    struct err *e)
{
    struct slice present = after ? r->present_after : r->present_before;
    struct slice partial = slice_empty(), nulls;
    if (r->is_partial && after && r->column_count == m->column_count)
        TRY(take_partial_bits(r, m, &partial, e));
    TRY(rows_begin_image(r, m, after, &nulls, e));
    uint32_t nth = 0, nth_json = 0;
    for (uint32_t i = 0; i < m->column_count; i++) {
        bool is_diff =
            partial.len > 0 && m->columns[i].type == FIELD_JSON && bit_at(partial.ptr, nth_json++);
        if (!bit_at(present.ptr, i)) {
            values[i].kind = VALUE_ABSENT;
        } else if (bit_at(nulls.ptr, nth++)) {
            values[i].kind = VALUE_NULL;
        } else if (value_decode(&m->columns[i], &r->images, &values[i], e) != 0) {
            return err_note(e, "column %u, a %s", i + 1, field_type_name(m->columns[i].type));
        } else if (is_diff) {
            values[i].kind = VALUE_JSON_DIFF;
        }
    }
    return 0;
}
