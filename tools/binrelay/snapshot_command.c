/* binrelay snapshot: what tables hold already is published, beside the stream. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "protocol/base/json.h"
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/question.h"
#include "tools/binrelay/text.h"

enum { BAR_CELLS = 24, LOOK_MS = 500, DATA_BYTES_MAX = 1 << 20 };

/* ---- what is asked ------------------------------------------------------------------------- */

static const char *type_of(const char *verb)
{
    static const struct {
        const char *verb, *type;
    } types[] = {
        { "start", "execute-snapshot" }, { "status", "status" },
        { "pause", "pause-snapshot" },   { "resume", "resume-snapshot" },
        { "cancel", "stop-snapshot" },
    };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].verb, verb) == 0)
            return types[i].type;
    return NULL;
}

static void put_member(struct json *j, const char *name, const char *text)
{
    json_name(j, name);
    json_text(j, text);
}

static void put_tables(struct json *j, char *const *tables)
{
    json_name(j, "data-collections");
    json_open_array(j);
    for (; *tables != NULL; tables++)
        json_text(j, *tables);
    json_close_array(j);
}

/* The data of Debezium's signal. */
static int put_data(const struct call *c, char *const *tables, struct buf *out, struct err *e)
{
    const char *where = call_option(c, "where"), *key = call_option(c, "surrogate-key");
    struct json j = json_into(out);

    json_open_object(&j);
    put_tables(&j, tables);
    put_member(&j, "type", "incremental");
    if (where != NULL) {
        json_name(&j, "additional-conditions");
        json_open_array(&j);
        for (; *tables != NULL; tables++) {
            json_open_object(&j);
            put_member(&j, "data-collection", *tables);
            put_member(&j, "filter", where);
            json_close_object(&j);
        }
        json_close_array(&j);
    }
    if (key != NULL)
        put_member(&j, "surrogate-key", key);
    json_close_object(&j);
    return buf_check(out, "what is asked for", e);
}

/* ---- what is told -------------------------------------------------------------------------- */

static void print_bar(uint64_t rows, uint64_t guessed)
{
    char     bar[BAR_CELLS + 1];
    uint64_t cells = guessed > 0 ? rows * BAR_CELLS / guessed : 0;

    for (uint64_t i = 0; i < BAR_CELLS; i++)
        bar[i] = i < cells ? '#' : '.';
    bar[BAR_CELLS] = 0;
    (void)printf("[%s] ", bar);
}

static void print_table(struct json_object *p, bool draws)
{
    char     span[TEXT_BYTES];
    uint64_t rows = answer_uint(p, "rows"), guessed = answer_uint(p, "rows_guessed");

    (void)printf("%s  ", answer_text(p, "table"));
    if (draws && guessed > 0)
        print_bar(rows < guessed ? rows : guessed, guessed);
    (void)printf("%" PRIu64, rows);
    if (guessed > 0)
        (void)printf(" of about %" PRIu64, guessed);
    (void)printf(" rows, %" PRIu64 " rows/s", answer_uint(p, "rows_per_s"));
    if (answer_has(p, "left_s"))
        (void)printf(", %s left", text_of_span(answer_int(p, "left_s"), span));
    if (answer_uint(p, "tables_left") > 1)
        (void)printf(", then %" PRIu64 " more", answer_uint(p, "tables_left") - 1);
}

static void print_progress(struct json_object *p, bool draws)
{
    (void)printf("publisher %s: ", answer_text(p, "publisher"));
    if (!answer_has(p, "active"))
        (void)printf("its checkpoint is not read yet");
    else if (!answer_flag(p, "active"))
        (void)printf("no incremental snapshot runs");
    else
        print_table(p, draws);
    if (answer_flag(p, "paused"))
        (void)printf(" (paused)");
    if (answer_has(p, "waits"))
        (void)printf("\n  waits    %s", answer_text(p, "waits"));
    if (answer_has(p, "problem"))
        (void)printf("\n  problem  %s", answer_text(p, "problem"));
    (void)putchar('\n');
}

static int print_lines(const struct call *c, struct slice lines, bool *active, struct err *e)
{
    struct slice line;

    *active = false;
    while (question_next_line(&lines, &line)) {
        struct json_object *p = NULL;
        TRY(answer_parse(line, &p, e));
        *active |=
            !answer_has(p, "active") || (answer_flag(p, "active") && !answer_flag(p, "paused"));
        if (c->json)
            (void)printf("%.*s\n", (int)line.len, (const char *)line.ptr);
        else
            print_progress(p, isatty(STDOUT_FILENO) != 0);
        answer_free(p);
    }
    (void)fflush(stdout);
    return 0;
}

static int ask(const struct call *c, const char *type, const char *data, bool *active,
               struct err *e)
{
    const char       *name = call_option(c, "publisher");
    const char *const words[] = { "snapshot", name != NULL ? name : "-", type, data, NULL };
    struct buf        lines;

    buf_init(&lines, QUESTION_BYTES_MAX);
    int result = question_ask(&c->at, words, &lines, e);
    if (result == 0)
        result = print_lines(c, buf_slice(&lines), active, e);
    buf_done(&lines);
    return result;
}

/* On a terminal each line takes the place of the one before. */
static int wait_for_end(const struct call *c, bool active, struct err *e)
{
    while (active) {
        (void)poll(NULL, 0, LOOK_MS);
        if (!c->json && isatty(STDOUT_FILENO) != 0)
            (void)printf("\033[A\033[2K");
        TRY(ask(c, "status", "-", &active, e));
    }
    return 0;
}

static int misuse(const struct call *c, const char *type, struct err *e)
{
    bool starts = type != NULL && strcmp(type, "execute-snapshot") == 0;

    if (type == NULL)
        return err_set(e, E_CONFIG,
                       "a snapshot can be told to start, pause, resume or cancel, or "
                       "asked for its status, not '%.40s'",
                       c->operands[0]);
    if (!starts && (call_option(c, "where") != NULL || call_option(c, "surrogate-key") != NULL ||
                    call_option(c, "wait") != NULL))
        return err_set(e, E_CONFIG, "--where, --surrogate-key and --wait belong to start");
    return 0;
}

enum command_exit snapshot_command_run(const struct call *c, struct err *e)
{
    char         all_tables[] = ".*";
    char *const  all[] = { all_tables, NULL };
    const char  *type = type_of(c->operands[0]);
    char *const *tables = c->operands + 1;
    bool         active = false;
    struct buf   data;

    if (misuse(c, type, e) != 0)
        return COMMAND_MISUSED;
    if (strcmp(type, "execute-snapshot") == 0 && *tables == NULL)
        tables = all;
    buf_init(&data, DATA_BYTES_MAX);
    int result = put_data(c, tables, &data, e);
    if (result == 0)
        result = ask(c, type, strcmp(type, "status") == 0 ? "-" : buf_text(&data), &active, e);
    if (result == 0 && call_option(c, "wait") != NULL)
        result = wait_for_end(c, true, e);
    buf_done(&data);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
