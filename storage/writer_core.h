/*
 * The writer's inside: writer.c appends and flushes, writer_files.c opens, begins and ends files.
 */
#pragma once
#include "protocol/txn.h"
#include "storage/indexer.h"
#include "storage/store_core.h"
#include "storage/writer.h"

/*
 *   0 ......... handed ......... written ......... at
 *     given to the   on the disk        in the buffer
 *     syncer
 *   boundary: behind the last complete transaction, anywhere from handed to at.
 */
enum { WRITER_BUFFER_BYTES = 256 * 1024, WRITER_MUCH_BYTES = 64 * 1024 };

struct writer {
    struct store     *store;
    struct disk      *disk;
    bool              has_file;
    bool              broken; /* a call failed */
    struct store_file file;
    char              next_name[STORE_NAME_BYTES + 1];
    uint64_t          overlap_at; /* when it was opened, see writer_resume */
    uint64_t          at;
    uint64_t          boundary;
    uint64_t          handed;
    uint64_t          written;
    uint8_t          *buffer; /* of what follows `written` */
    size_t            filled;
    bool              has_format;
    bool              rotated; /* ROTATE was the last event: the file can only be sealed now */
    bool              stopped; /* STOP was */
    bool              cut;     /* and not synced since: old bytes may yet come back in a hole */
    struct format     format;
    struct txn        txn;
    struct indexer    ix;
    uint64_t          index_end; /* size of the sidecar */
    unsigned          round;     /* of the syncer, as seen last, and `at` then */
    uint64_t          round_at;
    bool              much; /* came during the round before */
    uint32_t          created_s;
    uint32_t          last_s;
    uint64_t          compare_at;  /* where writer_compare() goes on */
    uint64_t          compare_end; /* ... and the held event there ends */
    bool              compare_hole;
    /* an event in pieces */
    struct event   pieces;
    enum txn_place pieces_place;
    uint64_t       pieces_left;
    uint32_t       pieces_crc;
    uint8_t        pieces_tail[EVENT_CRC_BYTES]; /* the event's last bytes, as far as they came */
    size_t         pieces_tail_len;
};

/* Marks the writer as broken when `result` is a failure, and hands it on. */
int            writer_settle(struct writer *w, int result);
MUST_CHECK int writer_check_usable(const struct writer *w, struct err *e);
/* Brings all that was appended to the disk and hands over what is complete. */
MUST_CHECK int writer_out(struct writer *w, struct err *e);
/* A ROTATE of our own, behind the last complete transaction. */
MUST_CHECK int writer_put_rotate(struct writer *w, struct err *e);
/* Writes what of the sidecar is due. */
MUST_CHECK int writer_index_out(struct writer *w, struct err *e);
/* Writes a SPAN to the sidecar. */
MUST_CHECK int writer_note_span(struct writer *w, uint64_t from, uint64_t to, uint32_t crc,
                                struct err *e);
