#include "protocol/query_context.h"

enum status_var {
    STATUS_FLAGS2 = 0,
    STATUS_SQL_MODE = 1,
    STATUS_CATALOG = 2,
    STATUS_AUTO_INCREMENT = 3,
    STATUS_CHARSET = 4,
    STATUS_TIME_ZONE = 5,
    STATUS_CATALOG_NZ = 6,
    STATUS_LC_TIME_NAMES = 7,
    STATUS_CHARSET_DATABASE = 8,
    STATUS_INVOKER = 11,
    STATUS_UPDATED_DATABASES = 12,
    STATUS_MICROSECONDS = 13,
    STATUS_EXPLICIT_TIMESTAMP = 16,
    STATUS_UTF8MB4_COLLATION = 18,
    STATUS_REQUIRE_PRIMARY_KEY = 19,
    STATUS_TABLE_ENCRYPTION = 20,
    STATUS_MARIADB_HRNOW = 128,
    UPDATED_DATABASES_OVER = 254, /* too many to be told */
};

/* Of those that are only passed over. */
static const uint8_t lengths[256] = {
    [9] = 8, /* tables for update */
    [10] = 4, [14] = 8, [15] = 8, [17] = 8, [129] = 8, [130] = 2,
};

static void pass_databases(struct cursor *c)
{
    uint8_t count = cursor_u8(c);

    for (unsigned i = 0; count != UPDATED_DATABASES_OVER && i < count && !c->failed; i++)
        (void)cursor_until_zero(c);
}

/* False behind the last one that is understood. */
static bool read_one(struct cursor *c, struct query_context *q)
{
    uint8_t var = cursor_u8(c);

    switch (var) {
    case STATUS_FLAGS2:
        q->has_flags2 = true;
        q->flags2 = cursor_u32(c);
        return true;
    case STATUS_SQL_MODE:
        q->has_sql_mode = true;
        q->sql_mode = cursor_u64(c);
        return true;
    case STATUS_CATALOG:
        cursor_skip(c, cursor_u8(c) + 1u);
        return true;
    case STATUS_AUTO_INCREMENT:
        q->has_auto_increment = true;
        q->auto_increment_step = cursor_u16(c);
        q->auto_increment_offset = cursor_u16(c);
        return true;
    case STATUS_CHARSET:
        q->has_charset = true;
        q->client = cursor_u16(c);
        q->connection = cursor_u16(c);
        q->server = cursor_u16(c);
        return true;
    case STATUS_TIME_ZONE:
        q->has_time_zone = true;
        q->time_zone = cursor_slice(c, cursor_u8(c));
        return true;
    case STATUS_CATALOG_NZ:
        cursor_skip(c, cursor_u8(c));
        return true;
    case STATUS_LC_TIME_NAMES:
        q->lc_time_names = cursor_u16(c);
        return true;
    case STATUS_CHARSET_DATABASE:
        q->charset_database = cursor_u16(c);
        return true;
    case STATUS_INVOKER:
        cursor_skip(c, cursor_u8(c));
        cursor_skip(c, cursor_u8(c));
        return true;
    case STATUS_UPDATED_DATABASES:
        pass_databases(c);
        return true;
    case STATUS_MICROSECONDS:
    case STATUS_MARIADB_HRNOW:
        q->microseconds = cursor_u24(c);
        return true;
    case STATUS_EXPLICIT_TIMESTAMP:
        q->has_explicit_timestamp = true;
        q->explicit_timestamp = cursor_u8(c) != 0;
        return true;
    case STATUS_UTF8MB4_COLLATION:
        q->utf8mb4_collation = cursor_u16(c);
        return true;
    case STATUS_REQUIRE_PRIMARY_KEY:
        q->has_require_primary_key = true;
        q->require_primary_key = cursor_u8(c) != 0;
        return true;
    case STATUS_TABLE_ENCRYPTION:
        q->has_table_encryption = true;
        q->table_encryption = cursor_u8(c) != 0;
        return true;
    default:
        cursor_skip(c, lengths[var]);
        return lengths[var] != 0;
    }
}

int query_context_read(struct slice status_vars, struct query_context *out, struct err *e)
{
    struct query_context q = { .time_zone = slice_empty() };
    struct cursor        c = cursor_over(status_vars);

    while (c.left > 0 && !c.failed && read_one(&c, &q))
        continue;
    if (c.failed)
        return err_set(e, E_PROTOCOL, "Query event: its session's variables are cut off");
    *out = q;
    return 0;
}
