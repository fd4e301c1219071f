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
    return strcmp(s->name, "user") == 0 ? RELOAD : RESTART;
}

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
    }
    array = sections_of(before, s, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = name_of(s, array + i * s->size);
        if (find(now, s, name) == NULL)
            say(d, s, name, "(gone)", section_applies(s));
    }
}

void config_diff(const struct config *before, const struct config *now, config_differs *say_one,
                 void *arg)
{
    const struct difference d = { say_one, arg };

    for (size_t i = 0; i < config_section_count; i++)
        compare(&d, &config_sections[i], before, now);
}
