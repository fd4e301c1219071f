/*
 * What of a transaction survives when a replica logs it again, as 128 bits: to find the place in
 * another server's binlog where no GTIDs tell it.
 *
 * Survives: original server_id and second, database, table, the rows' values in their order, the
 * text of statements and what stands in front of them (RAND, user variables, the content of a LOAD
 * DATA file). Does not: table ids, xids, positions, checksums, GTIDs, INSERT_ID, cutting into
 * events, the unused bits behind a row's NULL bits, the storage of temporal types (5.5 to 5.7),
 * compression, and the comments that ROWS_QUERY and ANNOTATE_ROWS carry; none of it is looked at.
 *
 * Equal transactions have equal fingerprints: "the same row once more in the same second" is for
 * the caller to tell apart, by what stands around it. The numbers are not kept on disk: another
 * version may compute others.
 *
 * Owned by one reader; one thread. Memory: the largest event that is handed over, unpacked, and the
 * table maps of one transaction (FINGERPRINT_TABLES_MAX). Measured on servers from MySQL 5.5 to 9.7
 * and MariaDB 10.2 to 11.8.
 */
#pragma once
#include "protocol/txn.h"

enum { FINGERPRINT_BYTES = 16, FINGERPRINT_TABLES_MAX = 1024 };

struct fingerprint {
    uint8_t bytes[FINGERPRINT_BYTES];
};

static inline bool fingerprint_equal(const struct fingerprint *a, const struct fingerprint *b)
{
    return memcmp(a->bytes, b->bytes, FINGERPRINT_BYTES) == 0;
}

struct fingerprinter;

MUST_CHECK int fingerprinter_new(struct fingerprinter **out, struct err *e);
void           fingerprinter_free(struct fingerprinter *p); /* accepts NULL */
/* The next event is of another file, between two transactions. */
void fingerprinter_enter_file(struct fingerprinter *p);

/*
 * Takes every event of a file in its order, with what txn_feed() says of it; events must be whole,
 * but those larger than FINGERPRINT_WHOLE_BYTES must be heads on both sides: of them the table and
 * the rows' length count, and of a compressed one nothing but its origin. *closed: the event ended
 * a transaction, which has the fingerprint *out; a transaction without content (nothing but COMMIT)
 * gives false. E_PROTOCOL when an event makes no sense.
 */
enum { FINGERPRINT_WHOLE_BYTES = 16 * 1024 * 1024 };
MUST_CHECK int fingerprinter_feed(struct fingerprinter *p, const struct format *f,
                                  const struct event *ev, enum txn_place place, bool *closed,
                                  struct fingerprint *out, struct err *e);
/* Of the transaction that was closed last: the second of its first content, which is part of its
   fingerprint. */
uint32_t fingerprinter_second(const struct fingerprinter *p);
