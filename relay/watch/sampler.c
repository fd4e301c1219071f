#include "relay/watch/sampler.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "relay/log.h"

struct sampler {
    const struct overview_of *of;
    struct history           *history;
    int                       stop_fd, timer_fd;
    pthread_t                 thread;
    bool                      runs;
};

static void take_sample(const struct sampler *s)
{
    struct overview o;
    struct err      e = { 0 };

    if (overview_take(s->of, &o, &e) != 0) {
        log_err("http", "no sample for the page's charts", &e);
        return;
    }
    history_take(s->history, &o);
    overview_done(&o);
}

static void *sampler_main(void *arg)
{
    const struct sampler *s = arg;
    struct pollfd         p[2] = { { .fd = s->timer_fd, .events = POLLIN },
                                   { .fd = s->stop_fd, .events = POLLIN } };
    uint64_t              times;

    while (p[1].revents == 0) {
        take_sample(s);
        while (poll(p, 2, -1) < 0 && errno == EINTR)
            continue;
        (void)!read(s->timer_fd, &times, sizeof times);
    }
    return NULL;
}

static int begin(struct sampler *s, struct err *e)
{
    const struct itimerspec period = { .it_interval.tv_sec = HISTORY_PERIOD_S,
                                       .it_value.tv_sec = HISTORY_PERIOD_S };

    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (s->stop_fd < 0 || s->timer_fd < 0 || timerfd_settime(s->timer_fd, 0, &period, NULL) != 0)
        return err_sys(e, "make an eventfd or timerfd");
    errno = pthread_create(&s->thread, NULL, sampler_main, s);
    if (errno != 0)
        return err_sys(e, "start a thread");
    (void)pthread_setname_np(s->thread, "sampler");
    s->runs = true;
    return 0;
}

int sampler_start(const struct overview_of *of, struct history *history, struct sampler **out,
                  struct err *e)
{
    struct sampler *s = calloc(1, sizeof *s);

    if (s == NULL)
        return err_set(e, E_NOMEM, "no memory for samples");
    *s = (struct sampler){ .of = of, .history = history, .stop_fd = -1, .timer_fd = -1 };
    if (begin(s, e) != 0) {
        sampler_stop(s);
        return -1;
    }
    *out = s;
    return 0;
}

void sampler_stop(struct sampler *s)
{
    uint64_t one = 1;

    if (s == NULL)
        return;
    if (s->runs) {
        (void)!write(s->stop_fd, &one, sizeof one);
        (void)pthread_join(s->thread, NULL);
    }
    if (s->stop_fd >= 0)
        (void)close(s->stop_fd);
    if (s->timer_fd >= 0)
        (void)close(s->timer_fd);
    free(s);
}
