#include "relay/sql/shape.h"

static bool mysql(const struct query_env *env, uint32_t from, uint32_t until)
{
    const struct server_facts *f = env->facts;
    return f->family == FAMILY_MYSQL && f->version_number >= from && f->version_number < until;
}

static bool mariadb(const struct query_env *env, uint32_t from)
{
    return env->facts->family == FAMILY_MARIADB && env->facts->version_number >= from;
}

enum { V56 = 50600, V57 = 50700, V80 = 80000, V97 = 90000, EVER = 999999999 };
enum { M103 = 100300, M106 = 100600, M115 = 110500 };
enum {
    NOT_NULL = REPLY_NOT_NULL | REPLY_BINARY,
    NOT_NULL_UNSIGNED = NOT_NULL | REPLY_UNSIGNED,
    MEDIUM_CHARACTERS = 16777215,
    SECONDS_POINT = 20, /* length of a time with its point */
};

static struct reply_column number(const char *name, enum reply_type type, uint32_t length,
                                  uint16_t flags, uint8_t decimals)
{
    return (struct reply_column){ .name = name,
                                  .type = type,
                                  .length = length,
                                  .charset = REPLY_CHARSET_BINARY,
                                  .flags = flags,
                                  .decimals = decimals };
}

static struct reply_column text_as(const struct query_env *env, const char *name,
                                   enum reply_type type, uint32_t characters)
{
    struct reply_column c = column_of_text(env, name, characters, 0);
    c.type = type;
    return c;
}

/* NULL of a text: binary, but without a number's decimals. */
static struct reply_column unset(const struct query_env *env, const char *name,
                                 enum reply_type type, uint32_t length)
{
    struct reply_column c = column_of_text(env, name, 0, REPLY_BINARY);
    c.type = type;
    c.length = length;
    c.charset = REPLY_CHARSET_BINARY;
    return c;
}

static struct reply_column integer(const struct query_env *env, const char *name, uint32_t digits,
                                   bool minus)
{
    enum { INT_DIGITS = 10, LONG_DIGITS = 20 };
    if (digits > LONG_DIGITS)
        return number(name, REPLY_DECIMAL, digits + 1, NOT_NULL, 0);
    if (digits == LONG_DIGITS)
        return number(name, REPLY_LONGLONG, digits, NOT_NULL_UNSIGNED, 0);
    enum reply_type type = mariadb(env, M103) && digits < INT_DIGITS ? REPLY_LONG : REPLY_LONGLONG;
    return number(name, type, digits + (mysql(env, V80, EVER) && !minus ? 1 : 0), NOT_NULL, 0);
}

static struct reply_column moment(const struct query_env *env, enum shape shape, const char *name,
                                  uint8_t decimals)
{
    bool     old = mysql(env, 0, V56); /* knows no parts of seconds and says six */
    bool     stamp = mariadb(env, M115) && shape != SHAPE_UTC;
    uint32_t length = decimals > 0 && !old ? (uint32_t)(SECONDS_POINT + decimals) : 19;
    uint8_t  shown = old ? (uint8_t)(shape == SHAPE_SYSDATE ? 0 : 6) : decimals;
    return number(name, stamp ? REPLY_TIMESTAMP : REPLY_DATETIME, length, NOT_NULL, shown);
}

