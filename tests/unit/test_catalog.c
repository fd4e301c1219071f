#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "storage/catalog.h"

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/test_catalog.XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = { "catalog.db", "catalog.db-wal", "catalog.db-shm" };
    char                     path[128];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

static void a_named_value_outlives_the_catalog_and_is_replaced(void **state)
{
    struct err      e = { 0 };
    struct catalog *c;
    struct buf      text;

    (void)state;
    buf_init(&text, 16);
    assert_int_equal(catalog_open(folder, false, &c, &e), 0);
    assert_int_equal(catalog_get_value(c, "a", &text, &e), 0);
    assert_int_equal(text.len, 0);
    assert_int_equal(catalog_put_value(c, "a", "old", &e), 0);
    assert_int_equal(catalog_put_value(c, "b", "b's", &e), 0);
    assert_int_equal(catalog_put_value(c, "a", "new\nline", &e), 0);
    catalog_close(c);
    assert_int_equal(catalog_open(folder, false, &c, &e), 0);
    assert_int_equal(catalog_get_value(c, "a", &text, &e), 1);
    assert_string_equal(buf_text(&text), "new\nline");
    /* A value that does not fit its buffer is an error, not a shorter value. */
    assert_int_equal(catalog_put_value(c, "a", "seventeen letters", &e), 0);
    buf_clear(&text);
    assert_int_equal(catalog_get_value(c, "a", &text, &e), -1);
    assert_int_equal(e.kind, E_LIMIT);
    catalog_close(c);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_named_value_outlives_the_catalog_and_is_replaced, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
