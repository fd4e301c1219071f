#define PCRE2_CODE_UNIT_WIDTH 8
#include "publisher/pattern.h"
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum { PATTERNS_MAX = 10000, REASON_BYTES = 160 };

struct patterns {
    pcre2_code **each;
    size_t       count;
};

static int add(struct patterns *p, const char *text, size_t length, struct err *e)
{
    int          code = 0;
    PCRE2_SIZE   at = 0;
    pcre2_code **each = NULL;

    if (p->count < PATTERNS_MAX)
        each = realloc((void *)p->each, (p->count + 1) * sizeof(pcre2_code *));
    if (each == NULL)
        return err_set(e, E_LIMIT, "too many regular expressions in a list");
    p->each = each;
    pcre2_code *made = pcre2_compile(
        (PCRE2_SPTR)text, length, PCRE2_UTF | PCRE2_CASELESS | PCRE2_ANCHORED | PCRE2_ENDANCHORED,
        &code, &at, NULL);
    if (made == NULL) {
        PCRE2_UCHAR reason[REASON_BYTES];
        (void)pcre2_get_error_message(code, reason, sizeof reason);
        return err_set(e, E_CONFIG, "'%.*s' is no regular expression: %s at character %zu",
                       (int)length, text, (const char *)reason, (size_t)at + 1);
    }
    p->each[p->count++] = made;
    return 0;
}

/* Blanks around an expression don't count; an escaped comma is one of the expression. */
static int add_list(struct patterns *p, const char *list, struct err *e)
{
    while (*list != 0) {
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
            TRY(add(p, list, length, e));
        list = next;
    }
    return 0;
}

int patterns_new(const char *list, struct patterns **out, struct err *e)
{
    struct patterns *p = calloc(1, sizeof *p);

    if (p == NULL)
        return err_set(e, E_NOMEM, "no memory for a list of regular expressions");
    if (add_list(p, list, e) != 0) {
        patterns_free(p);
        return -1;
    }
    *out = p;
    return 0;
}

int patterns_new_single(const char *text, size_t length, struct patterns **out, struct err *e)
{
    struct patterns *p = calloc(1, sizeof *p);

    if (p == NULL)
        return err_set(e, E_NOMEM, "no memory for a regular expression");
    if (add(p, text, length, e) != 0) {
        patterns_free(p);
        return -1;
    }
    *out = p;
    return 0;
}

void patterns_free(struct patterns *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++)
        pcre2_code_free(p->each[i]);
    free((void *)p->each);
    free(p);
}

bool patterns_empty(const struct patterns *p)
{
    return p->count == 0;
}

/* Asked once a table, not once a row: the room for a match is not worth keeping. */
bool patterns_match(const struct patterns *p, const char *name)
{
    bool found = false;

    for (size_t i = 0; i < p->count && !found; i++) {
        pcre2_match_data *room = pcre2_match_data_create(1, NULL);
        found = room != NULL &&
                pcre2_match(p->each[i], (PCRE2_SPTR)name, strlen(name), 0, 0, room, NULL) >= 0;
        pcre2_match_data_free(room);
    }
    return found;
}
