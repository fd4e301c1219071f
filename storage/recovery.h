/*
 * What the last relay file holds, found from its last good checkpoint on: at opening a store after
 * whatever ended the last one, and at opening a writer.
 */
#pragma once
#include "storage/indexer.h"
#include "storage/store_core.h"

/* Zeros that were never written. */
struct tail_hole {
    uint64_t from, to;
};

struct tail {
    uint64_t      end; /* behind the last complete transaction; a ROTATE does not count */
    bool          has_format;
    struct format format;
    uint32_t      created_s;     /* time of the format description */
    struct gtids  gtids;         /* of all up to `end`, of the files before too */
    struct buf    inherited;     /* of the files before alone, as text */
    bool          has_index;     /* the sidecar's first `index_end` bytes are good and go on */
    uint64_t      index_end;     /* behind the last checkpoint (or the head) */
    uint64_t      checkpoint_at; /* that checkpoint's place in the file (or the start) */
    uint64_t      overlap_at; /* where an event begins that is whole before `end`, if there is one:
                                 what lies between can be compared with the source's */
    uint64_t       covered;   /* in a file without checksums: up to here it is what was written */
    struct indexer ix;        /* behind `end` */
    bool           stopped;   /* STOP is the last event */
    /* sparse ones behind the last checkpoint, in order */
    struct tail_hole *holes;
    size_t            hole_count, hole_size;
};

/* Looks at the first `limit` bytes at most. Changes nothing. Free *out with tail_done(). */
MUST_CHECK int tail_read(struct store *s, const struct store_file *f, uint64_t limit,
                         struct tail *out, struct err *e);
void           tail_done(struct tail *t); /* accepts a zeroed one */

/* The CRC-32 of a stretch of a file. E_CORRUPT when the file is shorter. */
MUST_CHECK int tail_span_crc(struct disk *d, struct disk_file *f, uint64_t from, uint64_t to,
                             uint32_t *out, struct err *e);
