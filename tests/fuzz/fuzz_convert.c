#include "publisher/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What comes out is one line's worth of JSON: no byte that would end the line. */
static int on_change(void *arg, const struct change_event *ev, struct err *e)
{
    size_t *events = arg;

    (void)e;
    ++*events;
    assert(ev->topic.len > 0 && memchr(ev->topic.ptr, '\n', ev->topic.len) == NULL);
    assert(ev->key.len == 0 || memchr(ev->key.ptr, '\n', ev->key.len) == NULL);
    assert(ev->value.len == 0 ||
           (memchr(ev->value.ptr, '\n', ev->value.len) == NULL && ev->value.ptr[0] == '{' &&
            ev->value.ptr[ev->value.len - 1] == '}'));
    return 0;
}

/*
 * A binlog file of a real server with bytes changed: table maps, rows and compressed payloads that
 * lie about their lengths, types and columns. An event that is refused does not end the run.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct options               all;
    static const struct convert_options options = { .options = &all };
    struct cursor                       c = cursor_over((struct slice){ data, size });
    struct store_file                   file = { .ordinal = 1, .name = "binlog.000001" };
    struct format                       f = { .has_crc = true, .header_bytes = EVENT_HEADER_BYTES };
    struct convert                     *convert = NULL;
    struct err                          e;
    size_t                              events = 0;

    if (all.topic_prefix == NULL &&
        (options_init(&all, &e) != 0 || options_set(&all, "topic.prefix", "fuzz", &e) != 0 ||
         options_set(&all, "schemas.enable", "true", &e) != 0 ||
         options_set(&all, "provide.transaction.metadata", "true", &e) != 0))
        return 0;
    if (convert_new(&options, NULL, NULL, NULL, on_change, &events, &convert, &e) != 0)
        return 0;
    cursor_skip(&c, BINLOG_MAGIC_BYTES);
    while (c.left > 0) {
        struct event ev;
        bool         between = false;
        size_t       offset = size - c.left;
        if (event_parse_head((struct slice){ c.at, c.left }, f.has_crc, &ev, &e) != 0 ||
            event_parse(cursor_slice(&c, ev.length), f.has_crc, &ev, &e) != 0)
            break;
        if (ev.type == EVENT_FORMAT_DESCRIPTION)
            (void)!format_parse(ev.whole, &f, &e);
        (void)!convert_event(convert, &f, &file, store_pos_at(1, offset), &ev, &between, &e);
    }
    convert_free(convert);
    return 0;
}
