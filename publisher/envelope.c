#include "publisher/envelope.h"
#include "protocol/base/json.h"
#include <time.h>

static void put_name_and_number(struct buf *out, const char *name, int64_t value)
{
    buf_put_text(out, name);
    buf_put_decimal(out, value);
}

void envelope_put_source_head(struct buf *out, const struct envelope_source *s)
{
    bool        is_mariadb = s->family == FAMILY_MARIADB;
    struct json j = json_into(out);

    buf_put_text(out, is_mariadb ? "{\"version\":\"" ENVELOPE_VERSION_MARIADB
                                   "\",\"connector\":\"mariadb\",\"name\":"
                                 : "{\"version\":\"" ENVELOPE_VERSION_MYSQL
                                   "\",\"connector\":\"mysql\",\"name\":");
    buf_put(out, s->name_json);
    put_name_and_number(out, ",\"ts_ms\":", s->time_us / 1000);
    buf_put_text(out, ",\"snapshot\":\"false\",\"db\":");
    buf_put(out, s->database_json);
    put_name_and_number(out, ",\"sequence\":null,\"ts_us\":", s->time_us);
    put_name_and_number(out, ",\"ts_ns\":", s->time_us * 1000);
    buf_put_text(out, ",\"table\":");
    buf_put(out, s->table_json);
    put_name_and_number(out, ",\"server_id\":", s->server_id);
    buf_put_text(out, ",\"gtid\":");
    if (s->gtid[0] != 0)
        json_text(&j, s->gtid);
    else
        buf_put_text(out, "null");
    buf_put_text(out, ",\"file\":");
    j.comma = false;
    json_text(&j, s->file);
    put_name_and_number(out, ",\"pos\":", (int64_t)s->position);
    buf_put_text(out, ",\"row\":");
}

void envelope_put_source_tail(struct buf *out, const struct envelope_source *s)
{
    buf_put_text(out, ",\"thread\":");
    if (s->has_thread)
        buf_put_decimal(out, s->thread_id);
    else
        buf_put_text(out, "null");
    buf_put_text(out, ",\"query\":null}");
}

void envelope_put_end(struct buf *out, char op)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    buf_put_text(out, ",\"transaction\":null,\"op\":\"");
    buf_put_u8(out, (uint8_t)op);
    put_name_and_number(out, "\",\"ts_ms\":", ns / 1000000);
    put_name_and_number(out, ",\"ts_us\":", ns / 1000);
    put_name_and_number(out, ",\"ts_ns\":", ns);
    buf_put_u8(out, '}');
}
