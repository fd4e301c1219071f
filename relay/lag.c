#include "relay/lag.h"
#include "storage/hole.h"
#include "storage/reader.h"

enum { LAG_BLOCK_BYTES = 4096, LAG_EVENTS_MAX = 1000 };

/* A file's head, which another server may have written long ago, and holes tell of no change. */
static bool tells_time(const struct reader_piece *p)
{
    switch (p->event.type) {
    case EVENT_FORMAT_DESCRIPTION:
    case EVENT_PREVIOUS_GTIDS:
    case EVENT_MARIADB_GTID_LIST:
    case EVENT_MARIADB_BINLOG_CHECKPOINT:
        return false;
    default:
        return !hole_is(&p->event);
    }
}

int lag_since(struct store *s, store_pos at, int64_t *out, struct err *e)
{
    struct reader      *r;
    struct reader_piece piece;
    enum reader_step    step = READER_PIECE;
    int64_t             found = 0;
    int                 result = 0;

    TRY(reader_open(s, at, LAG_BLOCK_BYTES, &r, e));
    for (int i = 0; i < LAG_EVENTS_MAX && result == 0 && found == 0; i++) {
        result = reader_next(r, &piece, &step, e);
        if (result == 0 && step == READER_FILE_DONE)
            result = reader_next_file(r, &step, e);
        else if (result == 0 && step == READER_PIECE && tells_time(&piece))
            found = piece.event.timestamp_s;
        if (step == READER_AT_END)
            break;
    }
    reader_close(r);
    TRY(result);
    if (found == 0)
        return err_set(e, E_PURGED, "the event there has no time");
    *out = found;
    return 0;
}
