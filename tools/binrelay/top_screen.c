#include "tools/binrelay/top_screen.h"
#include <inttypes.h>
#include <string.h>
#include "protocol/base/json.h"
#include "tools/binrelay/answer.h"
#include "tools/binrelay/grid.h"
#include "tools/binrelay/text.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* ---- for a terminal ------------------------------------------------------------------------ */

static void put_rate(struct grid *g, double rate, const char *unit)
{
    char bytes[TEXT_BYTES];

    if (rate < 0)
        grid_put(g, "-");
    else if (*unit != '\0')
        grid_put(g, "%s%s", text_of_bytes((uint64_t)rate, bytes), unit);
    else
        grid_put(g, rate < 10 ? "%.1f/s" : "%.0f/s", rate);
}

static void put_lag(struct grid *g, struct json_object *x)
{
    char span[TEXT_BYTES];
    if (answer_has(x, "lag_s"))
        grid_put(g, "%s", text_of_span(answer_int(x, "lag_s"), span));
    else
        grid_put(g, "-");
}

static void put_bytes(struct grid *g, struct json_object *x, const char *name)
{
    char bytes[TEXT_BYTES];
    if (answer_has(x, name))
        grid_put(g, "%s", text_of_bytes(answer_uint(x, name), bytes));
    else
        grid_put(g, "-");
}

static void put_place(struct grid *g, struct json_object *x)
{
    if (answer_has(x, "file"))
        grid_put(g, "%s:%" PRIu64, answer_text(x, "file"), answer_uint(x, "offset"));
    else
        grid_put(g, "-");
}

static void put_channel(struct grid *g, const struct top_pair *p, struct json_object *channel)
{
    struct json_object *source = answer_member(channel, "source");
    struct json_object *store = answer_member(channel, "store");

    grid_put(g, "%s", answer_text(channel, "name"));
    grid_put(g, "%s", answer_text(channel, "state"));
    grid_put(g, "%s", source != NULL ? answer_text(source, "name") : "-");
    put_lag(g, source);
    put_rate(g, top_source_rate(p, channel, "received_bytes"), "/s");
    put_rate(g, top_source_rate(p, channel, "received_events"), "");
    put_place(g, answer_member(channel, "published"));
    put_bytes(g, store, "bytes");
    put_bytes(g, store, "free_bytes");
    grid_put(g, "%s", answer_has(channel, "problem") ? answer_text(channel, "problem") : "");
}

static void put_publisher(struct grid *g, const struct top_pair *p, struct json_object *channel,
                          struct json_object *x)
{
    grid_put(g, "%s", answer_text(x, "name"));
    grid_put(g, "%s", answer_text(channel, "name"));
    grid_put(g, "%s", answer_text(x, "state"));
    put_lag(g, x);
    put_rate(g, top_publisher_rate(p, channel, x), "");
    grid_put(g, "%" PRIu64, answer_uint(x, "events"));
    put_place(g, answer_member(x, "next"));
    grid_put(g, "%s", answer_has(x, "problem") ? answer_text(x, "problem") : "");
}

static void put_consumer(struct grid *g, const struct top_pair *p, struct json_object *x)
{
    char span[TEXT_BYTES];

    grid_put(g, "%s", answer_text(x, "name"));
    grid_put(g, "%s", answer_text(x, "channel"));
    grid_put(g, "%s", answer_text(x, "user"));
    if (answer_flag(x, "connected"))
        grid_put(g, "connected");
    else
        grid_put(g, "away %s", text_of_span(answer_int(answer_member(x, "hold"), "away_s"), span));
    put_lag(g, x);
    put_bytes(g, x, "lag_bytes");
    put_rate(g, top_consumer_rate(p, x), "/s");
    put_place(g, x);
    put_bytes(g, answer_member(x, "hold"), "bytes");
}

static int print_grid(struct grid *g, FILE *to, struct err *e)
{
    (void)fputc('\n', to);
    int result = grid_print(g, to, e);
    grid_done(g);
    return result;
}

static int print_channels(const struct top_pair *p, FILE *to, struct err *e)
{
    static const char *const titles[] = { "channel", "state",     "source", ">lag",  ">received",
                                          ">events", "published", ">held",  ">free", "problem" };
    struct json_object      *channels = answer_member(p->now->status, "channels");
    struct grid              g;

    grid_init(&g, titles, COUNT_OF(titles));
    for (size_t i = 0; i < answer_count(channels); i++)
        put_channel(&g, p, answer_item(channels, i));
    return print_grid(&g, to, e);
}

static int print_publishers(const struct top_pair *p, FILE *to, struct err *e)
{
    static const char *const titles[] = { "publisher", "channel", "state", ">lag",
                                          ">events",   ">in all", "next",  "problem" };
    struct json_object      *channels = answer_member(p->now->status, "channels");
    struct grid              g;
    size_t                   count = 0;

    grid_init(&g, titles, COUNT_OF(titles));
    for (size_t i = 0; i < answer_count(channels); i++) {
        struct json_object *all = answer_member(answer_item(channels, i), "publishers");
        for (size_t k = 0; k < answer_count(all); k++, count++)
            put_publisher(&g, p, answer_item(channels, i), answer_item(all, k));
    }
    if (count > 0)
        return print_grid(&g, to, e);
    grid_done(&g);
    return 0;
}

