/*
 * A store in a folder of its own, and the two things a source does with it: tests of whatever reads
 * a store begin with these. Failures end the test by assert, with the error's text on stderr.
 */
#pragma once
#include "storage/store.h"
#include "storage/writer.h"
#include "tests/sim/binlog.h"

struct fixture {
    char           folder[128]; /* removed at the end */
    struct disk   *disk;
    bool           own_disk;
    uint32_t       index_bytes; /* distance of checkpoints: 0 as usual; set before a reopening */
    uint32_t       sync_interval_ms; /* 0 as usual; set before a reopening */
    struct store  *store;
    struct writer *writer;
};

/* `disk` NULL: the real one, in the folder. Opens store and writer. */
void fixture_begin(struct fixture *f, struct disk *disk);
void fixture_done(struct fixture *f);
/* Closes store and writer as a stop does (or a crash: nothing is flushed) and opens them again. */
void fixture_reopen(struct fixture *f, struct writer_resume *resume);

/* A source of this name and family, with a UUID if it is MySQL. */
struct store_source fixture_source(const char *name, enum format_family family);

/* Appends the events from `from` up to and without `to` (SIZE_MAX: all) to the current file. */
void fixture_append(struct fixture *f, const struct binlog *b, size_t from, size_t to);
/* The same wherever the file is just now: log_pos and checksum are made anew. */
void fixture_append_moved(struct fixture *f, const struct binlog *b, size_t from, size_t to);
/* Flushes and publishes, without a syncer thread. */
void fixture_publish(struct fixture *f);
/* Begins a file, appends the whole binlog, publishes. */
void fixture_file(struct fixture *f, const char *source_file, const struct binlog *b);
/* Makes and removes a scratch folder; the second one with all in it. */
void fixture_folder(char *into, size_t room);
void fixture_remove(const char *folder);
