/*
 * What of a source's binlog is held already, from its former source, and so is not stored again:
 * made when an epoch begins (plan.h), kept with it in the catalog, looked at by ingest.
 *
 *   by GTID    a transaction whose GTID is in the set
 *   by place   a transaction that begins in a range of one of the source's files
 *   until      from this place on all is new, whatever its GTID; without one the set holds for ever
 *
 * Pure; owned by one thread. Zeroed it skips nothing. Bounds: those of GTID sets, SKIP_RANGES_MAX,
 * SKIP_FILES_MAX.
 */
#pragma once
#include "storage/store.h"

enum { SKIP_RANGES_MAX = 1u << 20, SKIP_FILES_MAX = 1u << 16, SKIP_TEXT_BYTES_MAX = 256u << 20 };

struct skip_file {
    char   name[STORE_NAME_BYTES + 1];
    size_t first, count; /* in `ranges` */
};
struct skip_range { /* [from, to), ascending in a file, neither touching nor overlapping */
    uint64_t from, to;
};
struct skip {
    struct gtid_set    held;
    struct skip_file  *files; /* in the source's order */
    size_t             file_count, file_size;
    struct skip_range *ranges;
    size_t             range_count, range_size;
    char               until_file[STORE_NAME_BYTES + 1]; /* "": none */
    uint64_t           until_at;
};

void skip_done(struct skip *s); /* accepts a zeroed one */

/* Ranges in the source's order; one that touches the last one extends it. */
MUST_CHECK int skip_add_range(struct skip *s, const char *file, uint64_t from, uint64_t to,
                              struct err *e);
void           skip_set_until(struct skip *s, const char *file, uint64_t at);

/* The file for skip_has(); NULL when there is nothing by place in it. */
const struct skip_file *skip_file_of(const struct skip *s, const char *name);
/* Is the transaction that begins at `at` of the file held already? */
bool skip_has(const struct skip *s, const struct skip_file *file, uint64_t at,
              const struct gtid *g);
/* From the start of this file on all up to here is held; 0: not known. */
uint64_t skip_leads_to(const struct skip *s, const char *file);
/* Nothing from this place on is. */
bool skip_is_over(const struct skip *s, const char *file, uint64_t at);

/* As text for the catalog, a line each, and back: E_CORRUPT; replaces *s on success only. "" is an
   empty one. */
void           skip_put_text(const struct skip *s, struct buf *out);
MUST_CHECK int skip_parse(struct slice text, struct skip *s, struct err *e);
