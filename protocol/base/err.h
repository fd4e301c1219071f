/*
 * Errors are values: a kind to react by, the errno if there was one, and a sentence for a person.
 *
 * Functions that can fail return 0 or -1 and take a `struct err *` owned by the caller; on failure
 * they fill it, on success they leave it alone. Out-parameters are written only on success.
 * Library code never logs: the top of a thread does, once. Any thread may use its own struct err.
 */
#pragma once
#include <stdint.h>

enum err_kind {
    E_OK = 0,
    E_IO,   /* the disk or the socket said no; see sys */
    E_FULL, /* the disk has no room */
    E_NOMEM,
    E_CORRUPT,  /* our own file does not say what we wrote */
    E_PROTOCOL, /* a peer sent bytes that do not parse */
    E_AUTH,     /* a login was refused, ours or a peer's */
    E_PURGED,   /* asked for a place that is no longer (or was never) held */
    E_LIMIT,    /* a configured or built-in bound was reached */
    E_CONFIG,   /* what a person wrote can't be used */
    E_REFUSED,  /* the source answered with an error; see sys for its number */
    E_FORK,     /* the source is not what it was, or its binlog differs from what is held */
    E_STOPPED,  /* asked to end */
    E_KINDS
};

enum { ERR_TEXT_BYTES = 512 };

struct err {
    enum err_kind kind;
    int           sys; /* errno, the source's error number, or 0 */
    char          text[ERR_TEXT_BYTES];
};

#define MUST_CHECK              __attribute__((warn_unused_result))
#define PRINTF_ARGS(fmt, first) __attribute__((format(printf, fmt, first)))

/* All return -1, so that a failing function ends in one line. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF_ARGS(3, 4);
/* Kind from errno (E_FULL for ENOSPC and EDQUOT, E_NOMEM for ENOMEM, else E_IO); appends its text.
 */
int err_sys(struct err *e, const char *fmt, ...) PRINTF_ARGS(2, 3);
/* Prefixes what was being done: "read header: <old text>". */
int err_note(struct err *e, const char *fmt, ...) PRINTF_ARGS(2, 3);
/* The -1 once more in plain sight, so that compilers and analyzers know that a function which
   ends so did not fill its out-parameters. */
static inline int err_minus_one(void)
{
    return -1;
}
#define err_set(...)  (err_set(__VA_ARGS__), err_minus_one())
#define err_sys(...)  (err_sys(__VA_ARGS__), err_minus_one())
#define err_note(...) (err_note(__VA_ARGS__), err_minus_one())

/* A word for logs and JSON, e.g. "protocol". */
const char *err_kind_name(enum err_kind kind);

/* The one macro with control flow in it. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            return -1;                                                                             \
    } while (0)
