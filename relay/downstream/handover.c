#include "relay/downstream/handover.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_FD = 3, KEPT_FD = FIRST_FD + HANDOVER_MAX };

static int    inherited[HANDOVER_MAX]; /* -1: taken */
static size_t inherited_count;

static long number_of(const char *name, long most)
{
    const char *text = getenv(name);
    char       *end = NULL;

    errno = 0;
    long n = text != NULL ? strtol(text, &end, 10) : 0;
    return text == NULL || errno != 0 || end == text || *end != '\0' || n < 0 || n > most ? 0 : n;
}

static bool listens(int fd)
{
    int       value = 0;
    socklen_t size = sizeof value;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
}

void handover_begin(void)
{
    long count = number_of("LISTEN_FDS", HANDOVER_MAX);

    if (number_of("LISTEN_PID", INT32_MAX) != (long)getpid())
        count = 0;
    for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++) {
        if (!listens(fd))
            continue;
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        inherited[inherited_count++] = fd;
    }
    /* Nobody that we start is meant. */
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDNAMES");
}

bool handover_take(const struct sockaddr *address, socklen_t size, int *out)
{
    for (size_t i = 0; i < inherited_count; i++) {
        struct sockaddr_storage a = { 0 };
        socklen_t               n = sizeof a;
        if (inherited[i] < 0 || getsockname(inherited[i], (struct sockaddr *)&a, &n) != 0 ||
            n != size || memcmp(&a, address, size) != 0)
            continue;
        *out = inherited[i];
        inherited[i] = -1;
        return true;
    }
    return false;
}

void handover_end(void)
{
    for (size_t i = 0; i < inherited_count; i++)
        if (inherited[i] >= 0)
            (void)close(inherited[i]);
    inherited_count = 0;
}

int handover_keep(struct handover *h, int fd, struct err *e)
{
    if (h->count == HANDOVER_MAX)
        return err_set(e, E_LIMIT, "more than %d listening sockets", HANDOVER_MAX);
    /* Above all that exec puts into place. */
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, KEPT_FD);
    if (copy < 0)
        return err_sys(e, "keep a listening socket");
    h->fds[h->count++] = copy;
    return 0;
}

void handover_done(struct handover *h)
{
    for (size_t i = 0; i < h->count; i++)
        (void)close(h->fds[i]);
    h->count = 0;
}

int handover_exec(struct handover *h, char *const *argv, struct err *e)
{
    char text[16];

    /* All other descriptors are closed by exec; those at these numbers are not needed any more. */
    for (size_t i = 0; i < h->count; i++)
        if (dup2(h->fds[i], FIRST_FD + (int)i) < 0)
            return err_sys(e, "hand over a listening socket");
    (void)snprintf(text, sizeof text, "%zu", h->count);
    (void)setenv("LISTEN_FDS", text, 1);
    (void)snprintf(text, sizeof text, "%ld", (long)getpid());
    (void)setenv("LISTEN_PID", text, 1);
    (void)execvp(argv[0], argv);
    return err_sys(e, "start '%s' anew", argv[0]);
}
