/* binrelay switch: go over to another source, or tell what that would mean. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/control_client.h"
#include "tools/binrelay/text.h"

static uint64_t transactions(struct json_object *x, const char *name)
{
    return answer_uint(answer_member(x, name), "transactions");
}

static void print_amount(struct json_object *x, const char *name, const char *words)
{
    struct json_object *amount = answer_member(x, name);
    char                bytes[TEXT_BYTES], count[TEXT_BYTES];

    if (answer_has(amount, "transactions"))
        (void)printf("  %s: %s, %s\n", words,
                     text_of_count(answer_uint(amount, "transactions"), "transaction", count),
                     text_of_bytes(answer_uint(amount, "bytes"), bytes));
}

static void print_named(struct json_object *x, const char *name, const char *words)
{
    struct json_object *list = answer_member(x, name);
    char                count[TEXT_BYTES];

    if (transactions(x, name) > 0)
        (void)printf("  %s: %s, %s\n", words,
                     text_of_count(transactions(x, name), "transaction", count),
                     answer_text(list, "which"));
}

static void print_identity(struct json_object *x)
{
    bool mariadb = strcmp(answer_text(x, "family"), "mariadb") == 0;

    (void)printf("%s is %s %s at %s, ", answer_text(x, "source"), mariadb ? "MariaDB" : "MySQL",
                 answer_text(x, "version"), answer_text(x, "address"));
    if (answer_has(x, "server_uuid"))
        (void)printf("server_uuid %s\n", answer_text(x, "server_uuid"));
    else
        (void)printf("server_id %" PRIu64 "\n", answer_uint(x, "server_id"));
}

static void print_method(struct json_object *x)
{
    static const struct {
        const char *method, *words;
    } methods[] = {
        { "gtid", "told by GTIDs" },
        { "content", "told by what transactions contain" },
        { "chosen", "as chosen by --at" },
    };
    const char *words = "";

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].method, answer_text(x, "method")) == 0)
            words = methods[i].words;
    if (answer_flag(x, "reset"))
        (void)printf("  its binlogs were reset: nothing of them is held\n");
    else if (answer_flag(x, "same_server"))
        (void)printf("  it is the server that was followed, and has lost data\n");
    (void)printf("  joined from its %s on; what is held of that is skipped, %s\n",
                 answer_text(x, "file"), words);
    struct json_object *first = answer_member(x, "first_new");
    if (answer_has(x, "first_new"))
        (void)printf("  new from %s:%" PRIu64 " on\n", answer_text(first, "file"),
                     answer_uint(first, "offset"));
}

static void print_statements(struct json_object *x)
{
    struct json_object *statements = answer_member(x, "statements");

    if (answer_count(statements) == 0)
        return;
    (void)printf("  it gets what it lacks from the relay by these statements there, or by "
                 "'binrelay switch %s --catch-up' with an admin_user:\n",
                 answer_text(x, "source"));
    for (size_t i = 0; i < answer_count(statements); i++)
        (void)printf("    %s\n", answer_item_text(statements, i));
}

static void print_plan(struct json_object *x, bool dry_run)
{
    print_identity(x);
    print_method(x);
    print_amount(x, "skipped", "held already");
    print_amount(x, "new", "new there");
    print_named(x, "lacking", "lacking there, given to consumers");
    print_named(x, "errant", "written there while it lacked those");
    print_named(x, "lost", "purged there, and not held");
    print_statements(x);
    if (answer_has(x, "warning"))
        (void)printf("  warning: %s\n", answer_text(x, "warning"));
    if (!dry_run)
        return;
    if (answer_has(x, "refusal"))
        (void)printf("  refused: %s\n", answer_text(x, "refusal"));
    else
        (void)printf("  consumers would see nothing for about %.1f s\n",
                     (double)answer_uint(x, "look_ms") / 1000 + 0.1);
}

struct telling {
    bool json, dry_run, refused;
    bool over;      /* the last step that is to be expected was told */
    char last[256]; /* sentence, not to be said again and again */
};

static void print_once(struct telling *t, const char *sentence)
{
    if (strncmp(t->last, sentence, sizeof t->last - 1) == 0)
        return;
    (void)snprintf(t->last, sizeof t->last, "%s", sentence);
    (void)printf("  %s\n", sentence);
}

static void print_follows(struct json_object *x)
{
    (void)printf("following %s, joined in %" PRIu64 " ms%s", answer_text(x, "source"),
                 answer_uint(x, "joined_ms"), answer_uint(x, "epoch") == 0 ? "" : ": epoch ");
    if (answer_uint(x, "epoch") != 0)
        (void)printf("%" PRIu64, answer_uint(x, "epoch"));
    (void)putchar('\n');
    if (answer_has(x, "warning"))
        (void)printf("warning: %s\n", answer_text(x, "warning"));
}

static void print_step(struct telling *t, struct json_object *x)
{
    const char *step = answer_text(x, "step");

    if (strcmp(step, "planned") == 0)
        print_plan(x, t->dry_run);
    else if (strcmp(step, "looks") == 0)
        print_once(t, "looks into its binlogs");
    else if (strcmp(step, "catches_up") == 0)
        print_once(t, answer_text(x, "text"));
    else if (strcmp(step, "follows") == 0)
        print_follows(x);
}

static int take_line(struct telling *t, struct slice line, struct err *e)
{
    struct json_object *x = NULL;

    TRY(answer_parse(line, &x, e));
    const char *step = answer_text(x, "step");
    t->refused |= answer_has(x, "refusal");
    t->over = strcmp(step, t->dry_run ? "planned" : "follows") == 0;
    if (t->json)
        (void)printf("%.*s\n", (int)line.len, (const char *)line.ptr);
    else
        print_step(t, x);
    (void)fflush(stdout);
    answer_free(x);
    return 0;
}

/* Looking into binlogs and catching up take their time: it is waited for as long as the daemon
   lives. */
static int next_line(struct control_client *client, struct slice *line, struct err *e)
{
    int got;

    while ((got = control_look(client, line, e)) == 0) {
        struct pollfd p = { .fd = control_fd(client), .events = POLLIN };
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            return err_sys(e, "can't wait for the relay's answer");
    }
    return got;
}

static int ask(const struct call *c, const char *const *words, struct telling *t, struct err *e)
{
    struct control_client *client = NULL;
    struct slice           line;
    int                    got = 1;

    TRY(control_ask(c->at.data, c->at.channel, words, &client, e));
    while (got == 1 && !t->over) {
        got = next_line(client, &line, e);
        if (got == 1 && take_line(t, line, e) != 0)
            got = -1;
    }
    control_close(client);
    return got == 1 ? 0 : -1;
}

enum command_exit switch_run(const struct call *c, struct err *e)
{
    const char    *at = call_option(c, "at");
    bool           catch_up = call_option(c, "catch-up") != NULL;
    bool           keep = call_option(c, "keep-fork") != NULL;
    struct telling t = { .json = c->json, .dry_run = call_option(c, "dry-run") != NULL };

    const char *const words[] = { "switch",
                                  c->operands[0],
                                  t.dry_run ? "dry" : "run",
                                  at != NULL ? at : "-",
                                  catch_up && keep ? "catch_up,keep_fork"
                                  : catch_up       ? "catch_up"
                                  : keep           ? "keep_fork"
                                                   : "-",
                                  NULL };
    if (ask(c, words, &t, e) != 0)
        return COMMAND_FAILED;
    return t.dry_run && t.refused ? COMMAND_FAILED : COMMAND_OK;
}
