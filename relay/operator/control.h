/*
 * The socket through which the operator's command asks the daemon: DATA/control.sock, a unix stream
 * socket that only the daemon's own account (and root) may open (mode 0600).
 *
 * One connection carries one request: a line of words separated by one TAB and ended by a newline,
 * at most CONTROL_LINE_BYTES. The answer is lines, each a JSON object, up to the end of the
 * connection. A request that can't be answered gets one line {"error":"sentence","kind":"purged"}
 * (kind: err_kind_name). A request may begin with channel TAB NAME TAB, and has to where there are
 * several channels, except for `status`, `consumers` and `sources`, which tell of all then. At most
 * CONTROL_CLIENTS_MAX connections at once; one more is answered with an error. Times are Unix
 * seconds; a fact that is not known is null.
 *
 *   status             one line:
 *     {"version":"0.1.0","pid":1,"uptime_s":7,"started_ms":1,"config":"/etc/binrelay.conf","data":"/var/lib/binrelay",
 *      "listener":{"address":"127.0.0.1","port":3307} (the first one of:)
 *      "listeners":[{"name":"x or null","address":"127.0.0.1","port":3307,"channel":"main or
 * null"}], "logins":{"users":1,"failed":0,"blocked":0,"slowed_addresses":0} (failed, blocked: since
 *      the start; addresses whose failed logins are answered late now),
 *      "sessions":[{"id":1,"user":"u","address":"127.0.0.1:40000","tls":false, "channel":"main
 * or null before login","state":"sentence of what it does","server_id":7,
 *        "since_s":1,"file":"binlog.000001","offset":157,"sent_bytes":1}] (file, offset, server_id:
 *        null before a dump),
 *      "channels":[{"name":"main","state":"connecting|following|waiting|stopped|failed",
 *        "problem":"sentence or null","folder":"/var/lib/binrelay", (and unless it is failed:)
 *        "server_id":99,"server_uuid":"...",
 *        "source":{"name":"a","address":"host:3306","state":"connecting|following|waiting|stopped",
 *          "since_s":1,"problem":"sentence or null","family":"mysql|mariadb or null",
 *          "version":"9.7.4","server_id":1,"server_uuid":"... or null","file":"binlog.000001",
 *          "offset":157,"caught_up":true,"lag_s":0,"unpublished_bytes":0,"last_event_s":1,
 *          "last_contact_s":1,"received_bytes":1,"received_events":1,"reconnects":0,
 *          "semi_sync":"off|on|inactive","acks_sent":0,
 *          "epoch":1 (null: nothing held),"last_switch":{"at_s":1,"from":"b","by_itself":false}
 *          or null,"warnings":["sentence"]},
 *        "published":{"ordinal":1,"file":"binlog.000001","offset":157,"gtids":"..."} or null,
 *        "store":{"files":1,"bytes":157,"first":"binlog.000001","last":"binlog.000001",
 *          "start":{"ordinal":1,"file":"binlog.000001","offset":4},"sync":"commit|interval|os",
 *          "free_bytes":1} (first, last, start: null when the store is empty),
 *        "publishers":[{"name":"p","state":"running|idle|waiting|paused|failed|ended",
 *          "problem":null,"can_skip":false,
 *          "next":{"ordinal":1,"file":"binlog.000001","offset":157} or null,"events":1,
 *          "last_event_s":1,"lag_s":0}]}]}
 *     A failed channel could not be opened. Where there is only one channel, or one was named,
 *     what stands behind its folder stands in the outer object, too. lag_s of the source: age of
 * the last received event while there is more to read, 0 when all is received, null while not
 * connected. unpublished_bytes: received, not yet visible.
 *
 *   files              one line for each relay file, oldest first:
 *     {"ordinal":1,"name":"binlog.000001","epoch":1,"sealed":true,"size":157,"source":"a",
 *      "source_file":"binlog.000001","source_server_id":1,"source_server_uuid":"... or null",
 *      "source_version":"9.7.4","first_s":1,"last_s":1,"gtids_before":"...","gtids_after":"..."}
 *     size and gtids_after of a file that is not sealed: as far as it is published.
 *
 *   map TAB PLACE      PLACE is FILE:OFFSET (relay), SOURCE:FILE:OFFSET, or a GTID. One line:
 *     {"asked":"...","ordinal":1,"file":"binlog.000001","offset":157,"source":"a",
 *      "source_file":"binlog.000001","source_offset":157,"gtids":"all up to here",
 *      "time_s":1 (when what is next was written; null: nothing is, or it does not say),
 *      "end":{"ordinal":1,"file":"binlog.000001","offset":400} or null,
 *      "elsewhere":[{"source":"b","file":"binlog.000017 or null","offset":4711,
 *        "problem":"sentence or null"}]} (the channel's other servers, asked for it)
 *     For a GTID the place is where its transaction begins and "end" where it ends (null else).
 *
 *   follow             {"published":{"ordinal":1,"file":"binlog.000001","offset":157}} now (null:
 *     nothing yet) and after each rise of the published end, until the client closes. Rises that
 *     come quickly one after the other may be told as one.
 *
 *   purge TAB BEFORE TAB dry|run
 *     Forgets the relay files before BEFORE (a relay file, a GTID, or @SECONDS in Unix time: files
 *     whose last event is older) that no consumer holds; "dry" only tells. One line:
 *     {"files":2,"bytes":300,"keep_from":"binlog.000003","held":false,"dry":true}
 *     held: more would go, but a consumer still needs it.
 *
 *   restart            {"pid":1}; then the daemon ends in order and begins anew, as the same
 * process. Refused when the configuration has errors.
 *
 *   reload TAB all|users
 *     Reads the configuration, certificates and users again, or the users alone, as relay/reload.h
 *     says. One line of sentences:
 *     {"changed":["[listener] certificates, for new connections"],
 *      "needs_restart":["[source a] host"],"warnings":[]}
 *
 *   consumers          one line for each consumer that is remembered, by channel and name:
 *     {"name":"its UUID or USER/SERVER_ID","channel":"main","user":"u","server_id":7,
 *      "server_uuid":"... or null","address":"127.0.0.1","connected":true,"seen_s":1,
 *      "file":"binlog.000001","offset":157 (sent so far; null: gone),"lag_bytes":0,
 *      "lag_transactions":0 (null without GTIDs),"lag_s":0 (age of the first event it has not got),
 *      "hold":{"state":"kept|over|lost|none","file":"binlog.000001","bytes":157,"bytes_limit":null,
 *        "age_s":1,"age_limit_s":null,"away_s":0,"away_limit_s":604800,
 *        "limit":"hold_away or null","used_percent":0}}
 *     over: one of its limits is passed, so that the files may go. lost: they are gone.
 *
 *   sources            one line for each source, in the order of the configuration:
 *     {"channel":"main","name":"b","active":false,
 *      "state":"active|ready|behind|purged|unknown|unfit|unreachable|unseen",
 *      "problem":"sentence or null","answers":true,"address":"host:3306","looked_s":1,
 *      "family":"mysql","version":"9.7.4","server_id":1,"server_uuid":"... or null",
 *      "read_only":true,"file":"binlog.000001","offset":157,"gtids":"executed or null",
 *      "lacking":0,"ahead":0,"replicates_from":"host:3306 or null","replicates":true,
 *      "catch_up":true}
 *     As of looked_s, when it was looked at last. lacking: transactions that the relay holds and
 *     the server does not have; ahead: the other way round (null: no GTIDs). catch_up: it may be
 *     told to fetch what it lacks.
 *
 *   epochs             one line for each epoch, oldest first:
 *     {"epoch":2,"begun_s":1,"source":"b","source_server_id":1,"source_server_uuid":"... or null",
 *      "source_version":"9.7.4","method":"first|gtid|content|chosen","ordinal":7,
 *      "file":"relay file or null (gone)","source_file":"binlog.000001","forked":false,
 *      "lacking":"GTIDs or places, or null","errant":null,"lost":null}
 *
 *   switch TAB SOURCE TAB dry|run TAB AT TAB FLAGS
 *     Follows this source (relay/switchover.h). AT is FILE:POSITION of it or "-", FLAGS are
 *     catch_up and keep_fork with a comma between, or "-". Lines as it goes on, each with "step"
 *     and "source":
 *     looks       "file", "offset", "bytes": of the new source, now and then
 *     planned     "address","family","version","server_id","server_uuid","method":"gtid",
 *                 "file":"copied from here","first_new":{"file":"x","offset":4} or null,
 *                 "skipped" and "new":{"transactions":1,"bytes":1} (null: not counted),
 *                 "lacking","errant","lost":{"transactions":1,"which":"GTIDs or places, or null"},
 *                 "same_server","reset","look_ms":1,"refusal":"sentence or null","kind":"fork",
 *                 "statements":["for a person to run there"],"warning":"sentence or null"
 *     catches_up  "text"
 *     joins
 *     follows     "epoch":2,"file":"copied from here","joined_ms":1,"warning":null
 *     A run that is refused ends with an error; a dry run does not.
 *
 *   forget TAB NAME    {"forgot":"NAME"}; a consumer that is connected is not forgotten.
 *
 *   publisher TAB NAME TAB status|pause|resume|retry|skip
 *     Orders (relay's publisher/publisher.h says which are possible when), and answers with one
 *     line: what `status` says of it, as it was just then.
 *
 *   snapshot TAB PUBLISHER TAB TYPE TAB DATA
 *     PUBLISHER "-": the only one. TYPE is status (DATA "-"; of all publishers where none is named)
 *     or that of a signal of Debezium: execute-snapshot, pause-snapshot, resume-snapshot,
 *     stop-snapshot, with its DATA (publisher/snapshot/signal.h). Answered when it was taken up, by
 * one line for each publisher:
 *     {"publisher":"p","active":true (null: its checkpoint is not read
 * yet),"paused":false,"table":"shop.orders or null","tables_left":1, "tables_done":0,"rows":1024
 * (published of this table, or left out),"rows_guessed":9000 or
 *      null,"rows_total":1000,"rows_left_out":24 (the stream wrote them newer),"chunks_again":0,
 *      "rows_per_s":9000,"chunk_rows":2048,"left_s":1 or null,"begun_s":1 or null,
 *      "waits":"sentence or null","problem":"why a table was left out last, or null"}
 *     All but the first seven are since the start of the relay.
 *
 *   define TAB DATABASE TAB TABLE
 *     The table as the source has it now, as publisher/tables/definition.h's JSON text.
 *
 * The control runs in threads of its own (one that accepts, one for each connection), so that a
 * slow answer holds up nobody.
 */
#pragma once
#include "relay/channels.h"
#include "relay/config/config.h"

enum { CONTROL_LINE_BYTES = 4096, CONTROL_CLIENTS_MAX = 16 };

struct retention;
struct serve;
struct reload;
struct control;

/* Everything handed over must live until control_stop(). E_CONFIG when the socket's path is longer
   than a unix socket's name may be. */
MUST_CHECK int control_start(const struct config *config, struct channels *channels,
                             struct serve *serve, struct retention *retention,
                             struct reload *reload, struct control **out, struct err *e);
void           control_stop(struct control *c); /* accepts NULL; ends all connections */
/* What its answers are about, for others that give the same ones; lives as long as it does. */
struct control_context;
const struct control_context *control_context(const struct control *c);
