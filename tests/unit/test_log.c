/* Log lines: one each, in three forms, whatever is in a sentence; without the time in the journal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "relay/log.h"
#include "tools/binrelay/answer.h"

enum { LINE_BYTES = 16384 };

/* What one call writes to stderr. */
static const char *logged(void (*call)(void), bool journal)
{
    static char line[LINE_BYTES];
    struct stat st;
    char        stream[64];
    int         ends[2], kept = dup(STDERR_FILENO);

    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    (void)snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", journal ? stream : "1:2", 1), 0);
    log_find_journal();
    call();
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    (void)close(kept);
    (void)close(ends[1]);
    ssize_t n = read(ends[0], line, sizeof line - 1);
    (void)close(ends[0]);
    line[n > 0 ? n : 0] = '\0';
    return line;
}

static void say_foreign(void)
{
    log_write(LOG_WARNING, "serve", "user \"%s\" \\ went", "a\nlevel=error\xff");
}

static void say_error(void)
{
    struct err e = { .kind = E_AUTH, .text = "no" };
    log_about("main");
    log_err("source", "stopped", &e);
    log_about("");
}

static void say_debug(void)
{
    log_write(LOG_DEBUG, "serve", "nobody wants to know");
}

static void say_long(void)
{
    char text[5000];
    memset(text, '"', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_write(LOG_INFO, "serve", "%s", text);
}

static void assert_ends(const char *line, const char *end)
{
    size_t n = strlen(line), m = strlen(end);
    if (n < m || strcmp(line + n - m, end) != 0)
        fail_msg("'%s' does not end with '%s'", line, end);
}

static void pairs_are_one_line_with_quotes_escaped(void **state)
{
    (void)state;
    log_set_format(LOG_PAIRS);
    const char *line = logged(say_foreign, false);
    assert_int_equal(strncmp(line, "time=20", 7), 0);
    assert_ends(line, "Z level=warning area=serve msg=\"user \\\"a level=error\xef\xbf\xbd\\\" "
                      "\\\\ went\"\n");
    assert_ends(logged(say_error, false),
                "Z level=error area=source channel=main kind=auth msg=\"stopped: no\"\n");
    assert_string_equal(logged(say_debug, false), "");
}

static void json_is_one_object_a_line(void **state)
{
    (void)state;
    struct json_object *o = NULL;
    struct err          e = { 0 };

    log_set_format(LOG_JSON);
    const char *line = logged(say_error, false);
    assert_int_equal(answer_parse(slice_of_text(line), &o, &e), 0);
    assert_string_equal(answer_text(o, "level"), "error");
    assert_string_equal(answer_text(o, "channel"), "main");
    assert_string_equal(answer_text(o, "kind"), "auth");
    assert_string_equal(answer_text(o, "msg"), "stopped: no");
    answer_free(o);
    line = logged(say_long, false);
    assert_int_equal(answer_parse(slice_of_text(line), &o, &e), 0);
    assert_in_range(strlen(answer_text(o, "msg")), 1000, 1024);
    answer_free(o);
    log_set_format(LOG_PAIRS);
    assert_ends(logged(say_long, false), "\\\"\"\n");
}

static void plain_text_is_for_people(void **state)
{
    (void)state;
    log_set_format(LOG_PLAIN);
    assert_ends(logged(say_error, false), "Z error source: stopped: no [auth]\n");
    assert_ends(logged(say_foreign, false), "\\ went\n");
    log_set_format(LOG_PAIRS);
}

static void the_journal_gets_priorities_and_no_time(void **state)
{
    (void)state;
    assert_string_equal(logged(say_error, true),
                        "<3>level=error area=source channel=main kind=auth msg=\"stopped: no\"\n");
    log_set_format(LOG_JSON);
    assert_int_equal(strncmp(logged(say_foreign, true), "<4>{\"level\":\"warning\",", 22), 0);
    log_set_format(LOG_PAIRS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_one_line_with_quotes_escaped),
        cmocka_unit_test(json_is_one_object_a_line),
        cmocka_unit_test(plain_text_is_for_people),
        cmocka_unit_test(the_journal_gets_priorities_and_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
