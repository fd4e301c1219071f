/*
 * One consumer's place in the store, moving forward.
 *
 * Reads large blocks and hands out events in pieces that lie in the block: an event smaller than
 * the block always comes whole. Never reads past the published end. A reader at the end answers
 * READER_AT_END and is asked again after a wake (store_watch): it keeps no thread waiting. Owned by
 * one session or publisher; one thread at a time; memory is the block alone, and at the end
 * nothing.
 */
#pragma once
#include "storage/store.h"

enum { READER_BLOCK_BYTES = 256 * 1024 };

enum reader_step {
    READER_PIECE,     /* *piece is filled */
    READER_AT_END,    /* all that is published was read */
    READER_FILE_DONE, /* the file is sealed and was read to its end; reader_next_file() goes on */
};

struct reader_piece {
    struct event event; /* parsed head; for whole events whole and body are complete. Valid until
                           the next call. */
    struct slice bytes; /* this piece of the event */
    uint32_t     at;    /* of bytes in the event: 0 for the first piece */
    bool         last;  /* the event ends with this piece */
    bool         leapt; /* a sparse hole: `bytes` are its header, and the rest was not read */
    store_pos    pos;   /* where the event begins */
    store_pos    end;   /* where it ends */
};

struct reader;

/* At an event's start: E_PURGED when the place is not held (any more), E_PROTOCOL when it is inside
   an event or past the end of its file, both saying so. `block_bytes` 0: READER_BLOCK_BYTES. */
MUST_CHECK int reader_open(struct store *s, store_pos from, uint32_t block_bytes,
                           struct reader **out, struct err *e);
void           reader_close(struct reader *r); /* accepts NULL */

/* Whether the next reader_next() finds a whole event, or piece of one, in the block, so that
   nothing which was handed out of it moves. */
bool reader_at_hand(const struct reader *r);
/* E_CORRUPT when the file does not hold together. */
MUST_CHECK int reader_next(struct reader *r, struct reader_piece *piece, enum reader_step *step,
                           struct err *e);
/* After READER_FILE_DONE: to the next file's first event. READER_AT_END when it is not there yet
 * (E_PURGED never). */
MUST_CHECK int reader_next_file(struct reader *r, enum reader_step *step, struct err *e);

/* From now on the bodies of sparse holes (see hole.h) are read as all others are. */
void reader_read_holes(struct reader *r);
/* At READER_AT_END: takes what is published up to `to`, where an event of the same file begins or
   the file ends so far, as read. For whoever got those events from another reader. */
void reader_skip(struct reader *r, store_pos to);

/* From the next event on the block has at most so many bytes (at least 16 KiB), so that many
 * readers together are bounded. */
void reader_limit(struct reader *r, size_t bytes);

store_pos                reader_pos(const struct reader *r);    /* of the next event */
const struct format     *reader_format(const struct reader *r); /* of the current file */
const struct store_file *reader_file(const struct reader *r);

/* Gathers one whole event of any size up to the buffer's bound; READER_PIECE means *ev is whole (in
   the block, or in `hold` when it came in pieces). */
MUST_CHECK int reader_next_event(struct reader *r, struct buf *hold, struct event *ev,
                                 store_pos *pos, enum reader_step *step, struct err *e);
