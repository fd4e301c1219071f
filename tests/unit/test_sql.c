#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "relay/sql/sql.h"

/* The tokens of a statement as "kind:body ..." in one text. */
static const char *tokens(const char *text, struct buf *out)
{
    static const char *const kinds[] = { "end",  "word",     "name", "text", "number",
                                         "user", "variable", "sign", "bad" };
    struct sql               s = sql_over(slice_of_text(text));
    buf_clear(out);
    for (;; sql_step(&s)) {
        buf_printf(out, "%s%s:%.*s", out->len > 0 ? " " : "", kinds[s.now.kind],
                   (int)s.now.body.len, (const char *)s.now.body.ptr);
        if (s.now.kind == SQL_END || s.now.kind == SQL_BAD)
            return buf_text(out);
    }
}

static void statements_are_cut_into_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *tokens;
    } cases[] = {
        { "", "end:" },
        { " \n\t ", "end:" },
        { "SELECT @@GLOBAL.SERVER_ID", "word:SELECT variable:GLOBAL.SERVER_ID end:" },
        { "SET @a_b= 'x''y', @`c d`:=1.5;",
          "word:SET user:a_b sign:= text:x''y sign:, user:c d sign:: sign:= number:1.5 sign:; "
          "end:" },
        { "select `a``b`, \"t\\\"u\"", "word:select name:a``b sign:, text:t\\\"u end:" },
        { "1 12 1. 1.25 1a a1 -1", "number:1 number:12 number:1. number:1.25 word:1a word:a1 "
                                   "sign:- number:1 end:" },
        { "/* c */ A # x\nB -- y\nC --z", "word:A word:B word:C sign:- sign:- word:z end:" },
        { "A --", "word:A end:" },
        { "/*!40101 SET NAMES utf8 */", "word:SET word:NAMES word:utf8 end:" },
        { "/*M!100100 A */ B /*! C*/", "word:A word:B word:C end:" },
        { "/*!40101 A /* inner */ B */ C", "word:A word:B word:C end:" },
        { "/* open", "bad:" },
        { "A /*! B", "word:A word:B bad:" },
        { "'open", "bad:" },
        { "'a\\'", "bad:" },
        { "'a''", "bad:" },
        { "@'open", "bad:" },
        { "@ @@", "user: variable: end:" },
        { "/*/ A", "bad:" },
        { "a*/b", "word:a sign:* sign:/ word:b end:" },
    };
    struct buf out;
    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(tokens(cases[i].sql, &out), cases[i].tokens);
    buf_done(&out);
}

static void a_zero_byte_is_no_sql(void **state)
{
    (void)state;
    struct sql s = sql_over((struct slice){ (const uint8_t *)"A\0B", 3 });
    assert_int_equal(s.now.kind, SQL_WORD);
    sql_step(&s);
    assert_int_equal(s.now.kind, SQL_BAD);
    sql_step(&s);
    assert_int_equal(s.now.kind, SQL_BAD);
}

static void patterns_match_words_whole_and_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *pattern;
        bool        match;
        const char *next; /* the word behind */
    } cases[] = {
        { "show Binary LOGS x", "SHOW BINARY LOGS", true, "x" },
        { "SHOW BINARY LOG STATUS", "SHOW BINARY LOGS", false, "SHOW" },
        { "SHOW GLOBAL VARIABLES x", "SHOW [GLOBAL|SESSION] VARIABLES", true, "x" },
        { "SHOW SESSION VARIABLES x", "SHOW [GLOBAL|SESSION] VARIABLES", true, "x" },
        { "SHOW VARIABLES x", "SHOW [GLOBAL|SESSION] VARIABLES", true, "x" },
        { "SHOW GLOBA VARIABLES", "SHOW [GLOBAL|SESSION] VARIABLES", false, "SHOW" },
        { "KILL 5", "KILL [HARD|SOFT] [CONNECTION|QUERY]", true, "5" },
        { "KILL SOFT QUERY 5", "KILL [HARD|SOFT] [CONNECTION|QUERY]", true, "5" },
        { "INSERTED", "INSERT|UPDATE", false, "INSERTED" },
        { "UPDATE t", "INSERT|UPDATE", true, "t" },
        { "`SELECT` x", "SELECT", false, "SELECT" },
        { "", "SELECT", false, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sql s = sql_over(slice_of_text(cases[i].sql));
        assert_int_equal(sql_match(&s, cases[i].pattern), cases[i].match);
        assert_true(sql_equal(s.now.body, cases[i].next));
    }
}

