/* Records without a byte, made by the same way. */
#include "publisher/encode/encoding.h"

static int prepare(const struct encoding *n, struct schema *root, struct err *e)
{
    (void)n;
    (void)root;
    (void)e;
    return 0;
}

static void open_record(const struct encoding *n, const struct schema *root, bool is_key,
                        struct buf *out)
{
    (void)n;
    (void)root;
    (void)is_key;
    (void)out;
}

static void open_struct(const struct schema *s, struct buf *out)
{
    (void)s;
    (void)out;
}

static void put_member(const struct schema *s, uint32_t index, struct buf *out)
{
    (void)s;
    (void)index;
    (void)out;
}

static int put(const struct encoding *n, const struct schema *s, const struct cell *c,
               struct buf *out, struct err *e)
{
    (void)n;
    (void)s;
    (void)c;
    (void)out;
    (void)e;
    return 0;
}

static const struct encoding_kind none_kind = {
    .prepare = prepare,
    .open = open_record,
    .close = open_record,
    .open_struct = open_struct,
    .member = put_member,
    .close_struct = open_struct,
    .put = put,
};

struct encoding encoding_none(void)
{
    return (struct encoding){ .kind = &none_kind };
}
