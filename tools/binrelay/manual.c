/* Help and manual page, printed from the table of commands. */
#include <string.h>
#include "tools/binrelay/command.h"

enum { HELP_WIDTH = 80, HELP_INDENT = 20 };

/* Text broken at spaces, so that no line passes HELP_WIDTH; the first line begins at `column`. */
static void put_wrapped(struct buf *out, const char *text, size_t indent, size_t column)
{
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column > indent && column + 1 + word > HELP_WIDTH) {
            buf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            buf_put_u8(out, ' ');
            column++;
        }
        buf_put(out, (struct slice){ (const uint8_t *)text, word });
        column += word;
        text += word;
        text += strspn(text, " ");
    }
    buf_put_u8(out, '\n');
}

static void put_entry(struct buf *out, const char *left, const char *help)
{
    buf_printf(out, "  %-*s", HELP_INDENT - 2, left);
    if (strlen(left) + 3 > HELP_INDENT)
        buf_printf(out, "\n%*s", HELP_INDENT, "");
    put_wrapped(out, help, HELP_INDENT, HELP_INDENT);
}

static void put_option(struct buf *out, const struct command_option *o)
{
    if (o->argument == NULL)
        buf_printf(out, "--%s", o->name);
    else if (o->argument[0] == '[')
        buf_printf(out, "--%s[=%s", o->name, o->argument + 1);
    else
        buf_printf(out, "--%s %s", o->name, o->argument);
}

static void put_options(struct buf *out, const struct command_option *options)
{
    for (const struct command_option *o = options; o->name != NULL; o++) {
        struct buf left;
        buf_init(&left, 256);
        put_option(&left, o);
        put_entry(out, buf_text(&left), o->help);
        buf_done(&left);
    }
}

void manual_put_usage(struct buf *out)
{
    buf_put_text(out, "usage: binrelay [--config FILE | --data FOLDER] [--json] COMMAND ...\n\n"
                      "Tells what a relay for MySQL and MariaDB binlogs holds and does.\n\n"
                      "commands:\n");
    for (const struct command *c = commands; c->name != NULL; c++)
        put_entry(out, c->name, c->summary);
    put_entry(out, "help COMMAND", "more about one of them");
    buf_put_text(out, "\noptions:\n");
    put_options(out, command_globals);
    buf_put_text(out, "\nexit codes: 0 done, 1 failed, 2 not understood\n");
}

void manual_put_command(const struct command *c, struct buf *out)
{
    buf_printf(out, "usage: binrelay %s%s%s%s\n\n", c->name,
               c->options[0].name != NULL ? " [OPTION]..." : "", c->operands[0] != '\0' ? " " : "",
               c->operands);
    buf_printf(out, "%s:", c->name);
    put_wrapped(out, c->summary, 0, strlen(c->name) + 1);
    if (c->details != NULL) {
        buf_put_u8(out, '\n');
        put_wrapped(out, c->details, 0, 0);
    }
    buf_put_text(out, "\noptions:\n");
    put_options(out, c->options);
    put_options(out, command_globals);
}

/* ---- binrelay(1) ---- */

/* A '-' is a minus sign in options; a line must not begin with a control character. */
static void put_roff(struct buf *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        buf_put_text(out, "\\&");
    for (; *text != '\0'; text++) {
        if (*text == '-')
            buf_put_text(out, "\\-");
        else if (*text == '\\')
            buf_put_text(out, "\\e");
        else
            buf_put_u8(out, (uint8_t)*text);
    }
}

static void put_roff_options(struct buf *out, const struct command_option *options)
{
    for (const struct command_option *o = options; o->name != NULL; o++) {
        buf_printf(out, ".TP\n.B \\-\\-%s", o->name);
        if (o->argument != NULL)
            buf_printf(out, o->argument[0] == '[' ? "\\fR[=\\fI%s\\fR" : " \\fI%s\\fR",
                       o->argument + (o->argument[0] == '['));
        buf_put_u8(out, '\n');
        put_roff(out, o->help);
        buf_put_u8(out, '\n');
    }
}

void manual_put_page(struct buf *out)
{
    buf_put_text(out,
                 ".TH BINRELAY 1 \"\" binrelay \"User Commands\"\n"
                 ".SH NAME\nbinrelay \\- tell what a relay for MySQL and MariaDB binlogs holds and "
                 "does\n"
                 ".SH SYNOPSIS\n.B binrelay\n"
                 "[\\fB\\-\\-config\\fR \\fIFILE\\fR | \\fB\\-\\-data\\fR \\fIFOLDER\\fR] "
                 "[\\fB\\-\\-json\\fR] \\fICOMMAND\\fR ...\n"
                 ".SH DESCRIPTION\n"
                 ".B binrelay\n"
                 "is the operator's command beside the daemon \\fBbinrelayd\\fR(8). It finds a "
                 "relay by its data folder, and runs on the relay's machine as a user who may read "
                 "there.\n"
                 ".SH OPTIONS\n");
    put_roff_options(out, command_globals);
    buf_put_text(out, ".SH COMMANDS\n");
    for (const struct command *c = commands; c->name != NULL; c++) {
        buf_printf(out, ".SS %s", c->name);
        if (c->operands[0] != '\0')
            buf_printf(out, " \\fI%s\\fR", c->operands);
        buf_put_u8(out, '\n');
        put_roff(out, c->summary);
        buf_put_text(out, ".\n");
        if (c->details != NULL) {
            buf_put_text(out, ".PP\n");
            put_roff(out, c->details);
            buf_put_u8(out, '\n');
        }
        put_roff_options(out, c->options);
    }
    buf_put_text(out, ".SH EXIT STATUS\n"
                      "0 when it is done, 1 when it failed (a sentence on standard error says why "
                      "and what to do), 2 when the command line was not understood.\n"
                      "With \\fB\\-\\-json\\fR a failure is also an object with a member "
                      "\\fBerror\\fR on standard output.\n"
                      ".SH FILES\n.TP\n.I " COMMAND_CONFIG_DEFAULT "\n"
                      "The relay's configuration, see \\fBbinrelay.conf\\fR(5).\n"
                      ".SH SEE ALSO\n\\fBbinrelayd\\fR(8), \\fBbinrelay.conf\\fR(5), "
                      "\\fBmysqlbinlog\\fR(1)\n");
}
