/* Rights as words and as bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/rights.h"

static void assert_back(const char *text, unsigned rights, const char *shown)
{
    struct err e = { 0 };
    struct buf out;
    unsigned   got = 0;
    assert_int_equal(rights_parse(slice_of_text(text), &got, &e), 0);
    assert_int_equal(got, rights);
    buf_init(&out, 256);
    rights_put_text(got, &out);
    assert_string_equal(buf_text(&out), shown);
    buf_done(&out);
}

static void words_become_bits_and_words_again(void **state)
{
    (void)state;
    assert_back(RIGHTS_DEFAULT_TEXT, RIGHTS_DEFAULT, "replicate,forward");
    assert_back(" admin ,\treplicate", RIGHT_ADMIN | RIGHT_REPLICATE, "replicate,admin");
    assert_back("write,write", RIGHT_WRITE, "write");
    assert_back("none", 0, "none");
    assert_back("all", 15, "replicate,forward,write,admin");
}

static void anything_else_is_refused_and_named(void **state)
{
    (void)state;
    static const char *const wrong[] = { "",           ",",         "replicate,", "Replicate",
                                         "none,write", "write,all", "super" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct err e = { 0 };
        unsigned   got = 77;
        assert_int_equal(rights_parse(slice_of_text(wrong[i]), &got, &e), -1);
        assert_int_equal(e.kind, E_CONFIG);
        assert_int_equal(got, 77);
        assert_non_null(strstr(e.text, "replicate"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_bits_and_words_again),
        cmocka_unit_test(anything_else_is_refused_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
