#include "tools/binrelay/load_data.h"

enum {
    FILE_BYTES_MAX = 1 << 30,
    DUPLICATES_ERROR = 0,
    DUPLICATES_IGNORE = 1,
    DUPLICATES_REPLACE = 2
};

void load_data_init(struct load_data *l)
{
    *l = (struct load_data){ 0 };
}

void load_data_done(struct load_data *l)
{
    for (size_t i = 0; i < l->count; i++)
        buf_done(&l->files[i].rows);
    l->count = 0;
}

static struct load_data_file *find(struct load_data *l, uint32_t number)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->files[i].number == number)
            return &l->files[i];
    return NULL;
}

static void forget(struct load_data *l, uint32_t number)
{
    struct load_data_file *f = find(l, number);

    if (f == NULL)
        return;
    buf_done(&f->rows);
    *f = l->files[--l->count];
}

void load_data_forget(struct load_data *l)
{
    forget(l, l->last);
}

int load_data_take(struct load_data *l, const struct event *ev, struct err *e)
{
    struct cursor c = cursor_over(ev->body);
    uint32_t      number = cursor_u32(&c);

    if (c.failed)
        return err_set(e, E_PROTOCOL, "%s event: too short", event_name(ev->type));
    if (ev->type != EVENT_APPEND_BLOCK)
        forget(l, number);
    if (ev->type == EVENT_DELETE_FILE)
        return 0;
    struct load_data_file *f = find(l, number);
    if (f == NULL && l->count == LOAD_DATA_FILES_MAX)
        return err_set(e, E_LIMIT, "more than %d files of LOAD DATA at a time",
                       LOAD_DATA_FILES_MAX);
    if (f == NULL) {
        f = &l->files[l->count++];
        f->number = number;
        buf_init(&f->rows, FILE_BYTES_MAX);
    }
    buf_put(&f->rows, cursor_rest(&c));
    return buf_check(&f->rows, "the file of a LOAD DATA", e);
}

/* A QUERY with four numbers behind its own: the file's, where its name stands in the text, and what
   is done with duplicates. */
static int parse(const struct event *ev, struct event_query *q, uint32_t numbers[3],
                 uint8_t *duplicates, struct err *e)
{
    struct cursor c = cursor_over(ev->body);

    *q = (struct event_query){ .packed = slice_empty() };
    q->thread_id = cursor_u32(&c);
    cursor_skip(&c, 4);
    uint8_t database_bytes = cursor_u8(&c);
    q->error = cursor_u16(&c);
    uint16_t status_bytes = cursor_u16(&c);
    for (size_t i = 0; i < 3; i++)
        numbers[i] = cursor_u32(&c);
    *duplicates = cursor_u8(&c);
    q->status_vars = cursor_slice(&c, status_bytes);
    q->database = cursor_slice(&c, database_bytes);
    cursor_skip(&c, 1);
    q->text = cursor_rest(&c);
    if (c.failed || numbers[1] > numbers[2] || numbers[2] > q->text.len)
        return err_set(e, E_PROTOCOL, "Execute_load_query event: its fields do not fit");
    return 0;
}

int load_data_statement(struct load_data *l, const struct event *ev, struct event_query *q,
                        struct buf *text, struct slice *rows, struct err *e)
{
    uint32_t numbers[3] = { 0 };
    uint8_t  duplicates = 0;

    TRY(parse(ev, q, numbers, &duplicates, e));
    l->last = numbers[0];
    const struct load_data_file *f = find(l, numbers[0]);
    if (f == NULL)
        return err_set(e, E_PROTOCOL,
                       "the file of a LOAD DATA is not in the range: begin before its first block");
    *rows = buf_slice(&f->rows);
    buf_put(text, (struct slice){ q->text.ptr, numbers[1] });
    buf_put_text(text, " LOCAL INFILE 'binlog'");
    if (duplicates == DUPLICATES_IGNORE)
        buf_put_text(text, " IGNORE");
    else if (duplicates == DUPLICATES_REPLACE)
        buf_put_text(text, " REPLACE");
    buf_put_text(text, " INTO");
    buf_put(text, (struct slice){ q->text.ptr + numbers[2], q->text.len - numbers[2] });
    return buf_check(text, "a LOAD DATA", e);
}
