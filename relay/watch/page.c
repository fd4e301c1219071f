#include "relay/watch/page.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "protocol/base/json.h"
#include "relay/watch/history.h"
#include "relay/watch/overview.h"
#include "relay/watch/page_file.h"

enum { CHART_WIDTH = 240, CHART_HEIGHT = 38, CHART_FLOOR = 36, CHART_TOP = 11 };

/* ---- texts --------------------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *text)
{
    struct buf utf8;

    buf_init(&utf8, strlen(text) * 3 + 1);
    json_put_utf8(&utf8, slice_of_text(text));
    for (const char *at = buf_text(&utf8); *at != '\0'; at++) {
        switch (*at) {
        case '&':
            buf_put_text(out, "&amp;");
            break;
        case '<':
            buf_put_text(out, "&lt;");
            break;
        case '>':
            buf_put_text(out, "&gt;");
            break;
        case '"':
            buf_put_text(out, "&quot;");
            break;
        case '\'':
            buf_put_text(out, "&#39;");
            break;
        default:
            buf_put_u8(out, (unsigned char)*at < ' ' ? ' ' : (uint8_t)*at);
        }
    }
    buf_done(&utf8);
}

static void put_bytes(struct buf *out, double bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    size_t                   unit = 0;

    if (isnan(bytes)) {
        buf_put_text(out, "–");
        return;
    }
    for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        bytes /= 1024;
    buf_printf(out, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

static void put_span(struct buf *out, double seconds)
{
    if (isnan(seconds))
        buf_put_text(out, "–");
    else if (seconds < 120)
        buf_printf(out, "%.0f s", seconds);
    else if (seconds < 7200)
        buf_printf(out, "%.0f min", seconds / 60);
    else if (seconds < 172800)
        buf_printf(out, "%.0f h", seconds / 3600);
    else
        buf_printf(out, "%.0f days", seconds / 86400);
}

static void put_time(struct buf *out, int64_t time_s)
{
    char      text[32];
    struct tm utc;
    time_t    t = (time_t)time_s;

    (void)gmtime_r(&t, &utc);
    if (time_s > 0 && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc) > 0)
        buf_put_text(out, text);
    else
        buf_put_text(out, "–");
}

/* What a state means for whoever looks: fine, on its way, or in need of a person. */
static const char *class_of(const char *state)
{
    static const char *const classes[][2] = {
        { "following", "good" },      { "running", "good" }, { "idle", "good" },
        { "active", "good" },         { "ready", "good" },   { "connected", "good" },
        { "stopped", "bad" },         { "failed", "bad" },   { "ended", "bad" },
        { "does not answer", "bad" }, { "lost", "bad" },
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strcmp(classes[i][0], state) == 0)
            return classes[i][1];
    return "busy";
}

static void put_state(struct buf *out, const char *state)
{
    buf_printf(out, "<span class=\"state %s\">", class_of(state));
    put_text(out, state);
    buf_put_text(out, "</span>");
}

static void put_cell(struct buf *out, const char *text)
{
    buf_put_text(out, "<td>");
    put_text(out, *text != '\0' ? text : "–");
    buf_put_text(out, "</td>");
}

/* A place or address: in one line. */
static void put_place_cell(struct buf *out, const char *text)
{
    buf_put_text(out, "<td class=\"p\">");
    put_text(out, *text != '\0' ? text : "–");
    buf_put_text(out, "</td>");
}

static void put_head(struct buf *out, const char *title, const char *const *names)
{
    buf_printf(out, "<h3>%s</h3>\n<table><tr>", title);
    for (; *names != NULL; names++)
        buf_printf(out, **names == '>' ? "<th class=\"n\">%s</th>" : "<th>%s</th>",
                   *names + (**names == '>'));
    buf_put_text(out, "</tr>\n");
}

static void put_number_cell(struct buf *out, void (*put)(struct buf *out, double value),
                            double      value)
{
    buf_put_text(out, "<td class=\"n\">");
    put(out, value);
    buf_put_text(out, "</td>");
}

/* ---- charts -------------------------------------------------------------------------------- */

