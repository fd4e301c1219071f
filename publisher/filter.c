#include "publisher/filter.h"
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PATTERNS_MAX = 10000, NAME_PAIR_BYTES = 1024 };

struct patterns {
    regex_t *each;
    size_t   count;
};

struct filter {
    struct patterns databases, tables;
};

static int add_pattern(struct patterns *p, const char *text, size_t length, struct err *e)
{
    char     reason[128];
    regex_t  made;
    regex_t *each = realloc(p->each, (p->count + 1) * sizeof *each);
    size_t   room = length + sizeof "^()$";
    char    *anchored = malloc(room);

    if (each != NULL)
        p->each = each;
    if (each == NULL || anchored == NULL || p->count >= PATTERNS_MAX) {
        free(anchored);
        return err_set(e, E_LIMIT, "too many patterns in an include list");
    }
    (void)snprintf(anchored, room, "^(%.*s)$", (int)length, text);
    int bad = regcomp(&made, anchored, REG_EXTENDED | REG_ICASE | REG_NOSUB);
    free(anchored);
    if (bad != 0) {
        (void)regerror(bad, &made, reason, sizeof reason);
        return err_set(e, E_CONFIG, "'%.*s' is no regular expression: %s", (int)length, text,
                       reason);
    }
    p->each[p->count++] = made;
    return 0;
}

/* Blanks around an expression don't count; an escaped comma is one of the expression. */
static int add_list(struct patterns *p, const char *list, struct err *e)
{
    while (list != NULL && *list != 0) {
        size_t length = 0;
        while (list[length] != 0 &&
               (list[length] != ',' || (length > 0 && list[length - 1] == '\\')))
            length++;
        const char *next = list[length] == ',' ? list + length + 1 : list + length;
        while (length > 0 && *list == ' ') {
            list++;
            length--;
        }
        while (length > 0 && list[length - 1] == ' ')
            length--;
        if (length > 0)
            TRY(add_pattern(p, list, length, e));
        list = next;
    }
    return 0;
}

int filter_new(const char *databases, const char *tables, struct filter **out, struct err *e)
{
    struct filter *f = calloc(1, sizeof *f);

    if (f == NULL)
        return err_set(e, E_NOMEM, "no memory for an include list");
    if (add_list(&f->databases, databases, e) != 0 || add_list(&f->tables, tables, e) != 0) {
        filter_free(f);
        return -1;
    }
    *out = f;
    return 0;
}

static void patterns_done(struct patterns *p)
{
    for (size_t i = 0; i < p->count; i++)
        regfree(&p->each[i]);
    free(p->each);
}

void filter_free(struct filter *f)
{
    if (f == NULL)
        return;
    patterns_done(&f->databases);
    patterns_done(&f->tables);
    free(f);
}

static bool matches(const struct patterns *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (regexec(&p->each[i], name, 0, NULL, 0) == 0)
            return true;
    return p->count == 0;
}

bool filter_takes(const struct filter *f, const char *database, const char *table)
{
    static const char *const system_databases[] = { "mysql", "information_schema",
                                                    "performance_schema", "sys" };
    char                     pair[NAME_PAIR_BYTES];

    for (size_t i = 0; i < sizeof system_databases / sizeof *system_databases; i++)
        if (strcasecmp(database, system_databases[i]) == 0)
            return false;
    (void)snprintf(pair, sizeof pair, "%s.%s", database, table);
    return matches(&f->databases, database) && matches(&f->tables, pair);
}
