#include "relay/config/config_diff.h"
#include <stdio.h>
#include <string.h>
#include "relay/config/config_table.h"

enum { WHAT_BYTES = 256 };

struct difference {
    config_differs *say;
    void           *arg;
};

/* The array and how many it has; one for a section without a name. */
static const char *sections_of(const struct config *c, const struct config_section *s,
                               size_t *count)
{
    const char *at = (const char *)c + s->at;
    const char *array;

    if (!s->named) {
        *count = 1;
        return at;
    }
    array = *(const char *const *)(const void *)at;
    memcpy(count, (const char *)c + s->count_at, sizeof *count);
    return array;
}

static const char *name_of(const struct config_section *s, const char *one)
{
    const char *name = "";
    if (s->named)
        name = *(const char *const *)(const void *)one;
    return name;
}

static const char *find(const struct config *c, const struct config_section *s, const char *name)
{
    size_t      count;
    const char *array = sections_of(c, s, &count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(name_of(s, array + i * s->size), name) == 0)
            return array + i * s->size;
    return NULL;
}

static bool same_value(const struct config_key *k, const char *a, const char *b)
{
    const char *x, *y;

    if (!config_type_owns_text(k->type))
        return memcmp(a + k->at, b + k->at, k->size) == 0;
    x = *(const char *const *)(const void *)(a + k->at);
    y = *(const char *const *)(const void *)(b + k->at);
    return strcmp(x != NULL ? x : "", y != NULL ? y : "") == 0;
}

static void say(const struct difference *d, const struct config_section *s, const char *name,
                const char *what, enum config_applies applies)
{
    char text[WHAT_BYTES];
    (void)snprintf(text, sizeof text, "[%s%s%s] %s", s->name, *name != '\0' ? " " : "", name, what);
    d->say(d->arg, text, applies);
}

static enum config_applies section_applies(const struct config_section *s)
{
    return strcmp(s->name, "user") == 0 || strcmp(s->name, "source") == 0 ? RELOAD : RESTART;
}

/* ---- a publisher's options, which are a table of their own ---- */

static bool same_text(const void *a, const void *b, size_t ignored)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    (void)ignored;
    return strcmp(x != NULL ? x : "", y != NULL ? y : "") == 0;
}

static bool same_plain(const void *a, const void *b, size_t bytes)
{
    return memcmp(a, b, bytes) == 0;
}

static bool same_rule(const struct option_rule *a, const struct option_rule *b)
{
    return a->kind == b->kind && a->length == b->length &&
           same_text(&a->algorithm, &b->algorithm, 0) && same_text(&a->salt, &b->salt, 0) &&
           same_text(&a->columns, &b->columns, 0);
}

static bool same_rules(const struct options *a, const struct options *b)
{
    if (a->rule_count != b->rule_count)
        return false;
    for (size_t i = 0; i < a->rule_count; i++)
        if (!same_rule(&a->rules[i], &b->rules[i]))
            return false;
    return true;
}

#define SAME(x) _Generic((x), char * : same_text, default : same_plain)
#define COMPARE_OPTION(field, name, kind, dflt, help)                                              \
    if (!SAME(a->field)(&a->field, &b->field, sizeof a->field))                                    \
        say(d, s, section, name, RESTART);

static void compare_options(const struct difference *d, const struct config_section *s,
                            const char *section, const struct options *a, const struct options *b)
{
    PUBLISHER_OPTIONS(COMPARE_OPTION)
    if (!same_rules(a, b))
        say(d, s, section, "column.mask and column.truncate options", RESTART);
}

/* ---- all of it ---- */

static void compare(const struct difference *d, const struct config_section *s,
                    const struct config *before, const struct config *now)
{
    size_t      count;
    const char *array = sections_of(now, s, &count);

    for (size_t i = 0; i < count; i++) {
        const char *one = array + i * s->size, *name = name_of(s, one),
                   *old = find(before, s, name);
        if (old == NULL) {
            say(d, s, name, "(new)", section_applies(s));
            continue;
        }
        for (size_t k = 0; k < s->key_count; k++)
            if (!same_value(&s->keys[k], old, one))
                say(d, s, name, s->keys[k].name, s->keys[k].applies);
        if (s->has_options)
            compare_options(d, s, name,
                            &((const struct config_publisher *)(const void *)old)->options,
                            &((const struct config_publisher *)(const void *)one)->options);
        if (s->has_options &&
            !kafka_settings_equal(&((const struct config_publisher *)(const void *)old)->kafka,
                                  &((const struct config_publisher *)(const void *)one)->kafka))
            say(d, s, name, "kafka and topic.creation settings", RESTART);
    }
    array = sections_of(before, s, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = name_of(s, array + i * s->size);
        if (find(now, s, name) == NULL)
            say(d, s, name, "(gone)", section_applies(s));
    }
}

bool config_source_same(const struct config_source *a, const struct config_source *b)
{
    const struct config_section *s = config_sections;

    while (strcmp(s->name, "source") != 0)
        s++;
    for (size_t k = 0; k < s->key_count; k++)
        if (s->keys[k].applies == RECONNECT &&
            !same_value(&s->keys[k], (const char *)a, (const char *)b))
            return false;
    return true;
}

static bool same_policy(const struct config_channel *a, const struct config_channel *b)
{
    return a->failover == b->failover && a->failover_after == b->failover_after &&
           a->failover_fence == b->failover_fence && a->fork == b->fork;
}

bool config_sources_same(const struct config *a, const struct config *b)
{
    if (a->source_count != b->source_count || a->channel_count != b->channel_count)
        return false;
    for (size_t i = 0; i < a->source_count; i++)
        if (strcmp(a->sources[i].name, b->sources[i].name) != 0 ||
            strcmp(a->sources[i].channel, b->sources[i].channel) != 0 ||
            !config_source_same(&a->sources[i], &b->sources[i]))
            return false;
    for (size_t i = 0; i < a->channel_count; i++)
        if (strcmp(a->channels[i].name, b->channels[i].name) != 0 ||
            !same_policy(&a->channels[i], &b->channels[i]))
            return false;
    return true;
}

void config_diff(const struct config *before, const struct config *now, config_differs *say_one,
                 void *arg)
{
    const struct difference d = { say_one, arg };

    for (size_t i = 0; i < config_section_count; i++)
        compare(&d, &config_sections[i], before, now);
}
