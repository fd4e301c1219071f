/* binrelayd: reads the command line and the configuration, starts the parts, waits for a signal,
   ends them in order. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "protocol/base/version.h"
#include "storage/identity.h"
#include "relay/channels.h"
#include "relay/config/config.h"
#include "relay/operator/control.h"
#include "relay/daemon_manual.h"
#include "relay/log.h"
#include "relay/reload.h"
#include "relay/retention.h"
#include "relay/service_manager.h"
#include "relay/downstream/handover.h"
#include "relay/downstream/serve.h"
#include "relay/watch/http.h"

enum { EXIT_FINE = 0, EXIT_CONFIG = 1, EXIT_RUNTIME = 2, TEXT_BYTES_MAX = 1024 * 1024 };

/* ---- the command line ---------------------------------------------------------------------- */

static int print(void (*put)(struct buf *out))
{
    struct buf text;

    buf_init(&text, TEXT_BYTES_MAX);
    put(&text);
    bool fine =
        text.failed == BUF_FINE && fputs(buf_text(&text), stdout) >= 0 && fflush(stdout) == 0;
    buf_done(&text);
    return fine ? EXIT_FINE : EXIT_RUNTIME;
}

static void put_version(struct buf *out)
{
    buf_put_text(out, "binrelayd " BINRELAY_VERSION "\n");
}

static int print_man(const char *page)
{
    if (strcmp(page, "binrelay.conf.5") == 0)
        return print(config_put_man);
    if (strcmp(page, "binrelayd.8") == 0)
        return print(daemon_put_man);
    (void)fprintf(stderr, "binrelayd: there is no manual page '%s'; see --help\n", page);
    return EXIT_CONFIG;
}

static void say_to_stderr(void *arg, const char *sentence)
{
    (void)arg;
    (void)fprintf(stderr, "%s\n", sentence);
}

static int check(const char *path)
{
    struct config *config;
    struct err     e = { 0 };

    if (config_read(path, say_to_stderr, NULL, &config, &e) != 0) {
        (void)fprintf(stderr, "%s\n", e.text);
        return EXIT_CONFIG;
    }
    config_free(config);
    (void)printf("configuration is good\n");
    return EXIT_FINE;
}

/* ---- running ------------------------------------------------------------------------------- */

static void say_to_log(void *arg, const char *sentence)
{
    (void)arg;
    log_write(LOG_WARNING, "config", "%s", sentence);
}

