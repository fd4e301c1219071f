#include "tools/binrelay/command.h"
#include <string.h>

const struct command_option command_globals[] = {
    { "config", "FILE",
      "Configuration file of the relay, of which only the data folder is read; by "
      "default " COMMAND_CONFIG_DEFAULT "." },
    { "data", "FOLDER",
      "The relay's data folder, or that of one of its channels, in place of --config." },
    { "channel", "NAME", "Which channel; only needed where the relay has several." },
    { "json", NULL, "Print JSON, for programs." },
    { "help", NULL, "Print this help." },
    { NULL, NULL, NULL },
};

/* clang-format off */
#define COMMAND_SELECTION_OPTIONS                                                                  \
    { "database", "NAME",                                                                          \
      "Only this database; may be given several times, as the next three. Row changes are chosen "  \
      "by their table, DDL by the tables it names (one is enough), other statements by their "      \
      "default database. A transaction of which nothing is left is left out, with its GTID." },     \
    { "table", "DB.TABLE", "Only this table." },                                                   \
    { "exclude-database", "NAME", "All but this database." },                                      \
    { "exclude-table", "DB.TABLE", "All but this table." }
/* clang-format on */

const struct command commands[] = {
    { .name = "status",
      .operands = "",
      .summary = "how the relay is doing: source, lag, consumers, publishers",
      .details = "Asks the running daemon. Lag is the age of the last event that was received "
                 "while the relay is behind, as far as the clocks of both machines agree.",
      .about_all = true,
      .run = status_run },
    { .name = "top",
      .operands = "",
      .about_all = true,
      .summary = "channels, publishers and consumers live, with lags and rates",
      .details = "Asks the running daemon again and again, and goes on through its restarts; 'q' "
                 "quits. Through a pipe it looks once; with --json it prints an object a line "
                 "at each look.",
      .options = { { "interval", "SECONDS", "Time from look to look; by default 2." },
                   { "once", NULL, "Look twice, print what went on between, and end." },
                   { NULL, NULL, NULL } },
      .run = top_run },
    { .name = "files",
      .operands = "",
      .summary = "the relay files, with the source file that each one is the image of",
      .details = "Works without the daemon too.",
      .run = files_run },
    { .name = "map",
      .operands = "PLACE",
      .operand_count = 1,
      .summary = "all coordinates of one place: relay, source, GTIDs",
      .details =
          "PLACE is FILE:POSITION in relay coordinates, SOURCE:FILE:POSITION in those of the "
          "source that the configuration calls SOURCE, or one GTID. Refuses a position that is "
          "not the start of an event, or that has no equal here. A running relay also asks the "
          "channel's other sources where they have the place.",
      .run = map_run },
    { .name = "tail",
      .operands = "",
      .summary = "what passes through the relay, live: change events or binlog events",
      .details =
          "Reads the relay's files itself, so that the daemon has no work with it. Goes on until "
          "Ctrl-C, --count is reached, or, when no daemon runs, to the end of what is held.",
      .options = { { "changes", NULL,
                     "Print row changes (the default); with --json as a publisher does." },
                   { "events", NULL, "Print binlog events." },
                   { "from", "PLACE",
                     "Where to begin: 'newest' (the default), 'oldest', FILE:POSITION between two "
                     "transactions, or the GTID of the first one." },
                   { "tables", "LIST",
                     "Only changes of these tables: regular expressions of DATABASE.TABLE, "
                     "separated by "
                     "commas." },
                   { "count", "N", "End after so many." },
                   { NULL, NULL, NULL } },
      .run = tail_run },
    { .name = "export",
      .operands = "DIR",
      .operand_count = 1,
      .summary = "plain binlog files of a range, for mysqlbinlog or a server",
      .details =
          "X and Y: FILE:POSITION (between two transactions), SOURCE:FILE:POSITION, a GTID (X is "
          "the "
          "first transaction, Y the last one; before:GTID and after:GTID say it otherwise), "
          "several "
          "GTIDs (begin behind all of them, end when all are there; of MariaDB with one domain "
          "after:GTID), a time ('2026-11-21 10:00:00' in UTC, with T, Z or +02:00 as well, or "
          "@SECONDS: the first transaction that committed then or later), oldest, newest. The "
          "files "
          "have the relay's names, and every event its position: what is left out of a file "
          "becomes an ignorable event that takes no room on disk. A file that lies wholly in the "
          "range is copied byte for byte. DIR is made when it is missing; a file gets its name "
          "when "
          "it is complete and synced. Works beside a running relay, as far as it has published, "
          "and without one. Exit code 0 when all was written, 1 when not, 2 when misused.",
      .options = { { "from", "X", "Where to begin; by default oldest." },
                   { "to", "Y", "Where to end; by default newest." },
                   COMMAND_SELECTION_OPTIONS,
                   { "force", NULL, "Write over files that are there." },
                   { NULL, NULL, NULL } },
      .run = export_run },
    { .name = "replay",
      .operands = "",
      .summary = "apply a range to a server: a restored backup becomes the database of any moment",
      .details =
          "X and Y are as with export. Each transaction is executed as one, in order: row changes "
          "by "
          "BINLOG statements, DDL and other statements as text in the session they ran in. Where "
          "the "
          "target keeps GTIDs (MySQL: gtid_mode, MariaDB) they have the original ones. Stops "
          "before "
          "the first transaction that fails and tells its place; all before it is done, so "
          "--from that place goes on. A MySQL with GTIDs is never given a transaction twice. The "
          "account needs SUPER, or BINLOG_ADMIN, SYSTEM_VARIABLES_ADMIN and REPLICATION_APPLIER "
          "(MySQL 8), or BINLOG REPLAY and BINLOG ADMIN (MariaDB 10.5), beside the rights for the "
          "changes. Target and source should be of one family, the target no older. --dry-run "
          "prints every statement that is no row change, with its place: so a mistake is found.",
      .options = { { "from", "X", "Where to begin; by default oldest." },
                   { "to", "Y", "Where to end; by default newest." },
                   COMMAND_SELECTION_OPTIONS,
                   { "target", "HOST[:PORT]",
                     "The server to apply it to; [ADDRESS]:PORT for IPv6." },
                   { "socket", "PATH", "In place of --target, a server on this machine." },
                   { "user", "NAME", "Its account there; by default root." },
                   { "password-file", "FILE",
                     "Its first line is the password, '-': standard input. Without it, it is asked "
                     "for at a terminal, and else empty." },
                   { "tls", "MODE",
                     "off, preferred (the default), required, verify-ca or verify-identity." },
                   { "tls-ca", "FILE", "Authorities that the server's certificate is checked by." },
                   { "tls-cert", "FILE", "A certificate for the server to see." },
                   { "tls-key", "FILE", "And its key." },
                   { "dry-run", NULL, "Only tell what would be done; needs no target." },
                   { "resume", NULL,
                     "Go on where a former replay to this target has ended: by its gtid_executed, "
                     "its gtid_binlog_pos (MariaDB) or the --progress-table." },
                   { "progress-table", "DB.TABLE",
                     "Keep the place in this table of the target, in each transaction, so that "
                     "--resume is exact without GTIDs, too. It is made when it is missing." },
                   { "skip-gtids", NULL, "Let the target give GTIDs of its own." },
                   { "skip-binlog", NULL, "Write nothing of it to the target's binlog." },
                   { "keep-empty", NULL,
                     "Of a transaction of which nothing is left keep its GTID, with nothing in "
                     "it." },
                   { NULL, NULL, NULL } },
      .run = replay_run },
    { .name = "verify",
      .operands = "",
      .summary = "read everything that is held, and check it from end to end",
      .details =
          "Checks the structure and checksum of every event, the ends of transactions, the "
          "index and the catalog. Of a damaged file it says from where to where, and which "
          "transactions that costs. Changes nothing without --repair; works beside a running "
          "daemon and without one. A bar on a terminal shows how far it is, lines elsewhere. "
          "Exit code 0 when all is well, also after repairs; 1 when there is a problem, or "
          "something could not be checked.",
      .options = { { "repair", NULL,
                     "First make again what is lost or wrong of the index and the catalog, and say "
                     "what. A damaged catalog.db is kept as catalog.db.damaged; what of it can be "
                     "read (publishers' checkpoints, consumers, table definitions) is taken over, "
                     "the list of files comes from the files. Relay files are never touched. Only "
                     "while no daemon runs." },
                   { NULL, NULL, NULL } },
      .run = verify_run },
    { .name = "events",
      .operands = "FILE...",
      .operand_count = 1,
      .operand_more = COMMAND_OPERANDS_MAX,
      .no_folder = true,
      .summary = "the change events of plain binlog files",
      .details =
          "Prints them as a publisher writes them, one JSON object a line: topic, partition (null: "
          "the producer's choice), key, value, headers. Reads the files in the given order, '-' "
          "is standard input; needs no relay. With key.converter=avro or value.converter=avro that "
          "side is hexadecimal digits of Confluent's wire format, with its subject, number (here "
          "counted from 1) and schema beside it. What the files do not tell of a table (they do "
          "with "
          "binlog_row_metadata=FULL, or where its DDL is in them) can't be known.",
      .options = { { "as", "NAME", "Name of the file in the events (source.file)." },
                   { "set", "OPTION=VALUE",
                     "An option of publishers, by Debezium's name (see binrelay.conf(5)); "
                     "schemas.enable=true puts the schema beside key and value. May be given "
                     "several times. topic.prefix is 'relay' without it." },
                   { "count", NULL, "Print only how many there are of each topic." },
                   { NULL, NULL, NULL } },
      .run = events_run },
    { .name = "consumers",
      .operands = "",
      .about_all = true,
      .summary = "who is or was streamed, where they are, what is held for them",
      .details =
          "Asks the running daemon. A consumer is named by the UUID of its server, or by "
          "USER/SERVER_ID. "
          "Lag is what it was not sent yet: bytes, transactions (where there are GTIDs), and "
          "the age of the first such event. Files are held for it, also while it is away, "
          "within hold_bytes, hold_age and hold_away; how much of the nearest limit is used "
          "is shown.",
      .options = { { "forget", "NAME", "Forget one that is away, so that nothing is held for it." },
                   { NULL, NULL, NULL } },
      .run = consumers_run },
    { .name = "sources",
      .operands = "",
      .about_all = true,
      .summary = "every server that may be followed: which is active, how the others stand",
      .details =
          "Asks the running daemon, which looks at each server every few seconds; 'seen' is how "
          "long ago that was. '*' marks the one that is followed. ready: it has all that the relay "
          "holds. behind: it lacks transactions that consumers were given. unfit: it can't be "
          "followed as it is. Without GTIDs only a look into the binlogs tells: 'binrelay switch "
          "NAME --dry-run'.",
      .run = sources_run },
    { .name = "switch",
      .operands = "NAME",
      .operand_count = 1,
      .summary = "follow another source, joined to what is held",
      .details =
          "Asks the running daemon. NAME is that of a [source] section of the channel. First says "
          "who it is, from where on its binlogs are joined, and what either side lacks of the "
          "other; refuses when transactions would be lost, naming them by GTID or place. Consumers "
          "keep their connections, files and positions. Where the place can't be told for "
          "sure, the candidates are listed: choose by --at. Exit code 0 when it is followed, or "
          "could be (--dry-run); 1 when not.",
      .options = { { "dry-run", NULL, "Only tell, after counting all." },
                   { "at", "FILE:POSITION",
                     "Where in its binlogs the first transaction begins that the relay does not "
                     "hold; all before it is taken for held." },
                   { "catch-up", NULL,
                     "When it lacks what the relay holds: have it replicate from the relay until "
                     "it has all (admin_user and relay_user of its section), then follow it. Its "
                     "own settings of replication are reset." },
                   { "keep-fork", NULL,
                     "As with fork = keep: go on although it lacks for ever what consumers were "
                     "given. The catalog keeps that (binrelay epochs)." },
                   { NULL, NULL, NULL } },
      .run = switch_run },
    { .name = "epochs",
      .operands = "",
      .summary = "from which server the binlogs came when, how each was joined, and forks",
      .details = "Asks the running daemon. Each change to another server begins an epoch.",
      .run = epochs_run },
    { .name = "restart",
      .operands = "",
      .about_all = true,
      .summary = "end the daemon in order and begin it anew, for a new version or configuration",
      .details =
          "The process stays the same and its listening sockets stay open: consumers connect "
          "again at once, and wait there until they are served. Refused when the "
          "configuration has errors. The same as SIGUSR2.",
      .run = restart_run },
    { .name = "import-connector",
      .operands = "FILE.json",
      .operand_count = 1,
      .no_folder = true,
      .summary = "a Debezium connector's configuration as a publisher section",
      .details = "Prints the section; what can't be taken over, or stands in another section, is "
                 "said in comments and on standard error. '-' is standard input.",
      .run = import_connector_run },
    { .name = "publisher",
      .operands = "NAME status|pause|resume|retry|skip",
      .operand_count = 2,
      .summary = "how a publisher is doing; stop it for a while, help it out of a failure",
      .details =
          "pause: it stops at the end of a transaction and stays so, also after a restart of the "
          "relay; what it has not published is held. resume: it goes on. retry: one that failed "
          "or waits tries again at once. skip: one that failed at a single record leaves that "
          "record out and goes on.",
      .run = publisher_command_run },
    { .name = "snapshot",
      .operands = "start|status|pause|resume|cancel [TABLE...]",
      .operand_count = 1,
      .operand_more = COMMAND_OPERANDS_MAX - 1,
      .summary = "publish what tables hold already, beside the stream",
      .details =
          "TABLE is a regular expression of DATABASE.TABLE; without one all published tables are "
          "read (start), or all that wait (cancel). Rows come in chunks by their key, between the "
          "changes of the stream, and none after a newer state of it; nothing is locked at the "
          "source and nothing written. Goes on after a restart, and at another source after a "
          "switch. pause and resume are about all tables.",
      .options = { { "where", "CONDITION", "Only these rows: SQL, as behind WHERE." },
                   { "surrogate-key", "COLUMN",
                     "Chunks by this column in place of the key: unique, and never NULL." },
                   { "publisher", "NAME", "Which one, where there are several." },
                   { "wait", NULL, "Show how far it is until it has ended." },
                   { NULL, NULL, NULL } },
      .run = snapshot_command_run },
    { .name = "offset",
      .operands = "PUBLISHER",
      .operand_count = 1,
      .summary = "where a publisher is, as an offset for a Debezium connector",
      .details =
          "Prints what PATCH /connectors/NAME/offsets of Kafka Connect takes for a stopped "
          "connector, which then begins at exactly the next row. Pause the publisher first. The "
          "other way round: start = debezium:TOPIC:CONNECTOR in binrelay.conf(5).",
      .options = { { "for-debezium", NULL, "Of the MySQL and MariaDB connectors." },
                   { "server", "PREFIX", "The connector's topic.prefix." },
                   { NULL, NULL, NULL } },
      .run = offset_run },
    { .name = "purge",
      .operands = "",
      .summary = "forget the oldest relay files",
      .details = "Asks the running daemon. Whole files go, oldest first; the one in progress and "
                 "what a consumer "
                 "or a publisher still needs stay. What was forgotten is answered with "
                 "error 1236 from then on.",
      .options = { { "before", "PLACE",
                     "Forget what is before this relay file, before the file that holds this GTID, "
                     "or, as "
                     "'YYYY-MM-DD HH:MM:SS' in UTC, the files that end before it." },
                   { "dry-run", NULL, "Only tell what would go." },
                   { NULL, NULL, NULL } },
      .run = purge_command_run },
    { .name = "user",
      .operands = "add|passwd|change|remove NAME | list",
      .operand_count = 1,
      .operand_more = 1,
      .summary = "who may log in at the relay: the users file",
      .details =
          "Holds hashes, no passwords. A password is asked for at the terminal, or is the first "
          "line of --password-file or of standard input. A running relay takes each change over "
          "at once: sessions of a removed user end, others go on by their user's new rights and "
          "limits. With 'any' (the default) both methods' hashes are kept, so that every client "
          "can log in; mysql_native_password's has no salt, so prefer --auth "
          "caching_sha2_password where all clients know it. --channel names the user's channel. "
          "list shows what is in force, but for [user NAME] sections of the configuration.",
      .about_daemon = true,
      .options = { { "rights", "LIST",
                     "Of replicate, forward, write and admin, separated by commas; or all, or "
                     "none. By default replicate,forward." },
                   { "hosts", "LIST",
                     "Addresses to come from: 10.1.2.3, 10.0.0.0/8, 192.168.%, localhost; by "
                     "default everywhere." },
                   { "require-tls", "[yes|no]", "Refuse the user without TLS." },
                   { "require-certificate", "[SUBJECT]",
                     "Refuse the user without a certificate that tls_ca vouches for; or with "
                     "another subject than this, as in =/O=Shop/CN=replica, or common name; =no "
                     "undoes it." },
                   { "max-connections", "N", "Most connections at once, or none." },
                   { "bandwidth", "BYTES",
                     "Most bytes a second of all streams together, as 500K or 20M, or none." },
                   { "coordinates", "SOURCE",
                     "For a consumer that moves in with a binlog position it stored at another "
                     "server: the [source] that it is of; \"\" for none." },
                   { "auth", "METHOD",
                     "caching_sha2_password, mysql_native_password, or any (the default)." },
                   { "password-file", "FILE",
                     "Its first line is the password; '-': standard "
                     "input." },
                   { "hash-file", "FILE",
                     "In place of a password the authentication_string of a server's account, as "
                     "it is or as 0x and hexadecimal digits." },
                   { NULL, NULL, NULL } },
      .run = user_run },
    { .name = "reload",
      .operands = "",
      .summary = "have the running relay read its configuration, certificates and users again",
      .details = "No session is dropped for it. Tells what is in force now and what needs a "
                 "restart. When the configuration has errors nothing of it is taken over.",
      .about_daemon = true,
      .run = reload_run },
    { .name = NULL },
};

const struct command *command_by_name(const char *name)
{
    for (const struct command *c = commands; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

const char *call_option(const struct call *c, const char *name)
{
    const struct command_option *options = c->command->options;
    size_t                       i = 0;

    while (options[i].name != NULL && strcmp(options[i].name, name) != 0)
        i++;
    assert(options[i].name != NULL); /* only options of the command's own are asked for */
    return c->values[i];
}
