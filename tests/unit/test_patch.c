#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "publisher/fields/patch.h"

/* {"a": [1, 2], "b": "x"} as MySQL stores it. */
static const uint8_t document[] = {
    0x00,                                   /* small object */
    2,    0,   32, 0,                       /* members, bytes */
    18,   0,   1,  0,    19, 0, 1, 0,       /* names: offset, length */
    0x02, 20,  0,  0x0c, 30, 0,             /* values: type, offset */
    'a',  'b',                              /* names */
    2,    0,   10, 0,    5,  1, 0, 5, 2, 0, /* small array of two int16 */
    1,    'x'                               /* a text */
};

static void check(const char *diffs, size_t length, const char *expected)
{
    struct err e = { 0 };
    struct buf out;

    buf_init(&out, 1 << 20);
    int result = patch_put_text((struct slice){ document, sizeof document },
                                (struct slice){ (const uint8_t *)diffs, length }, &out, &e);
    if (expected == NULL) {
        assert_int_equal(result, -1);
        assert_int_equal(e.kind, E_PROTOCOL);
    } else {
        if (result != 0)
            fail_msg("%s", e.text);
        assert_string_equal(buf_text(&out), expected);
    }
    buf_done(&out);
}

#define CHECK(diffs, expected) check(diffs, sizeof(diffs) - 1, expected)
#define REPLACE                "\x00"
#define INSERT                 "\x01"
#define REMOVE                 "\x02"
#define FIVE                   "\x03\x05\x05\x00"
#define YES                    "\x02\x04\x01"

static void changes_are_made_where_their_paths_lead(void **state)
{
    (void)state;
    CHECK("", "{\"a\":[1,2],\"b\":\"x\"}");
    CHECK(REPLACE "\x03$.b" FIVE, "{\"a\":[1,2],\"b\":5}");
    CHECK(REPLACE "\x06$.a[1]" YES, "{\"a\":[1,true],\"b\":\"x\"}");
    CHECK(REMOVE "\x06$.a[0]", "{\"a\":[2],\"b\":\"x\"}");
    CHECK(REMOVE "\x03$.a", "{\"b\":\"x\"}");
    CHECK(INSERT "\x06$.a[1]" YES, "{\"a\":[1,true,2],\"b\":\"x\"}");
    CHECK(INSERT "\x06$.a[9]" YES, "{\"a\":[1,2,true],\"b\":\"x\"}");
    CHECK(REPLACE "\x01$" FIVE, "5");
}

/* Names are sorted as the server stores them: shorter ones first. */
static void a_new_member_gets_its_place(void **state)
{
    (void)state;
    CHECK(INSERT "\x04$.aa" YES, "{\"a\":[1,2],\"b\":\"x\",\"aa\":true}");
    CHECK(INSERT "\x03$.A" YES, "{\"A\":true,\"a\":[1,2],\"b\":\"x\"}");
    CHECK(INSERT "\x07$.\"q\\\"\"" YES, "{\"a\":[1,2],\"b\":\"x\",\"q\\\"\":true}");
}

static void several_changes_follow_each_other(void **state)
{
    (void)state;
    CHECK(REPLACE "\x03$.b" FIVE INSERT "\x06$.a[1]" YES REMOVE "\x06$.a[0]",
          "{\"a\":[true,2],\"b\":5}");
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    CHECK("\x03\x03$.b", NULL);
    CHECK(REPLACE "\x03$.c" FIVE, NULL);
    CHECK(REMOVE "\x06$.a[2]", NULL);
    CHECK(REMOVE "\x01$", NULL);
    CHECK(REPLACE "\x05$.b.c" FIVE, NULL);
    CHECK(INSERT "\x04$[0]" YES, NULL);
    CHECK(REPLACE "\x03$.b"
                  "\x00",
          NULL);
    CHECK(REPLACE "\x09$.b", NULL);
    CHECK(REMOVE "\x03"
                 "a.b",
          NULL);
    CHECK(REMOVE "\x05$.\"bc", NULL);
    CHECK(REMOVE "\x05$.a[x", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_made_where_their_paths_lead),
        cmocka_unit_test(a_new_member_gets_its_place),
        cmocka_unit_test(several_changes_follow_each_other),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
