#include "relay/operator/control_reload.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "relay/operator/control_json.h"
#include "relay/reload.h"

static void put_sentence(void *arg, const char *sentence)
{
    json_text(arg, sentence);
}

static void put_sentences(struct json *j, const char *name, const struct buf *sentences)
{
    json_name(j, name);
    json_open_array(j);
    reload_report_each(sentences, put_sentence, j);
    json_close_array(j);
}

struct first_sentence {
    char text[ERR_TEXT_BYTES];
};

static void take_first(void *arg, const char *sentence)
{
    struct first_sentence *f = arg;
    if (f->text[0] == '\0')
        (void)snprintf(f->text, sizeof f->text, "%s", sentence);
}

int control_answer_restart(const struct control_context *x, const struct control_request *r,
                           char *const *words, struct buf *line, control_put *put, void *put_arg,
                           struct err *e)
{
    struct first_sentence first = { 0 };
    struct config        *config;
    struct json           j = json_into(line);

    (void)r;
    (void)words;
    if (config_read(x->config->path, take_first, &first, &config, e) != 0)
        return err_set(e, E_CONFIG, "not restarted: %.500s",
                       first.text[0] != '\0' ? first.text : e->text);
    config_free(config);
    json_open_object(&j);
    put_uint(&j, "pid", (uint64_t)getpid());
    json_close_object(&j);
    TRY(control_emit(line, put, put_arg, e));
    if (kill(getpid(), SIGUSR2) != 0)
        return err_sys(e, "tell the main thread");
    return 0;
}

int control_answer_reload(const struct control_context *x, const struct control_request *r,
                          char *const *words, struct buf *line, control_put *put, void *put_arg,
                          struct err *e)
{
    struct reload_report report;
    bool                 users = strcmp(words[1], "users") == 0;
    struct json          j = json_into(line);

    (void)r;
    if (!users && strcmp(words[1], "all") != 0)
        return err_set(e, E_CONFIG, "reload is of 'all' or 'users', not '%.50s'", words[1]);
    reload_report_init(&report);
    int rc = users ? reload_users(x->reload, &report, e) : reload_all(x->reload, &report, e);
    if (rc == 0) {
        reload_log(&report);
        json_open_object(&j);
        put_sentences(&j, "changed", &report.changed);
        put_sentences(&j, "needs_restart", &report.needs_restart);
        put_sentences(&j, "warnings", &report.warnings);
        json_close_object(&j);
        rc = control_emit(line, put, put_arg, e);
    }
    reload_report_done(&report);
    return rc;
}