static int print_consumers(const struct top_pair *p, FILE *to, struct err *e)
{
    static const char *const titles[] = { "consumer", "channel", "user",    "state",       ">lag",
                                          ">behind",  ">sent",   "sent to", ">held for it" };
    struct grid              g;

    if (p->now->consumer_count == 0) {
        (void)fputs("\nno consumers yet\n", to);
        return 0;
    }
    grid_init(&g, titles, COUNT_OF(titles));
    for (size_t i = 0; i < p->now->consumer_count; i++)
        put_consumer(&g, p, p->now->consumers[i]);
    return print_grid(&g, to, e);
}

int top_print(const struct top_pair *p, FILE *to, struct err *e)
{
    struct json_object *s = p->now->status;
    char                span[TEXT_BYTES];

    (void)fprintf(to, "binrelay %s, pid %" PRIu64 ", up %s; %zu sessions\n",
                  answer_text(s, "version"), answer_uint(s, "pid"),
                  text_of_span(answer_int(s, "uptime_s"), span),
                  answer_count(answer_member(s, "sessions")));
    TRY(print_channels(p, to, e));
    TRY(print_publishers(p, to, e));
    return print_consumers(p, to, e);
}

/* ---- for programs -------------------------------------------------------------------------- */

static void put_text(struct json *j, const char *name, struct json_object *from, const char *member)
{
    json_name(j, name);
    if (answer_has(from, member))
        json_text(j, answer_text(from, member));
    else
        json_null(j);
}

static void put_number(struct json *j, struct json_object *from, const char *member)
{
    json_name(j, member);
    if (answer_has(from, member))
        json_int(j, answer_int(from, member));
    else
        json_null(j);
}

/* With three digits behind the point; null: not known. */
static void put_decimal(struct json *j, const char *name, double value)
{
    char text[64];

    (void)snprintf(text, sizeof text, "%.3f", value);
    json_name(j, name);
    if (value < 0)
        json_null(j);
    else
        json_raw(j, slice_of_text(text));
}

static void put_publishers_json(struct json *j, const struct top_pair *p,
                                struct json_object *channel)
{
    struct json_object *all = answer_member(channel, "publishers");

    json_name(j, "publishers");
    json_open_array(j);
    for (size_t i = 0; i < answer_count(all); i++) {
        struct json_object *x = answer_item(all, i);
        json_open_object(j);
        put_text(j, "name", x, "name");
        put_text(j, "state", x, "state");
        put_number(j, x, "lag_s");
        put_number(j, x, "events");
        put_decimal(j, "events_per_s", top_publisher_rate(p, channel, x));
        json_close_object(j);
    }
    json_close_array(j);
}

static void put_channel_json(struct json *j, const struct top_pair *p, struct json_object *channel)
{
    struct json_object *source = answer_member(channel, "source");

    json_open_object(j);
    put_text(j, "name", channel, "name");
    put_text(j, "state", channel, "state");
    put_text(j, "source", source, "name");
    put_number(j, source, "lag_s");
    put_decimal(j, "bytes_per_s", top_source_rate(p, channel, "received_bytes"));
    put_decimal(j, "events_per_s", top_source_rate(p, channel, "received_events"));
    put_text(j, "file", answer_member(channel, "published"), "file");
    put_number(j, answer_member(channel, "published"), "offset");
    put_publishers_json(j, p, channel);
    json_close_object(j);
}

static void put_consumer_json(struct json *j, const struct top_pair *p, struct json_object *x)
{
    json_open_object(j);
    put_text(j, "name", x, "name");
    put_text(j, "channel", x, "channel");
    put_text(j, "user", x, "user");
    json_name(j, "connected");
    json_bool(j, answer_flag(x, "connected"));
    put_number(j, x, "lag_s");
    put_number(j, x, "lag_bytes");
    put_decimal(j, "bytes_per_s", top_consumer_rate(p, x));
    json_close_object(j);
}

void top_put_json(const struct top_pair *p, struct buf *out)
{
    struct json_object *channels = answer_member(p->now->status, "channels");
    struct json         j = json_into(out);

    json_open_object(&j);
    put_decimal(&j, "seconds", top_seconds(p));
    json_name(&j, "channels");
    json_open_array(&j);
    for (size_t i = 0; i < answer_count(channels); i++)
        put_channel_json(&j, p, answer_item(channels, i));
    json_close_array(&j);
    json_name(&j, "consumers");
    json_open_array(&j);
    for (size_t i = 0; i < p->now->consumer_count; i++)
        put_consumer_json(&j, p, p->now->consumers[i]);
    json_close_array(&j);
    json_close_object(&j);
    buf_put_u8(out, '\n');
}
