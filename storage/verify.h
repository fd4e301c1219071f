/* Checks a store from end to end: event structure, checksums, transaction ends, sidecars and
 * catalog. Any thread; read-only. */
#pragma once
#include "storage/store.h"

struct verify_progress {
    uint32_t file_index, file_count;
    uint64_t bytes_done, bytes_total;
};
struct verify_result {
    uint32_t files;
    uint64_t bytes, events, transactions;
    uint32_t problems;
};
/* `problem` gets one sentence per finding (with file and offset); `progress` may be NULL. 0 even
   with problems; -1 when checking itself failed. */
MUST_CHECK int verify_store(struct store *s, void (*problem)(void *arg, const char *text),
                            void (*progress)(void *arg, const struct verify_progress *p), void *arg,
                            struct verify_result *out, struct err *e);
