#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "tools/binrelay/control_client.h"

/* A daemon that answers one question with given bytes, in given portions. */
struct daemon {
    char        folder[64];
    int         listener;
    const char *answer;
    size_t      portion;
    char        asked[1000];
    pthread_t   thread;
};

static void *answer_once(void *arg)
{
    struct daemon *d = arg;
    int            fd = accept(d->listener, NULL, NULL);
    ssize_t        n = read(fd, d->asked, sizeof d->asked - 1);
    d->asked[n > 0 ? n : 0] = '\0';
    size_t len = strlen(d->answer);
    for (size_t at = 0; at < len; at += d->portion) {
        size_t part = len - at < d->portion ? len - at : d->portion;
        if (write(fd, d->answer + at, part) != (ssize_t)part)
            break;
    }
    (void)close(fd);
    return NULL;
}

static void daemon_start(struct daemon *d, const char *answer, size_t portion)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    *d = (struct daemon){ .folder = "/tmp/test-control.XXXXXX",
                          .answer = answer,
                          .portion = portion };
    assert_non_null(mkdtemp(d->folder));
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/control.sock", d->folder);
    d->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(d->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(d->listener, 1), 0);
    assert_int_equal(pthread_create(&d->thread, NULL, answer_once, d), 0);
}

static void daemon_end(struct daemon *d)
{
    char path[100];
    (void)pthread_join(d->thread, NULL);
    (void)close(d->listener);
    (void)snprintf(path, sizeof path, "%s/control.sock", d->folder);
    (void)unlink(path);
    (void)rmdir(d->folder);
}

static const char *const question[] = { "map", "binlog.000001:4", NULL };

static void an_answer_comes_line_by_line_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t portion = 1; portion < 8; portion++) {
        struct daemon          d;
        struct control_client *c = NULL;
        struct err             e = { 0 };
        struct slice           line;
        daemon_start(&d, "{\"a\":1}\n\n{\"b\":2}\n", portion);
        assert_int_equal(control_ask(d.folder, NULL, question, &c, &e), 0);
        assert_int_equal(control_line(c, &line, &e), 1);
        assert_true(slice_equal(line, slice_of_text("{\"a\":1}")));
        assert_int_equal(control_line(c, &line, &e), 1);
        assert_int_equal(line.len, 0);
        assert_int_equal(control_line(c, &line, &e), 1);
        assert_true(slice_equal(line, slice_of_text("{\"b\":2}")));
        assert_int_equal(control_line(c, &line, &e), 0);
        control_close(c);
        daemon_end(&d);
        assert_string_equal(d.asked, "map\tbinlog.000001:4\n");
    }
}

static void a_refusal_is_an_error_of_the_kind_that_the_daemon_named(void **state)
{
    (void)state;
    struct daemon          d;
    struct control_client *c = NULL;
    struct err             e = { 0 };
    struct slice           line;
    daemon_start(&d, "{\"error\":\"no such file\",\"kind\":\"purged\"}\n", 1000);
    assert_int_equal(control_ask(d.folder, NULL, question, &c, &e), 0);
    assert_int_equal(control_line(c, &line, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    assert_string_equal(e.text, "no such file");
    control_close(c);
    daemon_end(&d);
}

static void half_a_line_is_not_an_answer(void **state)
{
    (void)state;
    struct daemon          d;
    struct control_client *c = NULL;
    struct err             e = { 0 };
    struct slice           line;
    daemon_start(&d, "{\"a\":1}\n{\"b\"", 1000);
    assert_int_equal(control_ask(d.folder, NULL, question, &c, &e), 0);
    assert_int_equal(control_line(c, &line, &e), 1);
    assert_int_equal(control_line(c, &line, &e), -1);
    assert_int_equal(e.kind, E_STOPPED);
    control_close(c);
    daemon_end(&d);
}

static void looking_tells_apart_lines_silence_and_the_end(void **state)
{
    (void)state;
    struct daemon          d;
    struct control_client *c = NULL;
    struct err             e = { 0 };
    struct slice           line;
    int                    got;
    daemon_start(&d, "{\"a\":1}\n", 3);
    assert_int_equal(control_ask(d.folder, NULL, question, &c, &e), 0);
    while ((got = control_look(c, &line, &e)) == 0) {
        struct pollfd p = { .fd = control_fd(c), .events = POLLIN };
        assert_true(poll(&p, 1, 10000) >= 0);
    }
    assert_int_equal(got, 1);
    while ((got = control_look(c, &line, &e)) == 0)
        continue;
    assert_int_equal(got, -1);
    assert_int_equal(e.kind, E_STOPPED);
    control_close(c);
    daemon_end(&d);
}

static void without_a_daemon_the_error_says_how_to_start_one(void **state)
{
    (void)state;
    struct control_client *c = NULL;
    struct err             e = { 0 };
    char                   folder[] = "/tmp/test-control.XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(control_ask(folder, NULL, question, &c, &e), -1);
    assert_int_equal(e.kind, E_STOPPED);
    assert_non_null(strstr(e.text, "binrelayd"));
    assert_null(c);
    (void)rmdir(folder);
}

static void a_word_can_not_become_two(void **state)
{
    (void)state;
    static const char *const sly[] = { "map", "a\tb", NULL };
    struct daemon            d;
    struct control_client   *c = NULL;
    struct err               e = { 0 };
    daemon_start(&d, "", 1);
    assert_int_equal(control_ask(d.folder, NULL, sly, &c, &e), -1);
    assert_int_equal(e.kind, E_CONFIG);
    daemon_end(&d);
    assert_string_equal(d.asked, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_line_by_line_however_it_is_cut),
        cmocka_unit_test(a_refusal_is_an_error_of_the_kind_that_the_daemon_named),
        cmocka_unit_test(half_a_line_is_not_an_answer),
        cmocka_unit_test(looking_tells_apart_lines_silence_and_the_end),
        cmocka_unit_test(without_a_daemon_the_error_says_how_to_start_one),
        cmocka_unit_test(a_word_can_not_become_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
