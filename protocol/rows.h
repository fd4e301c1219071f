/*
 * WRITE, UPDATE and DELETE_ROWS events: the row images in them, column by column.
 *
 * Knows v1 (MySQL 5.1 to 5.5 and MariaDB), v2 (MySQL 5.6 and later, with its extra data), updates
 * of parts of JSON documents (MySQL 8.0.3, binlog_row_value_options) and MariaDB's compressed v1
 * events. A `struct rows` is a view on the event, or on the caller's buffer for a compressed one.
 * One thread at a time. The bytes of values are borrowed from the same place. Bounds: an inflated
 * event may have INFLATED_MAX bytes (E_LIMIT). Source: MySQL libbinlogevents rows_event.h
 * (Rows_event); MariaDB sql/log_event.cc (row_log_event_uncompress, binlog_buf_uncompress).
 */
#pragma once
#include "protocol/inflate.h"
#include "protocol/event.h"
#include "protocol/format.h"
#include "protocol/table_map.h"
#include "protocol/value.h"

enum rows_kind { ROWS_WRITE, ROWS_UPDATE, ROWS_DELETE };

struct rows {
    enum rows_kind kind;
    uint64_t       table_id;
    bool           ends_statement;
    bool           is_partial; /* PARTIAL_UPDATE_ROWS: JSON columns may be told as what changed */
    uint32_t       column_count;
    struct slice present_before; /* bitmap of the columns in the image; for WRITE of the only one */
    struct slice present_after;  /* of UPDATE's second image */
    struct cursor images;
};

bool rows_is_event(uint8_t type);     /* not PARTIAL_UPDATE_ROWS, which rows_parse() takes, too */
bool rows_is_any_event(uint8_t type); /* with it */
bool rows_is_compressed(uint8_t type);

/* `inflated` takes the rows of a compressed event and must stay as it is while *out is used. */
MUST_CHECK int rows_parse(const struct format *f, const struct event *ev, struct buf *inflated,
                          struct rows *out, struct err *e);

static inline bool rows_more(const struct rows *r)
{
    return r->images.left > 0;
}

/* The NULL bits in front of the next image: a bit for each column that is in it, at least one.
   What follows is for value_decode(), column by column; not for partial updates. E_PROTOCOL. */
MUST_CHECK int rows_begin_image(struct rows *r, const struct table_map *m, bool after,
                                struct slice *nulls, struct err *e);
/*
 * Decodes the next image into values[m->column_count]: VALUE_ABSENT for columns that are not in it.
 * An UPDATE has two images a row: first the one of before (`after` false), then that of after.
 * E_PROTOCOL when the rows don't fit the table map. Signedness is `m`'s.
 */
MUST_CHECK int rows_next_image(struct rows *r, const struct table_map *m, bool after,
                               struct value *values, struct err *e);
