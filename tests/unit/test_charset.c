#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "protocol/charset.h"

static void check(const char *charset, const char *bytes, size_t n, const char *text)
{
    struct charset_converter *c = NULL;
    struct err                e = { 0 };
    struct slice              out = slice_empty();

    if (charset_converter_new(charset_of_name(charset), &c, &e) != 0)
        fail_msg("%s", e.text);
    assert_non_null(c);
    assert_int_equal(charset_convert(c, (struct slice){ (const uint8_t *)bytes, n }, &out, &e), 0);
    assert_int_equal(out.len, strlen(text));
    assert_memory_equal(out.ptr, text, out.len);
    charset_converter_free(c);
}

static void collations_lead_to_their_character_sets(void **state)
{
    (void)state;
    static const struct {
        uint16_t    collation;
        const char *charset;
    } cases[] = { { 8, "latin1" },    { 33, "utf8mb3" },  { 45, "utf8mb4" },   { 63, "binary" },
                  { 255, "utf8mb4" }, { 323, "utf8mb4" }, { 1057, "utf8mb3" }, { 2304, "utf8mb4" },
                  { 95, "cp932" },    { 248, "gb18030" }, { 101, "utf16" },    { 28, "gbk" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(charset_of_collation(cases[i].collation)->name, cases[i].charset);
    assert_null(charset_of_collation(0));
    assert_null(charset_of_collation(17));
    assert_null(charset_of_collation(65535));
    assert_true(charset_of_collation(63)->is_binary);
    assert_string_equal(charset_of_name("UTF8")->name, "utf8mb3");
    assert_null(charset_of_name("klingon"));
}

static void texts_become_utf8(void **state)
{
    (void)state;
    check("latin1", "caf\xe9 \x80", 6, "café €");
    check("latin2", "\xbf\xf3\xb3w", 4, "żółw");
    check("cp1251", "\xcf\xf0\xe8", 3, "При");
    check("sjis", "\x8a\xbf\x8e\x9a", 4, "漢字");
    check("gbk", "\xba\xba\xd7\xd6", 4, "汉字");
    check("ucs2", "\x6f\x22\x5b\x57", 4, "漢字");
    check("utf16", "\xd8\x3d\xdc\x22", 4, "🐢");
    check("utf32", "\x00\x01\xf4\x22", 4, "🐢");
    check("latin1", "", 0, "");
}

static void bytes_without_a_meaning_are_replaced(void **state)
{
    (void)state;
    check("latin1", "a\x81z", 3, "a\xef\xbf\xbdz");
    check("sjis", "a\x8a", 2, "a\xef\xbf\xbd");
}

static void utf8_needs_no_converter(void **state)
{
    (void)state;
    static const char *const plain[] = { "utf8mb4", "utf8mb3", "ascii", "binary" };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        struct charset_converter *c = NULL;
        struct err                e = { 0 };
        assert_int_equal(charset_converter_new(charset_of_name(plain[i]), &c, &e), 0);
        assert_null(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collations_lead_to_their_character_sets),
        cmocka_unit_test(texts_become_utf8),
        cmocka_unit_test(bytes_without_a_meaning_are_replaced),
        cmocka_unit_test(utf8_needs_no_converter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
