/* Listening sockets that come from the program before, or from a service manager. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <unistd.h>
#include "relay/downstream/handover.h"

enum { FIRST = 3, GOOD = 0, BAD = 1 };

/* Listens on a free port of the loopback. */
static int listen_somewhere(struct sockaddr_in *at)
{
    socklen_t size = sizeof *at;
    int       fd = socket(AF_INET, SOCK_STREAM, 0);

    *at = (struct sockaddr_in){ .sin_family = AF_INET };
    at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (const struct sockaddr *)at, sizeof *at) != 0 || listen(fd, 1) != 0 ||
        getsockname(fd, (struct sockaddr *)at, &size) != 0)
        _exit(BAD);
    return fd;
}

static void announce(const char *count, const char *pid)
{
    char own[32];

    (void)snprintf(own, sizeof own, "%ld", (long)getpid());
    (void)setenv("LISTEN_FDS", count, 1);
    (void)setenv("LISTEN_PID", pid != NULL ? pid : own, 1);
}

/* In a process of its own, since the descriptors' numbers are fixed. */
static void run_apart(int (*body)(void))
{
    int   status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(body());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), GOOD);
}

static bool take(const struct sockaddr_in *at, int *fd)
{
    return handover_take((const struct sockaddr *)at, sizeof *at, fd);
}

static int found_by_their_address(void)
{
    struct sockaddr_in a, b, other;
    int                fd = -1;
    int                first = listen_somewhere(&a);
    int                second = listen_somewhere(&b);

    if (dup2(second, FIRST + 200) < 0 || dup2(first, FIRST) < 0 || dup2(FIRST + 200, FIRST + 1) < 0)
        return BAD;
    announce("2", NULL);
    handover_begin();
    other = a;
    other.sin_port = htons(1);
    if (take(&other, &fd) || !take(&b, &fd) || fd != FIRST + 1 || take(&b, &fd) || !take(&a, &fd) ||
        fd != FIRST || getenv("LISTEN_FDS") != NULL)
        return BAD;
    handover_end();
    return take(&a, &fd) ? BAD : GOOD;
}

static int meant_for_others(void)
{
    static const char *const cases[][2] = { { "1", "1" },   { "1", "" },  { "x", NULL },
                                            { "-1", NULL }, { "", NULL }, { "99999999999", NULL } };
    struct sockaddr_in       a;
    int                      fd = -1;
    int                      first = listen_somewhere(&a);

    if (dup2(first, FIRST) < 0)
        return BAD;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        announce(cases[i][0], cases[i][1]);
        handover_begin();
        if (take(&a, &fd))
            return BAD;
        handover_end();
    }
    return GOOD;
}

static int no_listening_socket(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    int                fd = -1, pipes[2];

    if (pipe(pipes) != 0 || dup2(pipes[0], FIRST) < 0 ||
        dup2(socket(AF_INET, SOCK_STREAM, 0), FIRST + 1) < 0)
        return BAD;
    announce("3", NULL);
    handover_begin();
    bool taken = take(&a, &fd);
    handover_end();
    return taken ? BAD : GOOD;
}

static void sockets_are_found_by_their_address(void **state)
{
    (void)state;
    run_apart(found_by_their_address);
}

static void what_is_meant_for_others_is_left_alone(void **state)
{
    (void)state;
    run_apart(meant_for_others);
}

static void only_listening_sockets_count(void **state)
{
    (void)state;
    run_apart(no_listening_socket);
}

static void a_kept_socket_outlives_its_owner(void **state)
{
    (void)state;
    struct handover    h = { 0 };
    struct sockaddr_in a;
    struct err         e = { 0 };
    int                fd = listen_somewhere(&a);

    assert_int_equal(handover_keep(&h, fd, &e), 0);
    assert_int_equal(close(fd), 0);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (const struct sockaddr *)&a, sizeof a), 0);
    (void)close(client);
    handover_done(&h);
    client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (const struct sockaddr *)&a, sizeof a), -1);
    (void)close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_are_found_by_their_address),
        cmocka_unit_test(what_is_meant_for_others_is_left_alone),
        cmocka_unit_test(only_listening_sockets_count),
        cmocka_unit_test(a_kept_socket_outlives_its_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