/* The newest sample is at the right; an hour is the whole width. */
static void put_chart(struct buf *out, struct history *h, enum history_of of, const char *channel,
                      const char *name)
{
    float  value[HISTORY_SAMPLES];
    size_t count = history_get(h, of, channel, name, value);
    float  most = 0;
    bool   pen = false;

    for (size_t i = 0; i < count; i++)
        if (!isnan(value[i]) && value[i] > most)
            most = value[i];
    buf_printf(out,
               "<td class=\"c\"><svg viewBox=\"0 0 %d %d\" role=\"img\"><title>lag in the last "
               "hour</title><line x1=\"0\" y1=\"%d.5\" x2=\"%d\" y2=\"%d.5\"/>",
               CHART_WIDTH, CHART_HEIGHT, CHART_FLOOR, CHART_WIDTH, CHART_FLOOR);
    buf_put_text(out, "<path d=\"");
    for (size_t i = 0; i < count; i++) {
        double x =
            CHART_WIDTH - (double)(count - 1 - i) * CHART_WIDTH / (double)(HISTORY_SAMPLES - 1) - 1;
        double y = CHART_FLOOR;
        if (!isnan(value[i]) && most > 0)
            y -= (double)value[i] / (double)most * (CHART_FLOOR - CHART_TOP);
        if (!isnan(value[i]))
            buf_printf(out, "%c%.1f %.1f", pen ? 'L' : 'M', x, y);
        /* One sample alone is a dot. */
        if (!isnan(value[i]) && !pen)
            buf_printf(out, "L%.1f %.1f", x, y);
        pen = !isnan(value[i]);
    }
    buf_put_text(out, "\"/><text x=\"0\" y=\"8\">");
    if (count > 0) {
        buf_put_text(out, "at most ");
        put_span(out, (double)most);
    }
    buf_put_text(out, "</text></svg></td>");
}

/* ---- a channel's parts --------------------------------------------------------------------- */

struct page {
    const struct overview         *o;
    struct history                *h;
    struct buf                    *out;
    const struct overview_channel *channel;
};

static bool is_here(const struct page *p, const char *channel)
{
    return strcmp(channel, p->channel->name) == 0;
}

static const struct overview_source *active_source(const struct page *p)
{
    for (size_t i = 0; i < p->o->sources.count; i++)
        if (is_here(p, p->o->sources.items[i].channel))
            return &p->o->sources.items[i];
    return NULL;
}

static void put_active(const struct page *p, const struct overview_source *s)
{
    struct buf *out = p->out;

    buf_put_text(out, "<tr>");
    put_cell(out, s->name);
    put_place_cell(out, s->address);
    put_cell(out, s->server);
    buf_put_text(out, "<td>");
    put_state(out, s->state);
    buf_put_text(out, " for ");
    put_span(out, (double)(p->o->now_s - s->since_s));
    buf_put_text(out, !s->semi_sync_wanted ? ""
                      : s->semi_sync       ? ", semi-sync on"
                                           : ", <span class=\"busy\">semi-sync inactive</span>");
    buf_put_text(out, "</td><td class=\"p\">");
    put_text(out, *s->file != '\0' ? s->file : "–");
    if (*s->file != '\0')
        buf_printf(out, ":%" PRIu64, s->offset);
    buf_put_text(out, "</td>");
    put_number_cell(out, put_bytes, (double)s->received_bytes);
    put_number_cell(out, put_span, s->lag_s);
    put_chart(out, p->h, HISTORY_SOURCE, s->channel, s->name);
    buf_put_text(out, "</tr>\n");
}

static void put_candidate(const struct page *p, const struct overview_candidate *c)
{
    struct buf *out = p->out;

    buf_put_text(out, "<tr>");
    put_cell(out, c->name);
    put_place_cell(out, c->address);
    put_cell(out, c->server);
    buf_put_text(out, "<td>");
    put_state(out, !c->looked       ? "not looked at yet"
                   : !c->answers    ? "does not answer"
                   : c->lacking > 0 ? "behind"
                   : c->ready       ? "ready"
                                    : "unfit");
    if (c->lacking > 0)
        buf_printf(out, ", lacks %.0f transactions", c->lacking);
    buf_put_text(out, " ");
    put_text(out, c->problem);
    buf_put_text(out,
                 "</td><td>–</td><td class=\"n\">–</td><td class=\"n\">–</td><td></td></tr>\n");
}