/* All threads inherit it: signals are taken by sigwait() in main alone. */
static void block_signals(sigset_t *awaited)
{
    (void)sigemptyset(awaited);
    (void)sigaddset(awaited, SIGTERM);
    (void)sigaddset(awaited, SIGINT);
    (void)sigaddset(awaited, SIGHUP);
    (void)sigaddset(awaited, SIGUSR2);
    (void)pthread_sigmask(SIG_BLOCK, awaited, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

struct parts {
    struct channels  *channels;
    struct serve     *serve;
    struct control   *control;
    struct retention *retention;
    struct reload    *reload;
    struct http      *http;
};

static int start(const struct config *config, struct parts *p, struct err *e)
{
    TRY(channels_new(config, &p->channels, e));
    TRY(serve_new(config, p->channels, &p->serve, e));
    TRY(retention_new(p->channels, p->serve, &p->retention, e));
    TRY(reload_new(config, p->channels, p->serve, &p->reload, e));
    TRY(control_start(config, p->channels, p->serve, p->retention, p->reload, &p->control, e));
    TRY(channels_start(p->channels, e));
    TRY(retention_start(p->retention, e));
    TRY(serve_start(p->serve, e));
    return http_start(config, control_context(p->control), &p->http, e);
}

/* Consumers first, so that nobody waits for a part that is gone. `kept` NULL: the listening sockets
   are closed. */
static void stop(struct parts *p, struct handover *kept)
{
    struct err e = { 0 };

    if (p->channels != NULL)
        channels_stop_switching(p->channels);
    http_stop(p->http);
    control_stop(p->control);
    if (p->serve != NULL)
        serve_stop(p->serve);
    if (kept != NULL && serve_keep_sockets(p->serve, kept, &e) != 0)
        log_err("main", "consumers can't connect until the start is over", &e);
    retention_free(p->retention);
    if (p->channels != NULL)
        channels_stop(p->channels);
    serve_free(p->serve);
    channels_free(p->channels);
    reload_free(p->reload);
}

static void reload(struct reload *r)
{
    struct reload_report report;
    struct err           e = { 0 };

    service_manager_reloading();
    reload_report_init(&report);
    if (reload_all(r, &report, &e) == 0)
        reload_log(&report);
    else
        log_err("reload", "refused", &e);
    reload_report_done(&report);
    service_manager_ready();
}

/* What would keep the next start from working is said while this one still runs. */
static bool may_restart(const char *path)
{
    struct config *config;
    struct err     e = { 0 };

    if (config_read(path, say_to_log, NULL, &config, &e) != 0) {
        log_err("config", "not restarted, since it can't be used", &e);
        return false;
    }
    config_free(config);
    return true;
}

/* Until it is to end, or to begin anew: SIGUSR2. */
static int wait_for_end(const sigset_t *awaited, const char *path, struct reload *r)
{
    int number = 0;

    for (;;) {
        if (sigwait(awaited, &number) != 0)
            continue;
        if (number == SIGHUP)
            reload(r);
        else if (number != SIGUSR2 || may_restart(path))
            return number;
    }
}

/* Becomes the program that lies at the same place now. Consumers that connect meanwhile wait. */
static int begin_anew(struct handover *kept, char *const *argv)
{
    struct err e = { 0 };

    log_write(LOG_INFO, "main", "ended; beginning anew");
    (void)handover_exec(kept, argv, &e);
    log_err("main", "could not begin anew", &e);
    handover_done(kept);
    return EXIT_RUNTIME;
}

static int run(const char *path, char *const *argv)
{
    struct config  *config;
    struct parts    parts = { 0 };
    struct handover kept = { 0 };
    struct err      e = { 0 };
    sigset_t        awaited;
    int             number = 0;

    (void)umask(S_IWGRP | S_IRWXO);
    block_signals(&awaited);
    log_find_journal();
    handover_begin();
    if (config_read(path, say_to_log, NULL, &config, &e) != 0) {
        log_err("config", "can't be used", &e);
        return EXIT_CONFIG;
    }
    log_set_level(config->relay.log_level);
    log_set_format(config->relay.log_format);
    int failed = identity_become(config->relay.user, &e);
    if (failed == 0)
        failed = start(config, &parts, &e);
    handover_end();
    if (failed == 0) {
        log_write(LOG_INFO, "main", "binrelayd " BINRELAY_VERSION " runs, data in '%s'",
                  config->relay.data);
        service_manager_ready();
        number = wait_for_end(&awaited, path, parts.reload);
        log_write(LOG_INFO, "main", "%s: ending in order",
                  number == SIGTERM   ? "SIGTERM"
                  : number == SIGUSR2 ? "SIGUSR2"
                                      : "SIGINT");
        if (number == SIGUSR2)
            service_manager_reloading();
        else
            service_manager_stopping();
    } else {
        log_err("main", "could not start", &e);
    }
    stop(&parts, number == SIGUSR2 ? &kept : NULL);
    config_free(config);
    if (number == SIGUSR2)
        return begin_anew(&kept, argv);
    if (failed == 0)
        log_write(LOG_INFO, "main", "ended");
    return failed == 0 ? EXIT_FINE : e.kind == E_CONFIG ? EXIT_CONFIG : EXIT_RUNTIME;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return print(daemon_put_help);
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return print(put_version);
    if (argc == 2 && strcmp(argv[1], "--print-sample") == 0)
        return print(config_put_sample);
    if (argc == 3 && strcmp(argv[1], "--print-man") == 0)
        return print_man(argv[2]);
    if (argc == 3 && strcmp(argv[1], "--check") == 0)
        return check(argv[2]);
    if (argc == 2 && argv[1][0] != '-')
        return run(argv[1], argv);
    (void)fprintf(stderr, "usage: binrelayd CONFIG, or binrelayd --help\n");
    return EXIT_CONFIG;
}
