/*
 * The store's one writer: takes events in source order and puts them at the same offsets in a relay
 * file.
 *
 * Owned and used by the ingest thread alone. Nothing appended is visible to anyone before
 * writer_flush() and the syncer; only whole transactions become visible. Bytes go into a buffer and
 * to the disk in large writes; an event larger than the buffer passes in pieces and is never held
 * whole.
 *
 * After any -1 the writer must be closed: what was not published is given up and comes again from
 * the source.
 */
#pragma once
#include "storage/store.h"

struct writer;

/* Where to go on: the source file and offset behind the last complete transaction that is held. */
struct writer_resume {
    bool     empty;                             /* nothing held: begin as configured */
    char     source_file[STORE_NAME_BYTES + 1]; /* else: this file ... */
    uint64_t offset;                            /* ... from here (4: its start) */
    uint64_t overlap_at;        /* an event begins here, at or before `offset`: to ask the source
                                   again for what is held, and writer_compare() it. With no large
                                   hole between. */
    struct store_source source; /* the server it was copied from */
    uint32_t file_created_s; /* timestamp of the file's format description: its identity where there
                                is no UUID */
};

/* Cuts what a former writer left behind the last complete transaction. One writer a store at a
 * time. */
MUST_CHECK int writer_open(struct store *s, struct writer **out, struct writer_resume *resume,
                           struct err *e);
void           writer_close(struct writer *w); /* accepts NULL; flushes nothing */

/* Begins the relay file that is the image of `source_file`, sealing the one before it, whose last
   event may have been a ROTATE, a STOP or anything. `source_start` 0 or, for the store's very first
   file, the position consumers begin at. The name is the source's at the first time, then counts up
   by one. Writes the magic. */
MUST_CHECK int writer_begin_file(struct writer *w, const struct store_source *source,
                                 const char *source_file, uint64_t source_start, struct err *e);
/* The same for the first file of another source, or of one whose binlogs began anew: with it an
   epoch begins, see catalog_put_epoch(). The file before gets a ROTATE of our own, unless it has
   one or ended with STOP. */
MUST_CHECK int writer_begin_epoch(struct writer *w, const struct store_source *source,
                                  const char *source_file, struct err *e);
/* What that epoch and its first file would be numbered now. */
void writer_next_epoch(const struct writer *w, uint32_t *epoch, uint32_t *ordinal);
/* E_FORK unless the current file holds these bytes at `at`; all of them must be published. In a
   hole anything is right. An event begins at `at`, or the call goes on where the one before ended.
 */
MUST_CHECK int writer_compare(struct writer *w, uint64_t at, struct slice bytes, struct err *e);
/* Offset in the current source (and relay) file where the next event must begin; 0 without a file.
 */
uint64_t writer_offset(const struct writer *w);

/* Appends a whole event that already passed event_parse() and, with checksums, event_verify(). Its
   log_pos, unless 0, must be the low word of where it ends: E_FORK otherwise (the stream has a gap
   or repeats itself). Artificial events must not be appended. The first event of a file must be a
   format description. */
MUST_CHECK int writer_append(struct writer *w, const struct event *ev, struct err *e);

/* Leaves a hole of `length` bytes here (see hole.h), at a place between transactions: as many
   ignorable events as it takes. Costs nothing for its size, on disk neither. Its end is a place
   that may be published; it counts as no transaction. */
MUST_CHECK int writer_skip(struct writer *w, uint64_t length, struct err *e);

/* writer_append() in pieces, for an event that does not fit the caller's buffer: first a head of at
   least TXN_HEAD_BYTES, then the rest; the checksum is verified when the last byte came
   (E_CORRUPT). */
MUST_CHECK int writer_append_head(struct writer *w, const struct event *head, struct err *e);
MUST_CHECK int writer_append_rest(struct writer *w, struct slice bytes, struct err *e);

/* Hands all that was appended to the syncer. Call it whenever the source has nothing more to read
 * at the moment. Cheap when there is nothing. */
MUST_CHECK int writer_flush(struct writer *w, struct err *e);

/* True while the syncer is at work and has got enough to do after it: small pieces, as they come
   from a source that is just quick enough, then cost more in calls and syncs than they are early.
   The caller may keep them until its watch on the store (which it has to have) tells of the
   round's end. */
bool writer_may_wait(struct writer *w);