static void put_sources(const struct page *p)
{
    static const char *const      names[] = { "name",   "address", "server", "state", "received to",
                                              ">bytes", ">lag",    "",       NULL };
    const struct overview_source *active = active_source(p);

    put_head(p->out, "Sources", names);
    if (active != NULL)
        put_active(p, active);
    for (size_t i = 0; i < p->o->candidates.count; i++) {
        const struct overview_candidate *c = &p->o->candidates.items[i];
        if (is_here(p, c->channel) && !c->active)
            put_candidate(p, c);
    }
    buf_put_text(p->out, "</table>\n");
}

static void put_consumer(const struct page *p, const struct overview_consumer *c)
{
    struct buf *out = p->out;

    buf_put_text(out, "<tr>");
    put_cell(out, c->name);
    put_cell(out, c->user);
    put_place_cell(out, c->address);
    buf_put_text(out, "<td>");
    put_state(out, !c->held ? "lost" : c->connected ? "connected" : "away");
    if (!c->connected && c->seen_s != 0) {
        buf_put_text(out, " for ");
        put_span(out, (double)(p->o->now_s - c->seen_s));
    }
    if (*c->hold_limit != '\0')
        buf_printf(out, ", %u %% of %s", c->hold_percent, c->hold_limit);
    buf_put_text(out, "</td>");
    put_place_cell(out, c->place);
    put_number_cell(out, put_bytes, c->lag_bytes);
    put_number_cell(out, put_span, c->lag_s);
    put_chart(out, p->h, HISTORY_CONSUMER, c->channel, c->name);
    buf_put_text(out, "</tr>\n");
}

static void put_consumers(const struct page *p)
{
    static const char *const names[] = { "name",    "user", "address", "state", "sent to",
                                         ">behind", ">lag", "",        NULL };
    if (p->channel->consumers == 0) {
        buf_put_text(p->out, "<h3>Consumers</h3>\n<p class=\"none\">Nobody yet.</p>\n");
        return;
    }
    put_head(p->out, "Consumers", names);
    for (size_t i = 0; i < p->o->consumers.count; i++)
        if (is_here(p, p->o->consumers.items[i].channel))
            put_consumer(p, &p->o->consumers.items[i]);
    buf_put_text(p->out, "</table>\n");
}

static void put_publisher(const struct page *p, const struct overview_publisher *x)
{
    struct buf *out = p->out;

    buf_put_text(out, "<tr>");
    put_cell(out, x->name);
    put_cell(out, x->sink);
    buf_put_text(out, "<td>");
    put_state(out, x->state);
    buf_put_text(out, " ");
    put_text(out, x->problem);
    if (x->snapshot_active) {
        buf_put_text(out, x->snapshot_paused ? ", snapshot paused" : ", snapshot");
        put_text(out, *x->snapshot_table != '\0' ? " at " : "");
        put_text(out, x->snapshot_table);
        buf_printf(out, ": %" PRIu64 " rows of it, %zu tables left", x->snapshot_rows,
                   x->snapshot_tables_left);
    }
    buf_put_text(out, "</td>");
    put_place_cell(out, x->place);
    buf_printf(out, "<td class=\"n\">%" PRIu64 "</td>", x->events);
    put_number_cell(out, put_bytes, x->lag_bytes);
    put_number_cell(out, put_span, x->lag_s);
    put_chart(out, p->h, HISTORY_PUBLISHER, x->channel, x->name);
    buf_put_text(out, "</tr>\n");
}

static void put_publishers(const struct page *p)
{
    static const char *const names[] = { "name",    "sink", "state", "next", ">events",
                                         ">behind", ">lag", "",      NULL };
    bool                     any = false;

    for (size_t i = 0; i < p->o->publishers.count; i++) {
        const struct overview_publisher *x = &p->o->publishers.items[i];
        if (!is_here(p, x->channel))
            continue;
        if (!any)
            put_head(p->out, "Publishers", names);
        any = true;
        put_publisher(p, x);
    }
    if (any)
        buf_put_text(p->out, "</table>\n");
}

