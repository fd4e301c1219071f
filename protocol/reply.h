/*
 * What a server answers: OK, ERR, EOF, result sets in the text protocol; framed packets appended to
 * a buffer. Belongs to one session. Failure is the buffer's. Source: MySQL protocol documentation,
 * "Text Resultset", "OK_Packet".
 */
#pragma once
#include "protocol/packet.h"

enum { STATUS_AUTOCOMMIT = 0x0002 };

struct reply {
    struct buf *out;
    uint8_t    *sequence;     /* of the next packet; the command set it to 1 */
    uint32_t    capabilities; /* in force: EOF packets or not (CAP_DEPRECATE_EOF), session state */
    uint16_t    status;       /* STATUS_AUTOCOMMIT as a rule */
    uint16_t    warnings;
};

void reply_ok(struct reply *r);
/* With a text for the client, of at most 250 bytes. */
void reply_ok_text(struct reply *r, const char *text);
/* Texts are cut at REPLY_ERROR_BYTES, as clients keep no more. */
enum { REPLY_ERROR_BYTES = 511 };
void reply_error(struct reply *r, uint16_t number, const char state[5], const char *fmt, ...)
    PRINTF_ARGS(4, 5);
/* The old 5-byte form, whatever the capabilities: so servers end a non-blocking dump. */
void reply_eof(struct reply *r);

enum reply_type {
    REPLY_FLOAT = 4,
    REPLY_LONG = 3,
    REPLY_DOUBLE = 5,
    REPLY_NULL = 6,
    REPLY_TIMESTAMP = 7,
    REPLY_LONGLONG = 8,
    REPLY_DATE = 10,
    REPLY_TIME = 11,
    REPLY_DATETIME = 12, /* as text: 2026-11-21 11:30:00 */
    REPLY_DECIMAL = 246,
    REPLY_MEDIUM_TEXT = 250,
    REPLY_BLOB_TEXT = 251,
    REPLY_VAR_STRING = 253,
};
/* Source: MySQL protocol documentation, "Column Definition Flags". */
enum reply_flag {
    REPLY_NOT_NULL = 0x0001,
    REPLY_UNSIGNED = 0x0020,
    REPLY_BINARY = 0x0080,
    REPLY_NO_DEFAULT = 0x1000,
};
enum { REPLY_CHARSET_BINARY = 63 };
struct reply_column {
    const char     *name;
    enum reply_type type;
    uint32_t        length;   /* in bytes of the charset */
    uint16_t        charset;  /* a collation's number */
    uint16_t        flags;    /* of enum reply_flag */
    uint8_t         decimals; /* behind the point; 31 and more: none of its own */
    /* Where it comes from; NULL is "". */
    const char *schema, *table, *column;
};
void reply_columns(struct reply *r, const struct reply_column *columns, size_t count);
/* One value after the other, `count` in all, between reply_row() and reply_row_end(). */
struct packet reply_row(struct reply *r);
void          reply_null(struct packet *row);
void          reply_text(struct packet *row, struct slice text);
void          reply_number(struct packet *row, uint64_t value);
void          reply_row_end(struct reply *r, struct packet *row);
void          reply_rows_end(struct reply *r);