static struct reply_column function(const struct query_env *env, enum shape shape, const char *name,
                                    uint32_t characters)
{
    bool m103 = mariadb(env, M103);
    bool m106 = mariadb(env, M106);
    bool old = mysql(env, 0, V57);

    switch (shape) {
    case SHAPE_USER: {
        uint32_t n = mysql(env, V80, EVER)  ? 288
                     : mysql(env, V57, V80) ? 93
                     : old                  ? 77
                     : m106                 ? 384
                                            : 141;
        return column_of_text(env, name, n, old ? REPLY_NOT_NULL : 0);
    }
    case SHAPE_DATABASE:
        return column_of_text(env, name, mysql(env, V97, EVER) || m106 ? 64 : 34, 0);
    case SHAPE_CONNECTION_ID:
        if (mysql(env, V56, EVER))
            return number(name, REPLY_LONGLONG, 21, NOT_NULL_UNSIGNED, 0);
        return number(name, m103 ? REPLY_LONG : REPLY_LONGLONG, 10,
                      m103 ? NOT_NULL_UNSIGNED : NOT_NULL, 0);
    case SHAPE_UNIX_TIME:
        if (mariadb(env, 0))
            return number(name, REPLY_LONGLONG, 17, REPLY_BINARY, 0);
        return number(name, REPLY_LONGLONG,
                      mysql(env, V80, EVER)  ? 21
                      : mysql(env, V56, V80) ? 11
                                             : 10,
                      NOT_NULL, 0);
    case SHAPE_COUNT:
        return number(name, REPLY_LONGLONG, 21, NOT_NULL, 0);
    case SHAPE_MAYBE:
        return number(name, REPLY_LONGLONG, 21, REPLY_BINARY, 0);
    case SHAPE_WAITED:
    case SHAPE_NOT_WAITED:
        return number(name, m103 ? REPLY_LONG : REPLY_LONGLONG, 2,
                      shape == SHAPE_WAITED ? NOT_NULL : REPLY_BINARY, 0);
    case SHAPE_GTIDS:
        if (characters < 36) /* less than a UUID */
            return text_as(env, name, REPLY_BLOB_TEXT, MEDIUM_CHARACTERS + 1);
        return column_of_text(env, name, characters * 7 / 4, old ? REPLY_NOT_NULL : 0);
    case SHAPE_GTID_POS:
        return text_as(env, name, REPLY_BLOB_TEXT, MEDIUM_CHARACTERS + 1);
    default:
        break;
    }
    return column_of_text(env, name, characters, 0);
}

static struct reply_column variable(const struct query_env *env, enum shape shape, const char *name,
                                    uint32_t characters)
{
    enum { MYSQL_80_CHARACTERS = 21845 };
    bool newer = mysql(env, V80, EVER);

    switch (shape) {
    case SHAPE_OF_NUMBER:
        return number(name, REPLY_LONGLONG, 21, REPLY_BINARY | REPLY_UNSIGNED, 0);
    case SHAPE_OF_SIGNED:
        return number(name, REPLY_LONGLONG, 21, REPLY_BINARY, 0);
    case SHAPE_OF_FLAG:
        return number(name, REPLY_LONGLONG, 1, REPLY_BINARY, 0);
    case SHAPE_OF_DOUBLE:
        return number(name, REPLY_DOUBLE, newer ? 23 : 21, REPLY_BINARY, 6);
    case SHAPE_SET_NUMBER:
        return number(name, REPLY_LONGLONG,
                      newer                ? 21
                      : mariadb(env, M103) ? 20
                                           : 80,
                      REPLY_BINARY, 0);
    case SHAPE_SET_DECIMAL:
        return number(name, REPLY_DECIMAL,
                      newer                ? 67
                      : mariadb(env, M103) ? 83
                                           : 332,
                      REPLY_BINARY, mariadb(env, 0) ? 38 : 30);
    case SHAPE_NEVER_SET:
        return newer ? unset(env, name, REPLY_VAR_STRING, 65532)
                     : unset(env, name, REPLY_BLOB_TEXT, MEDIUM_CHARACTERS + 1);
    case SHAPE_SET_TEXT:
        return text_as(env, name, newer || mariadb(env, M103) ? REPLY_BLOB_TEXT : REPLY_MEDIUM_TEXT,
                       newer ? 4 * MEDIUM_CHARACTERS : MEDIUM_CHARACTERS);
    default:
        break;
    }
    return column_of_text(env, name, newer ? MYSQL_80_CHARACTERS : characters, 0);
}

struct reply_column shape_column(const struct query_env *env, enum shape shape, const char *name,
                                 uint32_t characters, uint8_t decimals)
{
    switch (shape) {
    case SHAPE_TEXT:
        return column_of_text(env, name, characters,
                              REPLY_NOT_NULL | (column_is_binary(env) ? REPLY_BINARY : 0));
    case SHAPE_VERSION:
        return column_of_text(env, name, characters, REPLY_NOT_NULL);
    case SHAPE_INTEGER:
        return integer(env, name, characters, decimals != 0);
    case SHAPE_DECIMAL:
        return number(name, REPLY_DECIMAL, characters + 1, NOT_NULL, decimals);
    case SHAPE_LOGICAL:
        return number(name, mariadb(env, M103) ? REPLY_LONG : REPLY_LONGLONG, 1, NOT_NULL, 0);
    case SHAPE_NULL:
        return number(name, REPLY_NULL, 0, REPLY_BINARY, 0);
    case SHAPE_NOW:
    case SHAPE_UTC:
    case SHAPE_SYSDATE:
        return moment(env, shape, name, decimals);
    default:
        break;
    }
    return shape >= SHAPE_OF_NUMBER ? variable(env, shape, name, characters)
                                    : function(env, shape, name, characters);
}
