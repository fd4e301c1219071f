#include "relay/upstream/remembered.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TEXT_BYTES_MAX = 1024 * 1024, VARIABLES_MAX = 4096 };

struct remembered_list {
    _Atomic(unsigned)  users;
    size_t             count;
    struct remembered *all;  /* ascending by name */
    char              *text; /* what names and values point into */
};

struct remembered_list *remembered_share(struct remembered_list *l)
{
    if (l != NULL)
        atomic_fetch_add(&l->users, 1);
    return l;
}

void remembered_release(struct remembered_list *l)
{
    if (l == NULL || atomic_fetch_sub(&l->users, 1) > 1)
        return;
    free(l->all);
    free(l->text);
    free(l);
}

size_t remembered_count(const struct remembered_list *l)
{
    return l != NULL ? l->count : 0;
}

const struct remembered *remembered_at(const struct remembered_list *l, size_t index)
{
    assert(l != NULL && index < l->count);
    return &l->all[index];
}

const struct remembered *remembered_find(const struct remembered_list *l, struct slice name)
{
    size_t low = 0;
    size_t high = remembered_count(l);

    while (low < high) {
        size_t      middle = (low + high) / 2;
        const char *known = l->all[middle].name;
        int         order = strncasecmp((const char *)name.ptr, known, name.len);
        if (order == 0 && known[name.len] == '\0')
            return &l->all[middle];
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- as text: a line for each, "gN" (global or session, type) name "=" value ---- */

static const char types[] = "TNDF"; /* by enum remembered_type */

static void put_line(struct buf *out, const struct remembered *r)
{
    buf_put_u8(out, r->session_only ? 's' : 'g');
    buf_put_u8(out, (uint8_t)types[r->type]);
    buf_printf(out, "%s=", r->name);
    for (const char *c = r->value; *c != '\0'; c++) {
        if (*c == '\n' || *c == '\\')
            buf_put_u8(out, '\\');
        buf_put_u8(out, *c == '\n' ? 'n' : (uint8_t)*c);
    }
    buf_put_u8(out, '\n');
}

void remembered_put(const struct remembered_list *l, struct buf *out)
{
    for (size_t i = 0; i < remembered_count(l); i++)
        put_line(out, &l->all[i]);
}

/* Resolves the escapes of a value in its place, up to the line's end, which becomes a zero byte.
   NULL when there is none; else where the next line begins. */
static char *read_value(char *at)
{
    char *into = at;

    for (; *at != '\n'; at++) {
        if (*at == '\0')
            return NULL;
        bool escape = *at == '\\';
        if (escape && *++at == '\0')
            return NULL;
        *into++ = (char)(escape && *at == 'n' ? '\n' : *at);
    }
    *into = '\0';
    return at + 1;
}

static char *read_line(char *at, struct remembered *out)
{
    const char *type = at[0] != '\0' && at[1] != '\0' ? strchr(types, at[1]) : NULL;
    char       *equals = type != NULL ? strchr(at + 2, '=') : NULL;

    if (equals == NULL || (at[0] != 's' && at[0] != 'g'))
        return NULL;
    *equals = '\0';
    *out = (struct remembered){ .name = at + 2,
                                .value = equals + 1,
                                .type = (enum remembered_type)(type - types),
                                .session_only = at[0] == 's' };
    return read_value(equals + 1);
}

static int by_name(const void *a, const void *b)
{
    const struct remembered *x = a;
    const struct remembered *y = b;
    return strcasecmp(x->name, y->name);
}

static int read_lines(struct remembered_list *l, struct err *e)
{
    char *at = l->text;

    while (*at != '\0') {
        if (l->count == VARIABLES_MAX)
            return err_set(e, E_LIMIT, "the source has more than %d variables", VARIABLES_MAX);
        at = read_line(at, &l->all[l->count]);
        if (at == NULL)
            return err_set(e, E_CORRUPT, "the catalog's variables of the source don't parse");
        l->count++;
    }
    qsort(l->all, l->count, sizeof l->all[0], by_name);
    return 0;
}

int remembered_parse(struct slice text, struct remembered_list **out, struct err *e)
{
    struct remembered_list *l = calloc(1, sizeof *l);

    if (l == NULL)
        return err_set(e, E_NOMEM, "no memory for the source's variables");
    atomic_init(&l->users, 1);
    l->all = calloc(VARIABLES_MAX, sizeof *l->all);
    l->text = strndup((const char *)text.ptr, text.len);
    int rc = l->all != NULL && l->text != NULL
                 ? read_lines(l, e)
                 : err_set(e, E_NOMEM, "no memory for the source's variables");
    if (rc != 0) {
        remembered_release(l);
        return -1;
    }
    struct remembered *less = realloc(l->all, (l->count + 1) * sizeof *l->all);
    if (less != NULL)
        l->all = less;
    *out = l;
    return 0;
}

/* ---- from the source ---- */

struct learning {
    struct buf              text;
    struct remembered_list *known; /* of the first question; NULL there */
    bool                    session;
};

static bool is_number(const char *value)
{
    size_t digits = strspn(value, "0123456789");
    return digits > 0 && value[digits] == '\0';
}

/* "10.000000" */
static bool is_double(const char *value)
{
    enum { DECIMALS = 6 };
    size_t digits = strspn(value, "0123456789");
    return digits > 0 && value[digits] == '.' && strlen(value + digits + 1) == DECIMALS &&
           is_number(value + digits + 1);
}

static bool is_switch(const char *value)
{
    return strcmp(value, "ON") == 0 || strcmp(value, "OFF") == 0;
}

static int take_variable(void *arg, uint32_t columns, const char *const *values,
                         const unsigned long *lengths, struct err *e)
{
    struct learning *l = arg;

    (void)lengths;
    if (columns < 2 || values[0] == NULL || strpbrk(values[0], "=\n") != NULL)
        return err_set(e, E_PROTOCOL, "SHOW VARIABLES answers with a row that makes no sense");
    if (l->session && remembered_find(l->known, slice_of_text(values[0])) != NULL)
        return 0;
    const char             *value = values[1] != NULL ? values[1] : "";
    const struct remembered one = { .name = values[0],
                                    .value = value,
                                    .type = is_switch(value)   ? REMEMBERED_FLAG
                                            : is_number(value) ? REMEMBERED_NUMBER
                                            : is_double(value) ? REMEMBERED_DOUBLE
                                                               : REMEMBERED_TEXT,
                                    .session_only = l->session };
    put_line(&l->text, &one);
    return 0;
}

/* Which of those that say ON or OFF are texts, in the order in which they were asked for. */
static int take_switches(void *arg, uint32_t columns, const char *const *values,
                         const unsigned long *lengths, struct err *e)
{
    struct remembered_list *l = arg;
    uint32_t                column = 0;

    (void)lengths, (void)e;
    for (size_t i = 0; i < l->count && column < columns; i++) {
        if (l->all[i].type != REMEMBERED_FLAG || l->all[i].session_only)
            continue;
        const char *value = values[column++];
        if (value == NULL || is_switch(value))
            l->all[i].type = REMEMBERED_TEXT;
    }
    return 0;
}

static int tell_switches(struct client *c, struct remembered_list *l, struct err *e)
{
    struct buf sql;
    int        rc;

    buf_init(&sql, TEXT_BYTES_MAX);
    for (size_t i = 0; i < l->count; i++) {
        if (l->all[i].type == REMEMBERED_FLAG && !l->all[i].session_only)
            buf_printf(&sql, "%s@@global.`%s`", sql.len == 0 ? "SELECT " : ", ", l->all[i].name);
    }
    rc = buf_check(&sql, "a question", e);
    if (rc == 0 && sql.len > 0)
        rc = client_query(c, buf_text(&sql), take_switches, l, e);
    buf_done(&sql);
    return rc;
}

static int learn(struct client *c, struct learning *l, struct remembered_list **out, struct err *e)
{
    TRY(client_query(c, "SHOW GLOBAL VARIABLES", take_variable, l, e));
    TRY(buf_check(&l->text, "the source's variables", e));
    TRY(remembered_parse(buf_slice(&l->text), &l->known, e));
    l->session = true;
    TRY(client_query(c, "SHOW SESSION VARIABLES", take_variable, l, e));
    TRY(buf_check(&l->text, "the source's variables", e));
    TRY(remembered_parse(buf_slice(&l->text), out, e));
    if (tell_switches(c, *out, e) == 0)
        return 0;
    remembered_release(*out);
    *out = NULL;
    return -1;
}

int remembered_learn(struct client *c, struct remembered_list **out, struct err *e)
{
    struct learning         l = { .session = false };
    struct remembered_list *made = NULL;

    buf_init(&l.text, TEXT_BYTES_MAX);
    int rc = learn(c, &l, &made, e);
    remembered_release(l.known);
    buf_done(&l.text);
    if (rc == 0)
        *out = made;
    return rc;
}
