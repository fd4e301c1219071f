#include "tools/binrelay/view.h"
#include "storage/recovery.h"
#include "tools/binrelay/answer.h"

static int take_line(struct view *v, struct slice line, struct err *e)
{
    struct json_object *said = NULL;
    TRY(answer_parse(line, &said, e));
    struct json_object *end = answer_member(said, "published");
    uint64_t            ordinal = answer_uint(end, "ordinal");
    uint64_t            offset = answer_uint(end, "offset");
    answer_free(said);
    if (ordinal > STORE_ORDINAL_MAX || offset > STORE_OFFSET_MAX)
        return err_set(e, E_PROTOCOL, "the relay told an impossible place");
    if (ordinal > 0)
        store_show_end(v->store, store_pos_at((uint32_t)ordinal, offset));
    return 0;
}

/* Without a daemon nobody tells how far the open file reaches: it is read, as a daemon would that
   starts now. */
static int show_recovered(struct view *v, struct err *e)
{
    struct store_file last;
    struct tail       tail;

    if (!store_last_file(v->store, &last) || last.sealed)
        return 0;
    TRY(tail_read(v->store, &last, STORE_OFFSET_MAX, &tail, e));
    store_show_end(v->store, store_pos_at(last.ordinal, tail.end));
    tail_done(&tail);
    return 0;
}

int view_open(const struct folder *at, struct view *out, struct err *e)
{
    static const char *const follow[] = { "follow", NULL };
    struct view              v = { 0 };
    struct slice             line;
    int                      got = 0;

    TRY(disk_real_new(at->store, &v.disk, e));
    struct store_options options = { .folder = at->store, .disk = v.disk };
    int                  result = control_ask(at->data, at->channel, follow, &v.follow, e);
    /* Neither where no daemon runs, nor where it could not open this channel. */
    if (result != 0 && e->kind == E_STOPPED) {
        *e = (struct err){ 0 };
        result = 0;
    }
    if (result == 0)
        result = store_open_readonly(&options, &v.store, e);
    if (result == 0 && v.follow == NULL)
        result = show_recovered(&v, e);
    if (result == 0 && v.follow != NULL) {
        got = control_line(v.follow, &line, e);
        result = got == 1 ? take_line(&v, line, e) : -1;
        if (got == 0)
            (void)err_set(e, E_STOPPED, "the relay has stopped");
    }
    if (result != 0) {
        view_close(&v);
        return -1;
    }
    *out = v;
    return 0;
}

void view_close(struct view *v)
{
    control_close(v->follow);
    store_close(v->store);
    if (v->disk != NULL)
        v->disk->free(v->disk);
    *v = (struct view){ 0 };
}

int view_refresh(struct view *v, struct err *e)
{
    struct slice line;
    for (;;) {
        int got = control_look(v->follow, &line, e);
        if (got != 1)
            return got;
        TRY(take_line(v, line, e));
    }
}
