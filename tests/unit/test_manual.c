#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tools/binrelay/command.h"

static void assert_tells(struct buf *text, const char *what)
{
    if (strstr(buf_text(text), what) == NULL)
        fail_msg("'%s' is missing in: %s", what, buf_text(text));
}

static void every_command_and_option_is_in_the_help(void **state)
{
    (void)state;
    struct buf usage, one;
    buf_init(&usage, 1000000);
    manual_put_usage(&usage);
    for (const struct command *c = commands; c->name != NULL; c++) {
        assert_tells(&usage, c->name);
        assert_ptr_equal(command_by_name(c->name), c);
        buf_init(&one, 1000000);
        manual_put_command(c, &one);
        for (const struct command_option *o = c->options; o->name != NULL; o++)
            assert_tells(&one, o->name);
        for (const struct command_option *o = command_globals; o->name != NULL; o++)
            assert_tells(&one, o->name);
        buf_done(&one);
    }
    buf_done(&usage);
    assert_null(command_by_name("no such command"));
}

static void help_fits_a_terminal(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1000000);
    manual_put_usage(&text);
    for (const struct command *c = commands; c->name != NULL; c++)
        manual_put_command(c, &text);
    for (const char *line = buf_text(&text); *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 80);
    buf_done(&text);
}

static void every_command_and_option_is_in_the_manual_page(void **state)
{
    (void)state;
    struct buf page, head;
    buf_init(&page, 1000000);
    buf_init(&head, 1000);
    manual_put_page(&page);
    for (const struct command *c = commands; c->name != NULL; c++) {
        buf_clear(&head);
        buf_printf(&head, ".SS %s", c->name);
        assert_tells(&page, buf_text(&head));
        for (const struct command_option *o = c->options; o->name != NULL; o++) {
            buf_clear(&head);
            buf_printf(&head, ".B \\-\\-%s", o->name);
            assert_tells(&page, buf_text(&head));
        }
    }
    buf_done(&page);
    buf_done(&head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_and_option_is_in_the_help),
        cmocka_unit_test(help_fits_a_terminal),
        cmocka_unit_test(every_command_and_option_is_in_the_manual_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
