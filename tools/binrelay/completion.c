#include "tools/binrelay/completion.h"
#include <string.h>
#include "tools/binrelay/command.h"

static void put_options(struct buf *out, const struct command_option *options)
{
    for (const struct command_option *o = options; o->name != NULL; o++)
        buf_printf(out, " --%s", o->name);
}

static bool is_path(const struct command_option *o)
{
    return o->argument != NULL &&
           (strstr(o->argument, "FILE") != NULL || strstr(o->argument, "FOLDER") != NULL ||
            strstr(o->argument, "DIR") != NULL);
}

/* "--config|--data": what a case of the shell matches. */
static void put_alternatives(struct buf *out, const struct command_option *options, bool paths,
                             bool *any)
{
    for (const struct command_option *o = options; o->name != NULL; o++) {
        if (o->argument == NULL || o->argument[0] == '[' || is_path(o) != paths)
            continue;
        buf_printf(out, "%s--%s", *any ? "|" : "", o->name);
        *any = true;
    }
}

/* An option that takes a value: paths are completed as such, for others there is nothing to say. */
static void put_values(struct buf *out, bool paths)
{
    bool any = false;

    buf_put_text(out, "    ");
    put_alternatives(out, command_globals, paths, &any);
    for (const struct command *c = commands; c->name != NULL; c++)
        put_alternatives(out, c->options, paths, &any);
    buf_put_text(out, paths ? ") files=yes ;;\n" : ") return ;;\n");
}

/* Words that stand for themselves in an operand: "status|pause|resume". Others are places, names
   and files. */
static void put_operands(struct buf *out, const char *operands)
{
    for (const char *at = operands; *at != '\0';) {
        size_t n = strcspn(at, " |[]");
        bool   literal = n > 0 && strspn(at, "abcdefghijklmnopqrstuvwxyz-") == n && at[0] != '-';
        if (literal)
            buf_printf(out, " %.*s", (int)n, at);
        at += n;
        at += strspn(at, " |[]");
    }
}

static void put_command(struct buf *out, const struct command *c)
{
    buf_printf(out, "    %s) words='", c->name);
    put_options(out, c->options);
    put_options(out, command_globals);
    put_operands(out, c->operands);
    buf_put_text(out, "'");
    if (strstr(c->operands, "FILE...") != NULL || strstr(c->operands, "FILE.json") != NULL ||
        strstr(c->operands, "DIR") != NULL)
        buf_put_text(out, "; files=yes");
    buf_put_text(out, " ;;\n");
}

void completion_put_bash(struct buf *out)
{
    buf_put_text(out,
                 "# bash completion for binrelay(1)\n"
                 "_binrelay()\n{\n"
                 "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
                 "    local command='' words='' files='' i\n"
                 "    COMPREPLY=()\n"
                 "    case $before in\n");
    put_values(out, true);
    put_values(out, false);
    buf_put_text(out, "    esac\n"
                      "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                      "        case ${COMP_WORDS[i]} in\n"
                      "        --config|--data|--channel) ((++i)) ;;\n"
                      "        -*) ;;\n"
                      "        *) command=${COMP_WORDS[i]}; break ;;\n"
                      "        esac\n"
                      "    done\n"
                      "    case $command in\n"
                      "    '') words='");
    put_options(out, command_globals);
    buf_put_text(out, " help");
    for (const struct command *c = commands; c->name != NULL; c++)
        buf_printf(out, " %s", c->name);
    buf_put_text(out, "' ;;\n    help) words='");
    for (const struct command *c = commands; c->name != NULL; c++)
        buf_printf(out, " %s", c->name);
    buf_put_text(out, "' ;;\n");
    for (const struct command *c = commands; c->name != NULL; c++)
        put_command(out, c);
    buf_put_text(out, "    esac\n"
                      "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                      "    if [ -n \"$files\" ] && [[ $word != -* ]]; then\n"
                      "        compopt -o filenames\n"
                      "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                      "    fi\n"
                      "}\n"
                      "complete -F _binrelay binrelay\n");
}
