#include "relay/sql/query.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { COLLATION_UTF8MB4 = 45 };

void query_session_init(struct query_session *s)
{
    *s = (struct query_session){ .autocommit = true, .collation = COLLATION_UTF8MB4 };
}

void query_session_done(struct query_session *s)
{
    for (size_t i = 0; i < s->variable_count; i++)
        free(s->variables[i].value);
    for (size_t i = 0; i < s->setting_count; i++)
        free(s->settings[i].sql), free(s->settings[i].value);
    *s = (struct query_session){ 0 };
}

void query_session_reset(struct query_session *s)
{
    uint16_t collation = s->collation;
    query_session_done(s);
    query_session_init(s);
    s->collation = collation;
}

const char *query_variable(const struct query_session *s, const char *name)
{
    for (size_t i = 0; i < s->variable_count; i++) {
        if (strcasecmp(s->variables[i].name, name) == 0)
            return s->variables[i].value;
    }
    return NULL;
}

const char *query_variable_either(const struct query_session *s, const char *name,
                                  const char *other)
{
    const char *value = query_variable(s, name);
    return value != NULL ? value : query_variable(s, other);
}

bool query_variable_number(const struct query_session *s, const char *name, const char *other,
                           uint64_t *out)
{
    const char *text = query_variable_either(s, name, other);
    uint64_t    n = 0;

    if (text == NULL || text[0] == 0)
        return false;
    for (; *text != 0; text++) {
        unsigned digit = (unsigned)*text - '0';
        if (digit > 9 || n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

static void drop(struct query_session *s, size_t index)
{
    s->variable_bytes -= strlen(s->variables[index].value);
    free(s->variables[index].value);
    s->variables[index] = s->variables[--s->variable_count];
    s->variables[s->variable_count] = (struct query_variable){ .value = NULL };
}

/* Where the variable is, or variable_count. */
static size_t index_of(const struct query_session *s, struct slice name)
{
    size_t i = 0;
    while (i < s->variable_count &&
           (strlen(s->variables[i].name) != name.len ||
            strncasecmp(s->variables[i].name, (const char *)name.ptr, name.len) != 0))
        i++;
    return i;
}

void query_unset_variable(struct query_session *s, struct slice name)
{
    size_t i = index_of(s, name);
    if (i < s->variable_count)
        drop(s, i);
}

int query_set_variable(struct query_session *s, struct slice name, struct slice value,
                       bool is_number, struct err *e)
{
    size_t i = index_of(s, name);

    if (name.len == 0 || name.len > QUERY_NAME_BYTES || memchr(name.ptr, 0, name.len) != NULL)
        return err_set(e, E_LIMIT, "the name of a user variable has 1 to %d characters",
                       QUERY_NAME_BYTES);
    if (i == QUERY_VARIABLES_MAX)
        return err_set(e, E_LIMIT, "a session has at most %d user variables", QUERY_VARIABLES_MAX);
    size_t others = s->variable_bytes - (i < s->variable_count ? strlen(s->variables[i].value) : 0);
    if (value.len > QUERY_SQL_BYTES - others)
        return err_set(e, E_LIMIT, "the user variables of a session have at most %d bytes",
                       QUERY_SQL_BYTES);
    if (value.len > 0 && memchr(value.ptr, 0, value.len) != NULL)
        return err_set(e, E_LIMIT, "a user variable can't hold a zero byte");
    char *copy = strndup((const char *)value.ptr, value.len);
    if (copy == NULL)
        return err_set(e, E_NOMEM, "no memory for a user variable");
    if (i < s->variable_count)
        free(s->variables[i].value);
    else
        s->variable_count++;
    struct query_variable *v = &s->variables[i];
    *v = (struct query_variable){ .is_number = is_number, .value = copy };
    for (size_t k = 0; k < name.len; k++)
        v->name[k] =
            (char)(name.ptr[k] >= 'A' && name.ptr[k] <= 'Z' ? name.ptr[k] + 32 : name.ptr[k]);
    s->variable_bytes = others + value.len;
    return 0;
}

static size_t setting_bytes(const struct query_setting *s)
{
    return strlen(s->sql) + (s->value != NULL ? strlen(s->value) : 0);
}

static void forget_setting(struct query_session *s, struct slice key)
{
    for (size_t i = 0; i < s->setting_count; i++) {
        const char *name = s->settings[i].key;
        if (strlen(name) != key.len || strncasecmp(name, (const char *)key.ptr, key.len) != 0)
            continue;
        s->setting_bytes -= setting_bytes(&s->settings[i]);
        free(s->settings[i].sql);
        free(s->settings[i].value);
        s->setting_count--;
        memmove(&s->settings[i], &s->settings[i + 1],
                (s->setting_count - i) * sizeof s->settings[0]);
        return;
    }
}

/* "SET " and the text, or "". */
static char *statement_of(struct slice text)
{
    static const char set[] = "SET ";
    char             *sql = malloc(text.len + sizeof set);

    if (sql != NULL)
        (void)snprintf(sql, text.len + sizeof set, "%s%.*s", text.len > 0 ? set : "", (int)text.len,
                       (const char *)text.ptr);
    return sql;
}

int query_note_setting(struct query_session *s, struct slice key, struct slice text,
                       const struct slice *value, struct err *e)
{
    struct query_setting one = { .sql = statement_of(text) };

    if (value != NULL)
        one.value = strndup((const char *)value->ptr, value->len);
    bool made = one.sql != NULL && (value == NULL || one.value != NULL);
    forget_setting(s, key);
    bool fits = made && key.len < sizeof one.key && s->setting_count < QUERY_SETTINGS_MAX &&
                setting_bytes(&one) <= (size_t)2 * QUERY_SQL_BYTES - s->setting_bytes;
    if (!fits) {
        free(one.sql);
        free(one.value);
        return made ? err_set(e, E_LIMIT, "a session has at most %d settings", QUERY_SETTINGS_MAX)
                    : err_set(e, E_NOMEM, "no memory for a setting");
    }
    (void)snprintf(one.key, sizeof one.key, "%.*s", (int)key.len, (const char *)key.ptr);
    s->settings[s->setting_count++] = one;
    s->setting_bytes += setting_bytes(&one);
    return 0;
}

const char *query_setting_value(const struct query_session *s, const char *name)
{
    for (size_t i = 0; i < s->setting_count; i++) {
        if (strcasecmp(s->settings[i].key, name) == 0)
            return s->settings[i].value;
    }
    return NULL;
}

void query_session_each(const struct query_session *s, void (*each)(void *arg, const char *sql),
                        void                       *arg)
{
    char   use[2 * sizeof s->database + 8] = "USE `";
    size_t n = strlen(use);

    for (const char *c = s->database; *c != 0; c++) {
        if (*c == '`')
            use[n++] = '`';
        use[n++] = *c;
    }
    use[n++] = '`';
    use[n] = 0;
    if (s->database[0] != 0)
        each(arg, use);
    for (size_t i = 0; i < s->setting_count; i++) {
        if (s->settings[i].sql[0] != 0)
            each(arg, s->settings[i].sql);
    }
}

int query_set_database(struct query_session *s, struct slice name)
{
    if (name.len >= sizeof s->database || (name.len > 0 && memchr(name.ptr, 0, name.len) != NULL))
        return -1;
    memcpy(s->database, name.ptr, name.len);
    s->database[name.len] = 0;
    return 0;
}