static void put_epochs(const struct page *p)
{
    static const char *const names[] = {
        ">epoch", "since", "source", "begins with", "joined", NULL
    };
    put_head(p->out, "Epochs", names);
    for (size_t i = p->o->epochs.count; i > 0; i--) {
        const struct overview_epoch *x = &p->o->epochs.items[i - 1];
        if (!is_here(p, x->channel))
            continue;
        buf_printf(p->out, "<tr><td>%" PRIu32 "</td><td class=\"p\">", x->epoch);
        put_time(p->out, x->begun_s);
        buf_put_text(p->out, "</td>");
        put_cell(p->out, x->source);
        put_cell(p->out, *x->file != '\0' ? x->file : "(forgotten)");
        buf_put_text(p->out, "<td>");
        put_text(p->out, x->method);
        buf_put_text(p->out,
                     x->forked ? ", <span class=\"bad\">fork</span></td></tr>\n" : "</td></tr>\n");
    }
    buf_put_text(p->out, "</table>\n");
}

static void put_store(const struct page *p)
{
    const struct overview_channel *c = p->channel;
    struct buf                    *out = p->out;

    buf_put_text(out, "<p class=\"facts\">published to ");
    put_text(out, *c->published != '\0' ? c->published : "nothing yet");
    buf_printf(out, " · %" PRIu32 " relay files, ", c->files);
    put_bytes(out, (double)c->bytes);
    if (c->oldest_s != 0) {
        buf_put_text(out, " from ");
        put_time(out, c->oldest_s);
        buf_put_text(out, " on");
    }
    buf_put_text(out, " · ");
    put_bytes(out, c->free_known ? (double)c->free_bytes : NAN);
    buf_put_text(out, " free");
    if (c->free_known && c->free_bytes / 2 < c->reserve_bytes)
        buf_put_text(out, ", <span class=\"bad\">less than twice the reserve</span>");
    buf_put_text(out, "</p>\n");
}

static void put_channel(const struct page *p)
{
    const struct overview_channel *c = p->channel;
    struct buf                    *out = p->out;

    buf_put_text(out, "<section>\n<h2>");
    put_text(out, c->name);
    buf_put_text(out, " ");
    put_state(out, c->state);
    buf_put_text(out, "</h2>\n");
    if (*c->problem != '\0' && !c->following) {
        buf_put_text(out, "<p class=\"problem bad\">");
        put_text(out, c->problem);
        buf_put_text(out, "</p>\n");
    }
    if (c->open) {
        put_store(p);
        put_sources(p);
        put_consumers(p);
        put_publishers(p);
        put_epochs(p);
    }
    buf_put_text(out, "</section>\n");
}

static void put_top(const struct page *p)
{
    const struct overview *o = p->o;
    struct buf            *out = p->out;

    buf_put_text(out, "<header><h1>binrelay ");
    if (o->info.count > 0)
        put_text(out, o->info.items[0].label[0]);
    buf_put_text(out, "</h1><p>");
    if (o->process.count > 0) {
        buf_put_text(out, "up ");
        put_span(out, (double)(o->now_ms - o->process.items[0].started_ms) / 1000);
        buf_printf(out, " · %zu sessions, %zu of them streaming · ", o->process.items[0].sessions,
                   o->process.items[0].streams);
        put_bytes(out, o->process.items[0].resident_bytes);
        buf_put_text(out, " of memory · ");
    }
    put_time(out, o->now_s);
    buf_put_text(out, "</p></header>\n");
}

void page_put(const struct overview *o, struct history *h, struct buf *out)
{
    struct slice before, after;
    struct page  p = { .o = o, .h = h, .out = out };

    page_file_parts(&before, &after);
    buf_put(out, before);
    put_top(&p);
    for (size_t i = 0; i < o->channels.count; i++) {
        p.channel = &o->channels.items[i];
        put_channel(&p);
    }
    buf_put(out, after);
}
