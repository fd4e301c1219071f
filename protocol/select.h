/*
 * The rows of SELECTs as they come, in the text protocol: nothing is held but the row that is
 * looked at, and what the socket gave behind it.
 *
 * For reading tables at the speed of the wire, where libmariadb copies each row and knows its
 * length only up to a bound. One thread. Memory: SELECT_BLOCK_BYTES, or the largest row while it is
 * looked at (E_LIMIT beyond SELECT_ROW_BYTES_MAX). Source: MySQL protocol documentation,
 * "COM_QUERY Response".
 */
#pragma once
#include "protocol/client.h"

enum { SELECT_BLOCK_BYTES = 256 * 1024, SELECT_ROW_BYTES_MAX = 1 << 30 };

struct select;
/* Takes the client over on success; it must not be compressed. From now on the connection is good
   for these functions alone. */
MUST_CHECK int select_new(struct client *c, struct select **out, struct err *e);
void           select_free(struct select *s); /* accepts NULL; closes the connection */

/* Sends a statement, once all rows of the former one were taken. *columns 0: it gives no rows.
   E_REFUSED: the server's error, with its number in e->sys; the connection goes on. */
MUST_CHECK int select_begin(struct select *s, const char *sql, uint32_t *columns, struct err *e);
/* The next row's texts, which live until the next call; a NULL has no `ptr`. *more false: there was
   none. *is_last tells, together with a row, that no other one follows. */
MUST_CHECK int select_next(struct select *s, struct slice *values, bool *more, bool *is_last,
                           struct err *e);
/* A statement's first value as a text, "" for none and for NULL. */
MUST_CHECK int select_text(struct select *s, const char *sql, char *into, size_t size,
                           struct err *e);
const char    *select_address(const struct select *s);
