#include "relay/downstream/greeting.h"

#define EVER  0
#define NEVER UINT32_MAX

/*
 * Which versions offer what. Not offered, whatever the source does:
 *
 * COMPRESS, ZSTD       a stream is framed once and sent as it lies on the disk; TLS and the network
 *                      compress, or the tunnel between them.
 * LOCAL_FILES          the source would ask the consumer for a file in the middle of a statement.
 * SESSION_TRACK        what changes in a session is set at two servers; neither can report it all.
 * OPTIONAL_METADATA    a result could come without its columns, which the relay reads to translate
 *                      positions in it.
 * MULTI_FACTOR_AUTH    the relay's users have one password.
 * MariaDB's extended   progress reports, bulk execution, metadata of its own: they change the shape
 *                      of answers that are partly the relay's and partly the source's.
 */
static const struct {
    uint32_t bit;
    uint32_t mysql_from, mariadb_from; /* version_number */
} offers[] = {
    /* clang-format off */
    /* MariaDB leaves it clear to say that extended capabilities follow. */
    { CAP_LONG_PASSWORD,      EVER,  NEVER },
    { CAP_FOUND_ROWS,         EVER,  EVER },
    { CAP_LONG_FLAG,          EVER,  EVER },
    { CAP_CONNECT_WITH_DB,    EVER,  EVER },
    { CAP_NO_SCHEMA,          EVER,  EVER },
    { CAP_ODBC,               EVER,  EVER },
    { CAP_IGNORE_SPACE,       EVER,  EVER },
    { CAP_PROTOCOL_41,        EVER,  EVER },
    { CAP_INTERACTIVE,        EVER,  EVER },
    { CAP_IGNORE_SIGPIPE,     EVER,  EVER },
    { CAP_TRANSACTIONS,       EVER,  EVER },
    { CAP_RESERVED,           EVER,  EVER },
    { CAP_SECURE_CONNECTION,  EVER,  EVER },
    { CAP_MULTI_STATEMENTS,   EVER,  EVER },
    { CAP_MULTI_RESULTS,      EVER,  EVER },
    { CAP_PS_MULTI_RESULTS,   EVER,  EVER },
    { CAP_PLUGIN_AUTH,        EVER,  EVER },
    { CAP_CONNECT_ATTRS,      50600, EVER },
    { CAP_PLUGIN_AUTH_LENENC, 50600, EVER },
    { CAP_EXPIRED_PASSWORDS,  50600, 100400 },
    { CAP_DEPRECATE_EOF,      50705, 100200 },
    { CAP_QUERY_ATTRIBUTES,   80023, NEVER },
    /* clang-format on */
};

uint32_t greeting_capabilities(const struct server_facts *facts, bool tls)
{
    bool     mysql = facts->family == FAMILY_MYSQL;
    uint32_t capabilities = tls ? CAP_SSL : 0;

    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        if (facts->version_number >= (mysql ? offers[i].mysql_from : offers[i].mariadb_from))
            capabilities |= offers[i].bit;
    }
    return capabilities;
}

uint8_t greeting_charset(const struct server_facts *facts, const struct remembered_list *variables)
{
    enum { LATIN1 = 8, UTF8MB4 = 45, UTF8MB4_0900 = 255 };
    enum { MYSQL_WITH_0900 = 80000, MARIADB_WITH_UTF8MB4 = 110600 };
    static const struct {
        const char *name;
        uint8_t     number;
    } collations[] = {
        { "ascii_general_ci", 11 },
        { "binary", 63 },
        { "cp1251_general_ci", 51 },
        { "latin1_bin", 47 },
        { "latin1_general_ci", 48 },
        { "latin1_swedish_ci", LATIN1 },
        { "latin2_general_ci", 9 },
        { "utf8_bin", 83 },
        { "utf8_general_ci", 33 },
        { "utf8_unicode_ci", 192 },
        { "utf8mb3_general_ci", 33 },
        { "utf8mb3_bin", 83 },
        { "utf8mb3_unicode_ci", 192 },
        { "utf8mb4_0900_ai_ci", UTF8MB4_0900 },
        { "utf8mb4_bin", 46 },
        { "utf8mb4_general_ci", UTF8MB4 },
        { "utf8mb4_unicode_520_ci", 246 },
        { "utf8mb4_unicode_ci", 224 },
    };
    const struct remembered *own = remembered_find(variables, slice_of_text("collation_server"));

    for (size_t i = 0; own != NULL && i < sizeof collations / sizeof collations[0]; i++) {
        if (strcmp(own->value, collations[i].name) == 0)
            return collations[i].number;
    }
    if (facts->family == FAMILY_MYSQL)
        return facts->version_number >= MYSQL_WITH_0900 ? UTF8MB4_0900 : LATIN1;
    return facts->version_number >= MARIADB_WITH_UTF8MB4 ? UTF8MB4 : LATIN1;
}
