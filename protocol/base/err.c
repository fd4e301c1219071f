#include "protocol/base/err.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void PRINTF_ARGS(2, 0) set_text(struct err *e, const char *fmt, va_list args)
{
    (void)vsnprintf(e->text, sizeof e->text, fmt, args);
}

int(err_set)(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    va_list args;
    e->kind = kind;
    e->sys = 0;
    va_start(args, fmt);
    set_text(e, fmt, args);
    va_end(args);
    return -1;
}

static enum err_kind kind_of_errno(int sys)
{
    switch (sys) {
    case ENOSPC:
    case EDQUOT:
        return E_FULL;
    case ENOMEM:
        return E_NOMEM;
    default:
        return E_IO;
    }
}

int(err_sys)(struct err *e, const char *fmt, ...)
{
    int     sys = errno;
    char    reason[128];
    va_list args;

    e->kind = kind_of_errno(sys);
    e->sys = sys;
    va_start(args, fmt);
    set_text(e, fmt, args);
    va_end(args);
    /* GNU strerror_r: the answer may be a constant instead of the buffer. */
    const char *text = strerror_r(sys, reason, sizeof reason);
    size_t      used = strlen(e->text);
    (void)snprintf(e->text + used, sizeof e->text - used, ": %s", text);
    return -1;
}

int(err_note)(struct err *e, const char *fmt, ...)
{
    char    old[ERR_TEXT_BYTES];
    va_list args;

    memcpy(old, e->text, sizeof old);
    va_start(args, fmt);
    set_text(e, fmt, args);
    va_end(args);
    size_t used = strlen(e->text);
    (void)snprintf(e->text + used, sizeof e->text - used, ": %s", old);
    return -1;
}

const char *err_kind_name(enum err_kind kind)
{
    /* clang-format off */
    static const char *const names[E_KINDS] = {
        [E_OK] = "ok",             [E_IO] = "io",           [E_FULL] = "full",
        [E_NOMEM] = "memory",      [E_CORRUPT] = "corrupt", [E_PROTOCOL] = "protocol",
        [E_AUTH] = "auth",         [E_PURGED] = "purged",   [E_LIMIT] = "limit",
        [E_CONFIG] = "config",     [E_REFUSED] = "refused", [E_FORK] = "fork",
        [E_STOPPED] = "stopped",
    };
    /* clang-format on */
    return kind < E_KINDS ? names[kind] : "unknown";
}
