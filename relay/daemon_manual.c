#include "relay/daemon_manual.h"
#include <string.h>
#include "relay/watch/metrics.h"

static const struct use {
    const char *arguments;
    const char *help;
} uses[] = {
    { "CONFIG", "Run in the foreground until SIGTERM or SIGINT; log to standard error." },
    { "--check CONFIG", "Say everything that is wrong in the file, with line numbers, and end." },
    { "--print-sample", "Print a sample configuration." },
    { "--print-man PAGE", "Print a manual page: binrelay.conf.5 or binrelayd.8." },
    { "--version", "Print the version." },
    { "--help", "Print this." },
};
enum { USE_COUNT = sizeof uses / sizeof uses[0] };

static const char exit_codes[][2][80] = {
    { "0", "ended in order, or the configuration is good" },
    { "1", "the configuration or the command line can't be used" },
    { "2", "failed while starting or running; the log's last lines say why" },
};

void daemon_put_help(struct buf *out)
{
    buf_put_text(out, "binrelayd: a relay for MySQL and MariaDB binlogs\n\n");
    for (size_t i = 0; i < USE_COUNT; i++)
        buf_printf(out, "  binrelayd %-18s %s\n", uses[i].arguments, uses[i].help);
    buf_put_text(out, "\nExit codes:");
    for (size_t i = 0; i < sizeof exit_codes / sizeof exit_codes[0]; i++)
        buf_printf(out, "%s %s %s", i == 0 ? "" : ";", exit_codes[i][0], exit_codes[i][1]);
    buf_put_text(out, ".\n");
}

static void put_roff(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '-')
            buf_put_text(out, "\\-");
        else
            buf_put_u8(out, (uint8_t)*text);
    }
}

static const char man_head[] =
    ".TH BINRELAYD 8 \"\" \"binrelay\" \"binrelay\"\n"
    ".SH NAME\n"
    "binrelayd \\- relay for MySQL and MariaDB binlogs\n"
    ".SH DESCRIPTION\n"
    "Follows a MySQL or MariaDB server as a replica does, keeps its binlogs byte for byte under "
    "the\n"
    "same names, and serves them to replicas, mysqlbinlog and change data capture, as if it were\n"
    "that server. Publishers turn row changes into change events in Debezium's format.\n"
    ".PP\n"
    "What is received is shown to consumers once it is safe on disk and a transaction is "
    "complete.\n"
    "When the source can't be reached, consumers are still served, and the connection is tried\n"
    "again with growing pauses. After a crash, SIGKILL or power cut it goes on exactly where it "
    "was.\n"
    ".SH OPTIONS\n";

static const char man_http[] =
    ".SH HTTP\n"
    "Where [http] of the configuration says, by default at 127.0.0.1 port 13307, GET and HEAD are\n"
    "answered:\n"
    ".TP\n.B /\nA page for a browser: channels, sources, epochs, consumers, publishers, and "
    "their lags\n"
    "over the last hour (sampled every ten seconds, kept in memory).\n"
    ".TP\n.B /metrics\nMetrics in Prometheus' text format.\n"
    ".TP\n.B /healthz\n200 while the process answers and its threads that serve consumers go "
    "round; else 503.\n"
    ".TP\n.B /readyz\n200 while every channel is open and follows its source; else 503 and a "
    "line for each that\n"
    "does not, with the reason. Consumers are served while the source is away, too.\n"
    ".TP\n.B /status\nWhat \\fBbinrelay status \\-\\-json\\fR prints.\n"
    ".SH METRICS\n"
    "Each with its type and its labels.\n";

static void put_metrics(struct buf *out)
{
    for (size_t i = 0; i < metrics_count(); i++) {
        struct metric_info m;
        metrics_info(i, &m);
        buf_printf(out, ".TP\n.B %s\n(%s%s%s) ", m.name, m.type, *m.labels != '\0' ? "; " : "",
                   m.labels);
        put_roff(out, m.help);
        buf_put_text(out, "\n");
    }
}

static const char man_files[] =
    ".SH FILES\n"
    ".TP\n.I DATA/NAME.NNNNNN\n"
    "Relay files: each is the image of one binlog of the source.\n"
    ".TP\n.I DATA/NAME.NNNNNN.idx\n"
    "Index of a relay file; made anew when it is missing.\n"
    ".TP\n.I DATA/catalog.db\n"
    "Files, checkpoints of publishers, table definitions (SQLite).\n"
    ".TP\n.I DATA/control.sock\n"
    "Socket for the operator's command.\n"
    ".TP\n.I DATA/lock\n"
    "Held by the running daemon: two can't share a data folder.\n"
    ".PP\n"
    "With [channel NAME] sections the files of each channel are in DATA/NAME.\n"
    ".SH LOG\n"
    "Lines on standard error, in the form of log_format in binrelay.conf(5): by default time, "
    "level, area,\n"
    "the channel where there is one, the kind of an error, and the sentence, as in\n"
    ".PP\n.nf\n"
    "time=2026\\-03\\-01T12:00:00.000Z level=error area=source channel=main kind=auth msg=\"...\"\n"
    ".fi\n.PP\n"
    "When standard error is systemd's journal (JOURNAL_STREAM), lines begin with their priority, "
    "as <3>,\n"
    "and have no time. Passwords and what is in rows are never logged.\n"
    ".SH SIGNALS\n"
    "SIGTERM and SIGINT end the daemon in order: connections are closed, everything received is\n"
    "made safe on disk, publishers write their checkpoints. SIGUSR2 does that, too, and then\n"
    "begins anew, as the same process: what lies at the program's place and in its configuration\n"
    "counts from then on, and consumers that connect meanwhile wait in the listening sockets, "
    "which\n"
    "stay open. Those may also be given by a service manager (LISTEN_FDS, sd_listen_fds(3)). "
    "SIGHUP has the configuration,\n"
    "certificates and users read again, as \\fBbinrelay reload\\fR does: no connection is dropped\n"
    "for it, and when anything is wrong all stays as it was. The log says what needs a restart.\n"
    ".SH SEE ALSO\n"
    ".BR binrelay (1),\n"
    ".BR binrelay.conf (5)\n";

void daemon_put_man(struct buf *out)
{
    buf_put_text(out, man_head);
    for (size_t i = 0; i < USE_COUNT; i++) {
        buf_put_text(out, ".TP\n.B binrelayd ");
        put_roff(out, uses[i].arguments);
        buf_put_text(out, "\n");
        put_roff(out, uses[i].help);
        buf_put_text(out, "\n");
    }
    buf_put_text(out, man_http);
    put_metrics(out);
    buf_put_text(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof exit_codes / sizeof exit_codes[0]; i++)
        buf_printf(out, ".TP\n.B %s\n%s\n", exit_codes[i][0], exit_codes[i][1]);
    buf_put_text(out, man_files);
}
