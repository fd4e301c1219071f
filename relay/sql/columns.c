#include "relay/sql/columns.h"

enum {
    /* "decimals" of what has none */
    MYSQL_NOT_FIXED = 31,
    MARIADB_NOT_FIXED = 39,
    MYSQL_WITH_SIGN_DIGIT = 80000, /* counts a digit more in each number */
    MARIADB_WITH_UCA1400 = 110500, /* and a number of a collation that few clients know */
};
enum {
    LATIN1 = 8,
    UTF8 = 33,
    UTF8_BIN = 83,
    UTF8_UNICODE = 192,
    UTF8MB4 = 45,
    UTF8MB4_BIN = 46,
    UTF8MB4_UNICODE = 224
};

bool column_exists(const struct column *c, const struct server_facts *f)
{
    bool mariadb = f->family == FAMILY_MARIADB;
    return f->version_number >= (mariadb ? c->mariadb_from : c->mysql_from) &&
           f->version_number < (mariadb ? c->mariadb_until : c->mysql_until);
}

static bool is_mysql(const struct query_env *env, uint32_t from)
{
    return env->facts->family == FAMILY_MYSQL && env->facts->version_number >= from;
}

static uint16_t charset_of(const struct query_env *env)
{
    uint16_t c = env->session->collation;
    bool     newer =
        env->facts->family == FAMILY_MARIADB && env->facts->version_number >= MARIADB_WITH_UCA1400;
    return newer && c == UTF8MB4 ? UTF8MB4_UNICODE : newer && c == UTF8 ? UTF8_UNICODE : c;
}

bool column_is_binary(const struct query_env *env)
{
    return env->session->collation == UTF8MB4_BIN || env->session->collation == UTF8_BIN;
}

uint32_t column_character_bytes(const struct query_env *env)
{
    uint16_t c = env->session->collation;
    bool     three = c == UTF8 || c == UTF8_BIN || (c >= 192 && c < 224);
    bool     four = c == UTF8MB4 || c == UTF8MB4_BIN || (c >= 224 && c < 248) || c >= 255;
    return four ? 4 : three ? 3 : 1;
}

static uint8_t not_fixed(const struct query_env *env)
{
    return is_mysql(env, 0) ? MYSQL_NOT_FIXED : MARIADB_NOT_FIXED;
}

struct reply_column column_of_text(const struct query_env *env, const char *name,
                                   uint32_t characters, uint16_t flags)
{
    return (struct reply_column){ .name = name,
                                  .type = REPLY_VAR_STRING,
                                  .length = characters * column_character_bytes(env),
                                  .charset = charset_of(env),
                                  .flags = flags,
                                  .decimals = not_fixed(env) };
}

static struct reply_column number(const struct query_env *env, const struct column *c,
                                  enum reply_type type, uint16_t flags)
{
    uint32_t more = is_mysql(env, MYSQL_WITH_SIGN_DIGIT) ? 1 : 0;
    return (struct reply_column){ .name = c->name,
                                  .type = type,
                                  .length = c->length + more,
                                  .charset = REPLY_CHARSET_BINARY,
                                  .flags = (uint16_t)(flags | REPLY_NOT_NULL | REPLY_BINARY) };
}

static struct reply_column statement(const struct query_env *env, const char *name)
{
    struct reply_column c = column_of_text(env, name, 1 << 24, 0);
    bool                medium = is_mysql(env, 0) && !is_mysql(env, MYSQL_WITH_SIGN_DIGIT);
    c.type = medium ? REPLY_MEDIUM_TEXT : REPLY_BLOB_TEXT;
    return c;
}

static struct reply_column make(const struct query_env *env, const struct column *c)
{
    switch (c->kind) {
    case COLUMN_TEXT:
        return column_of_text(env, c->name, c->length, REPLY_NOT_NULL);
    case COLUMN_TEXT_NULL:
        return column_of_text(env, c->name, c->length, 0);
    case COLUMN_LONG:
        return number(env, c, REPLY_LONG, REPLY_UNSIGNED);
    case COLUMN_LONGLONG:
        return number(env, c, REPLY_LONGLONG, REPLY_UNSIGNED);
    case COLUMN_SIGNED:
        return number(env, c, REPLY_LONG, 0);
    case COLUMN_SIGNED_LONG:
        return number(env, c, REPLY_LONGLONG, 0);
    case COLUMN_DOUBLE: {
        struct reply_column d = number(env, c, REPLY_DOUBLE, 0);
        d.decimals = 3;
        return d;
    }
    case COLUMN_STATEMENT:
        break;
    }
    return statement(env, c->name);
}

void columns_put(const struct query_env *env, struct reply *r, const struct column *list,
                 size_t count)
{
    struct reply_column columns[COLUMNS_MAX];
    size_t              n = 0;

    for (size_t i = 0; i < count; i++) {
        assert(n < COLUMNS_MAX);
        if (column_exists(&list[i], env->facts))
            columns[n++] = make(env, &list[i]);
    }
    reply_columns(r, columns, n);
}
