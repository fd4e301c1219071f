#include "tools/binrelay/binlog_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_BYTES_MAX = 1 << 30, KEPT_BYTES = 4 << 20 };

static const uint8_t encrypted_magic[BINLOG_MAGIC_BYTES] = { 0xfd, 'b', 'i', 'n' };

struct binlog_file {
    FILE         *in;
    char         *path;
    struct buf    event;
    uint64_t      position; /* of the next event */
    struct format format;
};

static int read_some(struct binlog_file *f, size_t bytes, bool *at_end, struct err *e)
{
    uint8_t *into = buf_extend(&f->event, bytes);

    *at_end = false;
    if (into == NULL)
        return buf_check(&f->event, "an event", e);
    size_t got = fread(into, 1, bytes, f->in);
    if (got == bytes)
        return 0;
    if (ferror(f->in))
        return err_sys(e, "read '%s'", f->path);
    f->event.len -= bytes - got;
    *at_end = true;
    return 0;
}

static int check_magic(struct binlog_file *f, struct err *e)
{
    bool at_end = false;

    TRY(read_some(f, BINLOG_MAGIC_BYTES, &at_end, e));
    if (!at_end && memcmp(f->event.ptr, encrypted_magic, BINLOG_MAGIC_BYTES) == 0)
        return err_set(e, E_CORRUPT,
                       "'%s' is encrypted (binlog_encryption): only its server can read it; let a "
                       "relay or mysqlbinlog --read-from-remote-server --raw fetch it",
                       f->path);
    if (at_end || memcmp(f->event.ptr, binlog_magic, BINLOG_MAGIC_BYTES) != 0)
        return err_set(e, E_CORRUPT, "'%s' is no binlog file", f->path);
    f->position = BINLOG_MAGIC_BYTES;
    return 0;
}

int binlog_file_open(const char *path, struct binlog_file **out, struct err *e)
{
    struct binlog_file *f = calloc(1, sizeof *f);

    if (f == NULL)
        return err_set(e, E_NOMEM, "no memory for a file");
    buf_init(&f->event, EVENT_BYTES_MAX);
    f->format = (struct format){ .has_crc = true, .header_bytes = EVENT_HEADER_BYTES };
    f->path = strdup(path);
    f->in = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
    if (f->path == NULL || f->in == NULL) {
        (void)err_sys(e, "open '%s'", path);
        binlog_file_close(f);
        return -1;
    }
    if (check_magic(f, e) != 0) {
        binlog_file_close(f);
        return -1;
    }
    *out = f;
    return 0;
}

void binlog_file_close(struct binlog_file *f)
{
    if (f == NULL)
        return;
    if (f->in != NULL && f->in != stdin)
        (void)fclose(f->in);
    buf_done(&f->event);
    free(f->path);
    free(f);
}

const struct format *binlog_file_format(const struct binlog_file *f)
{
    return &f->format;
}

static int read_event(struct binlog_file *f, bool *more, struct err *e)
{
    struct event head;
    bool         at_end = false;

    if (f->event.size > KEPT_BYTES)
        buf_done(&f->event);
    buf_clear(&f->event);
    *more = false;
    TRY(read_some(f, EVENT_HEADER_BYTES, &at_end, e));
    if (at_end && f->event.len == 0)
        return 0;
    if (!at_end) {
        TRY(event_parse_head(buf_slice(&f->event), f->format.has_crc, &head, e));
        TRY(read_some(f, head.length - EVENT_HEADER_BYTES, &at_end, e));
    }
    if (at_end)
        return err_set(e, E_CORRUPT, "it ends inside of an event");
    *more = true;
    return 0;
}

/* MariaDB's: all events behind this one are encrypted. */
static int check_plain(const struct event *ev, struct err *e)
{
    if (ev->type != EVENT_MARIADB_START_ENCRYPTION)
        return 0;
    return err_set(
        e, E_CORRUPT,
        "it is encrypted from here on (encrypt_binlog): only its server can read it; let "
        "a relay or mariadb-binlog --read-from-remote-server --raw fetch it");
}

int binlog_file_next(struct binlog_file *f, struct event *ev, uint64_t *position, bool *more,
                     struct err *e)
{
    int result = read_event(f, more, e);

    if (result == 0 && *more)
        result = event_parse(buf_slice(&f->event), f->format.has_crc, ev, e);
    if (result == 0 && *more && ev->type == EVENT_FORMAT_DESCRIPTION)
        result = format_parse(ev->whole, &f->format, e);
    else if (result == 0 && *more && f->format.has_crc)
        result = event_verify(ev->whole, e);
    if (result == 0 && *more)
        result = check_plain(ev, e);
    if (result != 0)
        return err_note(e, "'%s' at %llu", f->path, (unsigned long long)f->position);
    *position = f->position;
    f->position += *more ? ev->length : 0;
    return 0;
}
