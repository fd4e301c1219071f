/* Who does a hostile client's statement: nothing that begins with a word that writes is forwarded,
 * whatever stands around that word. The first byte chooses the source's family and version. */
#include "relay/sql/query_class.h"
#include "relay/sql/sql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FEW_BYTES = 4096 };

static const struct server_facts facts[] = {
    { .known = true,
      .family = FAMILY_MYSQL,
      .version = "9.7.4",
      .version_number = 90704,
      .gtid_mode = "ON" },
    { .known = true, .family = FAMILY_MYSQL, .version = "5.5.34", .version_number = 50534 },
    { .known = true,
      .family = FAMILY_MARIADB,
      .version = "10.11.19-MariaDB",
      .version_number = 101119 },
};

static bool writes(struct slice word)
{
    static const char *const words[] = {
        "INSERT", "UPDATE",   "DELETE", "REPLACE", "LOAD",   "CALL",   "TRUNCATE", "CREATE",
        "ALTER",  "DROP",     "RENAME", "GRANT",   "REVOKE", "IMPORT", "OPTIMIZE", "REPAIR",
        "PURGE",  "SHUTDOWN", "RESET",  "STOP",    "CHANGE", "BINLOG", "INSTALL",  "CLONE",
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (sql_equal(word, words[i]))
            return true;
    }
    return false;
}

/* The first word as a server reads it that skips all comments, or executes all of them: written
 * without the reader that is tested. */
static struct slice first_word(struct slice text, bool execute)
{
    const uint8_t *at = text.ptr;
    const uint8_t *end = text.ptr + text.len;

    while (at < end) {
        size_t left = (size_t)(end - at);
        bool   star = left >= 3 && at[0] == '/' && at[1] == '*';
        if (*at == ' ' || (*at >= '\t' && *at <= '\r') || *at == '(') {
            at++;
        } else if (star && at[2] == '!' && execute) {
            for (at += 3; at < end && *at >= '0' && *at <= '9'; at++)
                ;
        } else if (execute && left >= 2 && at[0] == '*' && at[1] == '/') {
            at += 2;
        } else if (star) {
            const uint8_t *close = memmem(at + 2, left - 2, "*/", 2);
            at = close != NULL ? close + 2 : end;
        } else if (*at == '#' || (left >= 3 && memcmp(at, "--", 2) == 0 && at[2] <= ' ')) {
            const uint8_t *line = memchr(at, '\n', left);
            at = line != NULL ? line : end;
        } else {
            break;
        }
    }
    const uint8_t *from = at;
    while (at < end && ((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z'))
        at++;
    return (struct slice){ from, (size_t)(at - from) };
}

/* Wherever a long statement is cut, the same of it counts as code. */
static void mask_in_pieces(struct slice sql, size_t piece)
{
    static uint8_t   whole[FEW_BYTES], parts[FEW_BYTES];
    struct code_mask a = { 0 }, b = { 0 };

    if (sql.len > FEW_BYTES)
        sql.len = FEW_BYTES;
    code_mask_piece(&a, sql, whole);
    for (size_t at = 0; at < sql.len; at += piece) {
        size_t n = sql.len - at < piece ? sql.len - at : piece;
        code_mask_piece(&b, (struct slice){ sql.ptr + at, n }, parts + at);
    }
    assert(memcmp(whole, parts, sql.len) == 0);
    for (size_t i = 0; i < sql.len; i++)
        assert(whole[i] == sql.ptr[i] || whole[i] == ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct query_session session;
    struct query_verdict v;

    if (size < 1)
        return 0;
    struct slice     sql = { data + 1, size - 1 };
    struct query_env env = { .facts = &facts[data[0] % 3], .user = "u", .session = &session };
    mask_in_pieces(sql, 1 + data[0] % 7);
    query_session_init(&session);
    query_classify(&env, sql, &v);
    bool there = v.what == QUERY_FORWARDED || (v.what == QUERY_ANSWERED && v.tie != 0);
    for (int execute = 0; there && execute < 2; execute++)
        assert(!writes(first_word(sql, execute != 0)));
    assert(v.what == QUERY_REFUSED || v.needs == 0);
    assert(session.setting_count == 0 && session.variable_count == 0);
    query_session_done(&session);
    return 0;
}
