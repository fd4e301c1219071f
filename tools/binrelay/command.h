/*
 * The commands of `binrelay`: one table (commands.c) that is also --help, `help COMMAND` and the
 * manual page.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "tools/binrelay/folder.h"

#define COMMAND_CONFIG_DEFAULT "/etc/binrelay/binrelay.conf"

enum { COMMAND_OPTIONS_MAX = 24, COMMAND_GIVEN_MAX = 256, COMMAND_OPERANDS_MAX = 1 << 20 };

enum command_exit { COMMAND_OK = 0, COMMAND_FAILED = 1, COMMAND_MISUSED = 2 };

struct call;

struct command_option {
    const char *name;     /* without the dashes; NULL ends the list */
    const char *argument; /* NULL: a flag; in brackets: may be left out, else follows a '=' */
    const char *help;
};

struct command {
    const char           *name;
    const char           *operands; /* as in the usage line, "" for none */
    int                   operand_count;
    int                   operand_more; /* that may follow them */
    const char           *summary;      /* one line, lower case */
    const char           *details;      /* sentences; NULL: none */
    bool                  about_all;    /* channels, unless one is named */
    bool                  about_daemon; /* needs no data yet; --channel is the command's own */
    bool                  no_folder;    /* has nothing to do with a relay's data folder */
    struct command_option options[COMMAND_OPTIONS_MAX];
    /* Prints its result itself. COMMAND_FAILED and COMMAND_MISUSED fill *e, but for a failure that
       is the result itself (then e->kind stays E_OK). */
    enum command_exit (*run)(const struct call *c, struct err *e);
};

/* One use of a command. */
struct call {
    const struct command *command;
    struct folder         at;
    const char           *config; /* where it was read; NULL: --data */
    bool                  json;
    const char           *channel;                     /* --channel; NULL: not given */
    const char           *values[COMMAND_OPTIONS_MAX]; /* NULL: not given; "" for a flag */
    char *const          *operands;                    /* ended by NULL */
    struct { /* options of the command's own in their order, also those that are given often */
        const char *name, *value;
    } given[COMMAND_GIVEN_MAX];
    size_t given_count;
};

/* What was given for an option of the command's own, NULL when it was not. */
const char *call_option(const struct call *c, const char *name);

extern const struct command        commands[]; /* ended by one without a name */
extern const struct command_option command_globals[];

const struct command *command_by_name(const char *name); /* NULL: there is none */

/* manual.c: texts made from the table. */
void manual_put_usage(struct buf *out);
void manual_put_command(const struct command *c, struct buf *out);
void manual_put_page(struct buf *out); /* binrelay(1) */

enum command_exit status_run(const struct call *c, struct err *e);
enum command_exit top_run(const struct call *c, struct err *e);
enum command_exit files_run(const struct call *c, struct err *e);
enum command_exit map_run(const struct call *c, struct err *e);
enum command_exit tail_run(const struct call *c, struct err *e);
enum command_exit purge_command_run(const struct call *c, struct err *e);
enum command_exit user_run(const struct call *c, struct err *e);
enum command_exit restart_run(const struct call *c, struct err *e);
enum command_exit reload_run(const struct call *c, struct err *e);
enum command_exit offset_run(const struct call *c, struct err *e);
enum command_exit publisher_command_run(const struct call *c, struct err *e);
enum command_exit sources_run(const struct call *c, struct err *e);
enum command_exit switch_run(const struct call *c, struct err *e);
enum command_exit epochs_run(const struct call *c, struct err *e);
enum command_exit consumers_run(const struct call *c, struct err *e);
enum command_exit export_run(const struct call *c, struct err *e);
enum command_exit snapshot_command_run(const struct call *c, struct err *e);
enum command_exit replay_run(const struct call *c, struct err *e);
enum command_exit verify_run(const struct call *c, struct err *e);
enum command_exit events_run(const struct call *c, struct err *e);
enum command_exit import_connector_run(const struct call *c, struct err *e);
