/*
 * A server's response to one command on its way through the relay: finds where it ends, and gives
 * its packets new numbers.
 *
 *   FIRST -> OK, ERR                                          over, or FIRST if more results follow
 *   FIRST -> column count -> COLUMNS [-> COLUMNS_END] -> ROWS -> EOF, OK, ERR      the same
 *   FIRST -> PREPARED -> PARAMETERS [-> end] -> COLUMNS [-> end]                   over
 *
 * Both connections have agreed on the same capabilities, so nothing else has to change: rows pass
 * in pieces, whatever their size, and only the short packets that say OK, ERR and EOF are looked
 * at. Pure: bytes in, bytes out; belongs to one session. Source: MySQL protocol documentation,
 * "Command Phase"; MariaDB knowledge base, "Server Response".
 */
#pragma once
#include "protocol/packet.h"

enum response_kind {
    RESPONSE_NONE,    /* the command is not answered */
    RESPONSE_ONE,     /* OK, EOF or ERR */
    RESPONSE_RESULTS, /* OK, or any number of result sets: COM_QUERY, COM_STMT_EXECUTE */
    RESPONSE_ROWS,    /* up to EOF: COM_STMT_FETCH, COM_FIELD_LIST */
    RESPONSE_PREPARE, /* COM_STMT_PREPARE */
};

/* Of the status flags that OK and EOF carry. */
enum {
    STATUS_IN_TRANSACTION = 0x0001,
    STATUS_MORE_RESULTS = 0x0008,
    STATUS_CURSOR = 0x0040,
    STATUS_IN_READ_ONLY_TRANSACTION = 0x2000,
};

enum { RESPONSE_SHORT_BYTES = 4096 }; /* longest OK, ERR or EOF taken */

struct response {
    /* set by response_begin() */
    uint32_t capabilities;
    uint16_t add_status;  /* shown to the client on top of the server's flags */
    uint16_t hide_status; /* not shown; set after response_begin() */

    int      state;
    bool     prepared;                   /* of COM_STMT_PREPARE: no rows follow the definitions */
    uint64_t columns_left, columns_next; /* definitions still to come; and behind them */
    uint32_t packet_left;                /* of the packet that passes now */
    bool     continues;                  /* the next packet is the rest of a payload */

    /* what came out of it */
    bool     over;
    bool     failed; /* it ended with an error, which is `error` (number) */
    uint16_t error;
    uint16_t status;   /* the last flags seen */
    bool     answered; /* `status` was set by this response */
};

void response_begin(struct response *r, enum response_kind kind, uint32_t capabilities,
                    uint16_t status_before, uint16_t add_status);

/* Takes whole packets and pieces of long ones off `in`, as far as it is there and `out` has less
 * than `most` bytes; stops behind the response's end. What it leaves is less than
 * RESPONSE_SHORT_BYTES + PACKET_HEADER_BYTES unless `out` is full. E_PROTOCOL when the server makes
 * no sense. */
MUST_CHECK int response_pass(struct response *r, struct slice *in, struct buf *out, size_t most,
                             uint8_t *sequence, struct err *e);
