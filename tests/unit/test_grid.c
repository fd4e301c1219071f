#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tools/binrelay/grid.h"

static void check(const struct grid *g, const char *expected)
{
    char      *text = NULL;
    size_t     bytes = 0;
    struct err e = { 0 };
    FILE      *to = open_memstream(&text, &bytes);
    assert_non_null(to);
    assert_int_equal(grid_print(g, to, &e), 0);
    assert_int_equal(fclose(to), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    (void)state;
    static const char *const titles[] = { "name", ">size", "note" };
    struct grid              g;
    grid_init(&g, titles, 3);
    grid_put(&g, "%s", "a.000001");
    grid_put(&g, "%d", 12345);
    grid_put(&g, "x");
    grid_put(&g, "b");
    grid_put(&g, "%d", 7);
    grid_put(&g, "longer than its title");
    check(&g, "name       size  note\n"
              "a.000001  12345  x\n"
              "b             7  longer than its title\n");
    grid_done(&g);
}

static void letters_count_not_bytes(void **state)
{
    (void)state;
    static const char *const titles[] = { "n", "m" };
    struct grid              g;
    grid_init(&g, titles, 2);
    grid_put(&g, "\xc3\xa4\xc3\xb6");
    grid_put(&g, "1");
    grid_put(&g, "ab");
    grid_put(&g, "2");
    check(&g, "n   m\n\xc3\xa4\xc3\xb6  1\nab  2\n");
    grid_done(&g);
}

static void no_control_character_reaches_the_terminal(void **state)
{
    (void)state;
    static const char *const titles[] = { "n" };
    struct grid              g;
    grid_init(&g, titles, 1);
    grid_put(&g, "a\033[2Jb\n\x7f");
    check(&g, "n\na?[2Jb??\n");
    grid_done(&g);
}

static void no_rows_leave_the_titles(void **state)
{
    (void)state;
    static const char *const titles[] = { "n", ">m" };
    struct grid              g;
    grid_init(&g, titles, 2);
    check(&g, "n  m\n");
    grid_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(letters_count_not_bytes),
        cmocka_unit_test(no_control_character_reaches_the_terminal),
        cmocka_unit_test(no_rows_leave_the_titles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
