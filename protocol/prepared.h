/*
 * Prepared statements as the side that runs them sees them: the values that come with
 * COM_STMT_EXECUTE, and rows in the binary form. Pure; any thread. Source: MySQL protocol
 * documentation, "COM_STMT_EXECUTE", "Binary Protocol Resultset".
 */
#pragma once
#include "protocol/base/buf.h"

enum { PREPARED_VALUES_MAX = 64 };

/* A value as text, as it would stand in a statement but for quotes. */
struct prepared_value {
    bool   is_null;
    bool   is_number; /* a whole one */
    size_t at, bytes; /* in the buffer of all */
};

struct prepared_execute {
    uint32_t              id;
    uint8_t               flags; /* of cursors */
    size_t                count;
    struct prepared_value values[PREPARED_VALUES_MAX];
};

/*
 * The payload of COM_STMT_EXECUTE for a statement with `count` parameters. Their types are sent
 * with the first execution and kept in `types` for later ones. `sent` are values that came before,
 * by COM_STMT_SEND_LONG_DATA (NULL in them: none). Texts are appended to `values`. E_PROTOCOL;
 * E_LIMIT or E_NOMEM by the buffer.
 */
MUST_CHECK int prepared_parse_execute(struct slice payload, uint32_t capabilities, size_t count,
                                      uint16_t                  types[PREPARED_VALUES_MAX],
                                      const struct slice *const sent[PREPARED_VALUES_MAX],
                                      struct buf *values, struct prepared_execute *out,
                                      struct err *e);

/*
 * A whole answer of the text form (packets; OK, an error, or one result) with its rows in the
 * binary form, as many packets with the same numbers. E_PROTOCOL: it is none, or a value is none of
 * its column's type; E_LIMIT or E_NOMEM by `out`.
 */
MUST_CHECK int prepared_put_binary(struct slice packets, uint32_t capabilities, struct buf *out,
                                   struct err *e);

struct prepared_ok {
    uint32_t     id;
    size_t       parameters;
    struct slice definitions; /* a whole answer of the text form, of which the columns are told;
                                 empty: there are none, or they are told when it runs */
    uint32_t capabilities;
    uint16_t status, warnings;
};
/* The answer to COM_STMT_PREPARE. E_PROTOCOL: `definitions` is no result; E_LIMIT or E_NOMEM by
 * `out`. */
MUST_CHECK int prepared_put_ok(const struct prepared_ok *ok, struct buf *out, uint8_t *sequence,
                               struct err *e);
