/* What a person writes to name a place: FILE:POSITION, SOURCE:FILE:POSITION, or one GTID.
 * Any thread. */
#pragma once
#include <stdbool.h>
#include "protocol/gtid.h"
#include "storage/store.h"

struct place {
    bool        is_gtid;
    struct gtid gtid;
    char        file[2 * STORE_NAME_BYTES + 2]; /* with the source in front where it was given */
    uint64_t    position;
};

/* E_CONFIG when it is none of the three. */
MUST_CHECK int place_parse(const char *text, struct place *out, struct err *e);

/* Digits alone, within 64 bits. */
MUST_CHECK int place_parse_number(const char *text, uint64_t *out);

/* The place in the store; for a GTID where its transaction begins, and *end where it ends (else 0).
 */
MUST_CHECK int place_locate(struct store *s, const struct place *p, store_pos *begin,
                            store_pos *end, struct err *e);
