/* binrelay: the operator's command. Reads the command line, runs one command, says what failed. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "protocol/base/json.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/completion.h"

enum { TEXT_BYTES_MAX = 1024 * 1024, OPTIONS_MAX = 32, LETTER_GLOBAL = 256, LETTER_OWN = 512 };

static int misused(const char *say, const char *what)
{
    (void)fprintf(stderr, "binrelay: %s '%s'; 'binrelay --help' tells how it is used\n", say, what);
    return COMMAND_MISUSED;
}

/* Prints a text made by one of the manual_put functions. */
static int print_text(struct buf *text, FILE *to)
{
    struct err e = { 0 };
    int        code = COMMAND_OK;
    if (buf_check(text, "help", &e) != 0 || fputs(buf_text(text), to) < 0 || fflush(to) != 0)
        code = COMMAND_FAILED;
    buf_done(text);
    return code;
}

static int print_usage(FILE *to)
{
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    manual_put_usage(&text);
    return print_text(&text, to);
}

static int print_command_help(const char *name)
{
    const struct command *c = command_by_name(name);
    if (c == NULL)
        return misused("there is no command", name);
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    manual_put_command(c, &text);
    return print_text(&text, stdout);
}

static int print_made(void (*put)(struct buf *out))
{
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    put(&text);
    return print_text(&text, stdout);
}

static int argument_of(const struct command_option *o)
{
    if (o->argument == NULL)
        return no_argument;
    return o->argument[0] == '[' ? optional_argument : required_argument;
}

static size_t add_options(struct option *into, size_t at, const struct command_option *from,
                          int letter)
{
    for (size_t i = 0; from[i].name != NULL; i++) {
        assert(at + 1 < OPTIONS_MAX);
        into[at++] = (struct option){ .name = from[i].name,
                                      .has_arg = argument_of(&from[i]),
                                      .val = letter + (int)i };
    }
    return at;
}

struct globals {
    const char *config, *data, *channel;
    bool        json, help;
};

static void take_global(struct globals *g, int index)
{
    const char *name = command_globals[index].name;
    if (strcmp(name, "config") == 0)
        g->config = optarg;
    else if (strcmp(name, "data") == 0)
        g->data = optarg;
    else if (strcmp(name, "channel") == 0)
        g->channel = optarg;
    else if (strcmp(name, "json") == 0)
        g->json = true;
    else
        g->help = true;
}

static void take_own(struct call *call, const struct command *own, int index)
{
    assert(own != NULL);
    call->values[index] = optarg != NULL ? optarg : "";
    call->given[call->given_count].name = own->options[index].name;
    call->given[call->given_count++].value = call->values[index];
}

/* In front of the command only the general options may stand, behind it these and its own.
   Returns 0, or COMMAND_MISUSED after saying why. */
static int read_options(int argc, char **argv, const struct command *own, struct globals *g,
                        struct call *call)
{
    struct option all[OPTIONS_MAX] = { 0 };
    size_t        n = add_options(all, 0, command_globals, LETTER_GLOBAL);
    if (own != NULL)
        (void)add_options(all, n, own->options, LETTER_OWN);
    for (;;) {
        int letter = getopt_long(argc, argv, own != NULL ? ":" : "+:", all, NULL);
        if (letter == -1)
            return COMMAND_OK;
        if (letter == ':')
            return misused("something must follow", argv[optind - 1]);
        if (letter == '?')
            return misused("not understood:", argv[optind - 1]);
        /* Without a '=' getopt sees no argument; what begins with '/' can be nothing else. */
        if (own != NULL && letter >= LETTER_OWN && optarg == NULL && optind < argc &&
            argv[optind][0] == '/' &&
            argument_of(&own->options[letter - LETTER_OWN]) == optional_argument)
            optarg = argv[optind++];
        if (letter >= LETTER_OWN && call->given_count == COMMAND_GIVEN_MAX)
            return misused("there are too many options, from here on:", argv[optind - 1]);
        if (letter >= LETTER_OWN)
            take_own(call, own, letter - LETTER_OWN);
        else
            take_global(g, letter - LETTER_GLOBAL);
    }
}

static void say_failure(const struct call *call, const struct err *e)
{
    if (e->kind == E_OK)
        return;
    (void)fflush(stdout);
    (void)fprintf(stderr, "binrelay %s: %s\n", call->command->name, e->text);
    if (!call->json)
        return;
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    struct json j = json_into(&text);
    json_open_object(&j);
    json_name(&j, "error");
    json_text(&j, e->text);
    json_name(&j, "kind");
    json_text(&j, err_kind_name(e->kind));
    json_close_object(&j);
    (void)puts(buf_text(&text));
    buf_done(&text);
}

static int find_folder(struct call *call, const struct globals *g, struct err *e)
{
    if (call->command->no_folder)
        return 0;
    if (call->command->about_daemon)
        return folder_find_data(g->data, call->config, &call->at, e);
    return folder_find(g->data, call->config, g->channel, &call->at, e);
}

static enum command_exit run_command(struct call *call, const struct globals *g, struct err *e)
{
    enum command_exit code = COMMAND_FAILED;

    call->json = g->json;
    if (g->data == NULL)
        call->config = g->config != NULL ? g->config : COMMAND_CONFIG_DEFAULT;
    call->channel = g->channel;
    int found = find_folder(call, g, e);
    if (found == 0 && call->at.store == NULL && !call->command->about_all &&
        !call->command->about_daemon && !call->command->no_folder) {
        (void)err_set(e, E_CONFIG, "there are several channels: choose one of %s by --channel",
                      call->at.channels);
        code = COMMAND_MISUSED;
    } else if (found == 0) {
        code = call->command->run(call, e);
    }
    if (fflush(stdout) != 0 && code == COMMAND_OK) {
        (void)err_sys(e, "can't write the result");
        code = COMMAND_FAILED;
    }
    say_failure(call, e);
    folder_done(&call->at);
    return code;
}

int main(int argc, char **argv)
{
    struct globals g = { 0 };
    struct call    call = { 0 };
    struct err     e = { 0 };

    /* A reader that goes away (| head) makes a write fail, which each command notices. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "--print-man") == 0)
        return print_made(manual_put_page);
    if (argc == 2 && strcmp(argv[1], "--print-completion") == 0)
        return print_made(completion_put_bash);
    if (read_options(argc, argv, NULL, &g, &call) != 0)
        return COMMAND_MISUSED;
    if (optind >= argc) {
        (void)print_usage(g.help ? stdout : stderr);
        return g.help ? COMMAND_OK : COMMAND_MISUSED;
    }
    const char *name = argv[optind];
    if (strcmp(name, "help") == 0)
        return optind + 1 < argc ? print_command_help(argv[optind + 1]) : print_usage(stdout);
    call.command = command_by_name(name);
    if (call.command == NULL)
        return misused("there is no command", name);

    /* getopt takes the command for the program's name, and puts the operands last. */
    argc -= optind;
    argv += optind;
    optind = 0;
    if (read_options(argc, argv, call.command, &g, &call) != 0)
        return COMMAND_MISUSED;
    if (g.help)
        return print_command_help(call.command->name);
    if (g.config != NULL && g.data != NULL)
        return misused("give --config or --data, not both, to", name);
    int given = argc - optind, least = call.command->operand_count;
    if (given < least)
        return misused("an operand is missing for", name);
    if (given > least + call.command->operand_more)
        return misused("too much was given to", name);
    call.operands = argv + optind;
    return (int)run_command(&call, &g, &e);
}
