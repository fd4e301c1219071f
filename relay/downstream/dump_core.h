/* The inside of dump.h, for relay/downstream/dump.c and dump_begin.c alone. */
#pragma once
#include "protocol/base/buf.h"
#include "relay/downstream/dump.h"
#include "relay/downstream/frame.h"
#include "storage/hole.h"
#include "storage/reader.h"

enum { DUMP_PEEK_BYTES = 64 * 1024 }; /* of a file's head */

struct dump {
    struct store       *store;
    struct dump_request req; /* owns its sets; file points to `asked` */
    char                asked[512];
    struct reader      *reader; /* NULL until the first file's head can be read */

    store_pos file_start; /* of the file the stream begins in */
    store_pos first;      /* where events (GTID modes: missing ones) begin in it */
    bool      in_head;    /* the stream has not come to `first` yet */
    bool      zero_created;

    bool has_crc;  /* the events the consumer gets now end with a checksum */
    bool skipping; /* the consumer holds the current transaction */
    bool gap;      /* something was skipped since the last event sent */
    bool leapt;    /* ... and a hole, over which the consumer is to be led */

    struct gtid_state waiting; /* MariaDB: domains whose place was not reached yet */

    struct buf   made; /* whole events, to go out before `piece` */
    size_t       made_at;
    struct frame frame;
    bool         asks;       /* the event at hand asks for an acknowledgement */
    struct slice bytes;      /* what is left to frame of the event at hand: a made one or a piece */
    bool         from_piece; /* ... which of them */
    struct reader_piece piece;
    bool                piece_waits; /* behind what was made */
    bool                drop_piece;  /* rest of a skipped event that comes in pieces */

    struct stretches *stretches; /* the sender's; NULL: all is copied */

    bool    ends_soon;
    uint8_t last_type; /* of the last event that went out, or began to */

    store_pos pos;
    char      file[STORE_NAME_BYTES + 1];
};

/* A hole of ours, not one where START_ENCRYPTION was. */
static inline bool dump_is_left_out(const struct reader_piece *p)
{
    return p->at == 0 && hole_is_left_out(&p->event);
}

/* The three ways to say where: they set file_start, first, and what else follows from it. */
MUST_CHECK int dump_begin_at_position(struct dump *d, struct err *e);
MUST_CHECK int dump_begin_at_gtid_set(struct dump *d, struct err *e);
MUST_CHECK int dump_begin_at_gtid_state(struct dump *d, struct err *e);
