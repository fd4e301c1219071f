#include "relay/config/config_table.h"
#include <string.h>

/* ---- the sample file ----------------------------------------------------------------------- */

enum { COMMENT_COLUMNS = 98 };

/* A help text as comment lines. */
static void put_comment(struct buf *out, const char *text)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column == 0 || column + 1 + word > COMMENT_COLUMNS) {
            buf_put_text(out, column == 0 ? "#" : "\n#");
            column = 1;
        }
        buf_printf(out, " %.*s", (int)word, text);
        column += 1 + word;
        text += word;
        text += strspn(text, " ");
    }
    buf_put_text(out, "\n");
}

static const char *sample_name(const char *section)
{
    static const char *const names[][2] = { { "channel", "orders" },
                                            { "source", "main" },
                                            { "user", "replica" },
                                            { "publisher", "changes" } };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(section, names[i][0]) == 0)
            return names[i][1];
    assert(false && "a named section without a name for the sample");
    return "";
}

/* What stands in the sample for a key that has to be given. */
static const char *sample_value(const char *section, const char *key)
{
    static const char *const values[][3] = {
        { "relay", "data", "/var/lib/binrelay" },
        { "source", "user", "binrelay" },
        { "source", "server_id", "3307" },
        { "source", "password_file", "/etc/binrelay/source.password" },
        { "user", "password_file", "/etc/binrelay/replica.password" },
        { "publisher", "path", "/var/lib/binrelay/changes.jsonl" },
        { "publisher", "topic.prefix", "shop" },
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (strcmp(section, values[i][0]) == 0 && strcmp(key, values[i][1]) == 0)
            return values[i][2];
    return NULL;
}

static void put_sample_option(struct buf *out, const char *section, const struct option_key *key)
{
    const char *value = sample_value(section, key->name);

    buf_put_text(out, "\n");
    put_comment(out, key->help);
    if (value != NULL)
        buf_printf(out, "%s = %s\n", key->name, value);
    else
        buf_printf(out, "#%s =%s%s\n", key->name, *key->dflt != '\0' ? " " : "", key->dflt);
}

static void put_sample_options(struct buf *out, const char *section)
{
    for (size_t i = 0; i < option_key_count; i++)
        put_sample_option(out, section, &option_keys[i]);
}

void config_put_sample(struct buf *out)
{
    put_comment(out,
                "Configuration of binrelayd. Lines that begin with '#' are comments; keys that "
                "are commented out show their default. `binrelayd --check FILE` says what is "
                "wrong in a file. All keys: man 5 binrelay.conf");
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section *s = &config_sections[i];
        buf_put_text(out, "\n");
        put_comment(out, s->help);
        /* Most relays have one channel, and so no section for it. */
        if (s->named && !s->name_optional)
            buf_printf(out, "%s[%s %s]\n", s->inherits ? "#" : "", s->name, sample_name(s->name));
        else
            buf_printf(out, "[%s]\n", s->name);
        for (size_t k = 0; k < s->key_count; k++) {
            const struct config_key *key = &s->keys[k];
            const char              *value = sample_value(s->name, key->name);
            buf_put_text(out, "\n");
            put_comment(out, key->help);
            if (value != NULL)
                buf_printf(out, "%s = %s\n", key->name, value);
            else
                buf_printf(out, "#%s =%s%s\n", key->name, *key->dflt != '\0' ? " " : "", key->dflt);
        }
        if (s->has_options)
            put_sample_options(out, s->name);
    }
}

/* ---- the manual page ----------------------------------------------------------------------- */

/* Text for roff: its two special characters, and a dot or quote that would begin a request. */
static void put_roff(struct buf *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        buf_put_text(out, "\\&");
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            buf_put_text(out, "\\e");
        else if (*text == '-')
            buf_put_text(out, "\\-");
        else
            buf_put_u8(out, (uint8_t)*text);
    }
}

static void put_man_entry(struct buf *out, const char *name, const char *help, const char *allowed,
                          const char *dflt, enum config_applies applies)
{
    static const char *const marks[] = {
        [RELOAD] = " \\fR[reload]\n", [RECONNECT] = " \\fR[reconnect]\n", [RESTART] = "\n"
    };

    buf_put_text(out, ".TP\n.B ");
    put_roff(out, name);
    buf_put_text(out, marks[applies]);
    put_roff(out, help);
    buf_put_text(out, "\n.br\n");
    put_roff(out, allowed);
    if (dflt == NULL)
        buf_put_text(out, "; must be given.\n");
    else if (*dflt == '\0')
        buf_put_text(out, "; default: none.\n");
    else {
        buf_put_text(out, "; default:\n.BR ");
        put_roff(out, dflt);
        buf_put_text(out, " .\n");
    }
}

static void put_man_options(struct buf *out)
{
    buf_put_text(out, ".PP\nThe options below are Debezium's, with its names and meaning.\n");
    for (size_t i = 0; i < option_key_count; i++)
        put_man_entry(out, option_keys[i].name, option_keys[i].help, option_keys[i].allowed,
                      option_keys[i].dflt, RESTART);
    for (size_t i = 0; i < option_pattern_count; i++)
        put_man_entry(out, option_patterns[i].name, option_patterns[i].help,
                      option_patterns[i].allowed, option_patterns[i].dflt, RESTART);
}

static const char man_head[] =
    ".TH BINRELAY.CONF 5 \"\" \"binrelay\" \"binrelay\"\n"
    ".SH NAME\n"
    "binrelay.conf \\- configuration of binrelayd\n"
    ".SH DESCRIPTION\n"
    "An INI file: sections in square brackets, and in them lines of the form KEY = VALUE.\n"
    "White space around names and values does not count.\n"
    "Lines that begin with '#' or ';' are comments, and so is everything behind ' ;' in a line.\n"
    "A line has at most 198 bytes; a key whose value is a list may be given several times.\n"
    "Relative file names count from the folder that the daemon is started in.\n"
    ".PP\n"
    ".B binrelayd \\-\\-check FILE\n"
    "says everything that is wrong in a file, with line numbers.\n"
    "The file is read at the start of the daemon, and again on SIGHUP or by\n"
    ".BR \"binrelay reload\" .\n"
    "Then keys marked with [reload] are taken over, without dropping a connection; a change of "
    "any\n"
    "other takes a restart, and is said. Those marked with [reconnect] count at once, by a new\n"
    "connection to the source. New certificates count for new connections.\n"
    "Sessions of a user that is gone end; others go on by their user's new rights and limits.\n"
    "When anything is wrong in the file, all stays as it was.\n";

static const char man_tail[] = ".SH SEE ALSO\n"
                               ".BR binrelayd (8),\n"
                               ".BR binrelay (1)\n";

void config_put_man(struct buf *out)
{
    buf_put_text(out, man_head);
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section *s = &config_sections[i];
        if (s->name_optional)
            buf_printf(out, ".SH \"[%s], [%s NAME]\"\n", s->name, s->name);
        else
            buf_printf(out, ".SH \"[%s%s]\"\n", s->name, s->named ? " NAME" : "");
        put_roff(out, s->help);
        buf_put_text(out, "\n");
        for (size_t k = 0; k < s->key_count; k++)
            put_man_entry(out, s->keys[k].name, s->keys[k].help,
                          config_type_allowed(s->keys[k].type), s->keys[k].dflt,
                          s->keys[k].applies);
        if (s->has_options)
            put_man_options(out);
    }
    buf_put_text(out, man_tail);
}