static void text_is_unescaped(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *text;
    } cases[] = {
        { "'abc'", "abc" },
        { "'a''b\"c'", "a'b\"c" },
        { "\"a\"\"b'c\"", "a\"b'c" },
        { "'a\\n\\t\\\\\\'\\x'", "a\n\t\\'x" },
        { "'50\\% \\_'", "50\\% \\_" },
        { "`a``b\\n`", "a`b\\n" },
        { "@name", "name" },
        { "@'a''b'", "a'b" },
    };
    struct buf out;
    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sql s = sql_over(slice_of_text(cases[i].sql));
        buf_clear(&out);
        sql_put_text(&s.now, &out);
        assert_string_equal(buf_text(&out), cases[i].text);
    }
    buf_done(&out);
}

static void like_knows_its_wildcards(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool        like;
    } cases[] = {
        { "SERVER_ID", "server_id", true },
        { "SERVER_ID", "serverxid", true }, /* _ is any one character */
        { "SERVER\\_ID", "serverxid", false },
        { "SERVER\\_ID", "server_id", true },
        { "server%", "server_uuid", true },
        { "%uuid", "server_uuid", true },
        { "%r%u%", "server_uuid", true },
        { "%", "", true },
        { "", "", true },
        { "", "a", false },
        { "_", "", false },
        { "a%b%c", "a-b-b-c", true },
        { "a%b%c", "a-b-b", false },
        { "a\\", "a\\", true },
        { "%%%", "x", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(sql_like(slice_of_text(cases[i].pattern), slice_of_text(cases[i].text)),
                         cases[i].like);
}

static void a_hostile_pattern_costs_no_more_than_its_length(void **state)
{
    (void)state;
    enum { N = 30000 };
    char *pattern = malloc(N);
    assert_non_null(pattern);
    for (size_t i = 0; i < N; i++)
        pattern[i] = i % 2 == 0 ? '%' : 'a';
    pattern[N - 1] = 'b';
    struct slice p = { (const uint8_t *)pattern, N };
    assert_false(
        sql_like(p, slice_of_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
    free(pattern);
}

static void the_end_may_have_semicolons(void **state)
{
    (void)state;
    struct sql s = sql_over(slice_of_text(" ; ; /* x */ "));
    assert_true(sql_at_end(&s));
    s = sql_over(slice_of_text("; SELECT"));
    assert_false(sql_at_end(&s));
}

static void syntax_errors_read_as_the_servers(void **state)
{
    (void)state;
    struct sql         s = sql_over(slice_of_text("SHOW BINARY LOG STATUS"));
    struct sql_refusal no;
    sql_step(&s);
    sql_step(&s);
    assert_int_equal(sql_refuse_syntax(&no, &s, FAMILY_MYSQL), -1);
    assert_int_equal(no.number, 1064);
    assert_string_equal(no.state, "42000");
    assert_string_equal(
        no.text, "You have an error in your SQL syntax; check the manual that corresponds to "
                 "your MySQL server version for the right syntax to use near 'LOG STATUS' at "
                 "line 1");
    (void)sql_refuse_syntax(&no, &s, FAMILY_MARIADB);
    assert_non_null(strstr(no.text, "your MariaDB server version"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_cut_into_tokens),
        cmocka_unit_test(a_zero_byte_is_no_sql),
        cmocka_unit_test(patterns_match_words_whole_and_in_order),
        cmocka_unit_test(text_is_unescaped),
        cmocka_unit_test(like_knows_its_wildcards),
        cmocka_unit_test(a_hostile_pattern_costs_no_more_than_its_length),
        cmocka_unit_test(the_end_may_have_semicolons),
        cmocka_unit_test(syntax_errors_read_as_the_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
