#include "relay/watch/metrics.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "protocol/base/json.h"
#include "relay/watch/metric_table.h"
#include "relay/watch/overview.h"

/* ---- the table as data --------------------------------------------------------------------- */

#define SCOPE_ENUM(of, list, type, labels) OF_##of,
enum scope { METRIC_SCOPES(SCOPE_ENUM) SCOPES };

#define SCOPE_TYPE(of, list, type, labels) typedef struct type of_##of;
METRIC_SCOPES(SCOPE_TYPE)

static const char *const scope_labels[SCOPES] = {
#define SCOPE_LABELS(of, list, type, labels) [OF_##of] = (labels),
    METRIC_SCOPES(SCOPE_LABELS)
};

static const char gauge[] = "gauge", counter[] = "counter";
#define TYPE_GAUGE   gauge
#define TYPE_COUNTER counter

#define VALUE(name, of, type, help, value)                                                         \
    static double value_##name(const void *item)                                                   \
    {                                                                                              \
        const of_##of *x = item;                                                                   \
        return (double)(value);                                                                    \
    }
METRICS(VALUE)

static const struct metric {
    const char *name, *type, *help;
    enum scope  of;
    double (*value)(const void *item);
} metrics[] = {
#define ROW(name, of, type, help, value) { #name, TYPE_##type, help, OF_##of, value_##name },
    METRICS(ROW)
};
enum { METRIC_COUNT = sizeof metrics / sizeof metrics[0] };

size_t metrics_count(void)
{
    return METRIC_COUNT;
}

void metrics_info(size_t index, struct metric_info *out)
{
    assert(index < METRIC_COUNT);
    const struct metric *m = &metrics[index];
    *out = (struct metric_info){ m->name, m->type, scope_labels[m->of], m->help };
}

/* ---- the text ------------------------------------------------------------------------------ */

/* All that a scope is told of: an array of things that begin with their labels. */
struct items {
    const char *first;
    size_t      count, size;
};

static struct items items_of(const struct overview *o, enum scope of)
{
    switch (of) {
#define SCOPE_ITEMS(of, list, type, labels)                                                        \
    case OF_##of:                                                                                  \
        return (struct items){ (const char *)o->list.items, o->list.count, sizeof(struct type) };
        METRIC_SCOPES(SCOPE_ITEMS)
    case SCOPES:
        break;
    }
    return (struct items){ 0 };
}

static void put_value(struct buf *out, double value)
{
    /* Whole numbers as such: easier to read, and exact. */
    if (value == floor(value) && fabs(value) < 9007199254740992.0)
        buf_printf(out, "%.0f", value);
    else
        buf_printf(out, "%.6f", value);
}

/* Names come from peers: what the format needs escaped is, and no line ends in the middle. */
static void put_label_value(struct buf *out, const char *text)
{
    struct buf utf8;

    buf_init(&utf8, strlen(text) * 3 + 1);
    json_put_utf8(&utf8, slice_of_text(text));
    for (const char *at = buf_text(&utf8); *at != '\0'; at++) {
        if (*at == '\\' || *at == '"')
            buf_put_u8(out, '\\');
        if (*at == '\n')
            buf_put_text(out, "\\n");
        else
            buf_put_u8(out, (uint8_t)*at);
    }
    buf_done(&utf8);
}

static void put_labels(struct buf *out, const char *names, const char *const label[OVERVIEW_LABELS])
{
    for (size_t i = 0; i < OVERVIEW_LABELS && *names != '\0'; i++) {
        size_t n = strcspn(names, ",");
        buf_printf(out, "%s%.*s=\"", i == 0 ? "{" : ",", (int)n, names);
        put_label_value(out, label[i] != NULL ? label[i] : "");
        buf_put_u8(out, '"');
        names += n + (names[n] == ',');
        if (*names == '\0')
            buf_put_u8(out, '}');
    }
}

static void put_metric(struct buf *out, const struct metric *m, const struct items *items)
{
    bool headed = false;

    for (size_t i = 0; i < items->count; i++) {
        const char *item = items->first + i * items->size;
        double      value = m->value(item);
        if (isnan(value))
            continue;
        if (!headed)
            buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
        headed = true;
        buf_put_text(out, m->name);
        put_labels(out, scope_labels[m->of], (const char *const *)(const void *)item);
        buf_put_u8(out, ' ');
        put_value(out, value);
        buf_put_u8(out, '\n');
    }
}

void metrics_put(const struct overview *o, struct buf *out)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        struct items items = items_of(o, metrics[i].of);
        put_metric(out, &metrics[i], &items);
    }
}
