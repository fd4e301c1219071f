#include "protocol/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_inside(const struct event *ev)
{
    struct err          e;
    struct event_rotate r;
    struct event_query  q;

    if (event_parse_rotate(ev, &r, &e) == 0)
        assert(strlen(r.file) > 0 && strlen(r.file) <= EVENT_FILE_NAME_BYTES &&
               strchr(r.file, '/') == NULL);
    if (event_parse_query(ev, &q, &e) == 0)
        assert(q.status_vars.len + q.database.len + q.text.len < ev->body.len);
    assert(event_name(ev->type)[0] != 0);
    (void)event_is_artificial(ev);
    (void)!event_verify(ev->whole, &e);
}

/* The first byte tells whether the events end with a checksum. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err   e;
    struct event ev;

    if (size == 0)
        return 0;
    bool         has_crc = (data[0] & 1) != 0;
    struct slice in = { data + 1, size - 1 };
    if (event_parse_head(in, has_crc, &ev, &e) == 0) {
        assert(ev.whole.len <= in.len && ev.whole.len <= ev.length);
        assert(ev.body.len + EVENT_HEADER_BYTES <= ev.whole.len);
        look_inside(&ev);
    }
    if (event_parse(in, has_crc, &ev, &e) == 0) {
        /* what we accept, we account for */
        assert(ev.body.len + EVENT_HEADER_BYTES + (has_crc ? EVENT_CRC_BYTES : 0) == in.len);
        look_inside(&ev);
    }
    return 0;
}
