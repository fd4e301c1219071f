/*
 * Every key of the configuration file, once: the struct, the parser, --check, the sample file, the
 * manual page and the test that all defaults parse come from these tables.
 *
 * KEY(field, name in the file, type, default, applies, help). A default of NULL means the key must
 * be given; "" is none.
 */
#pragma once

/* What is kept of a channel: [relay] says it for all of them, [channel NAME] for one. */
#define STORE_KEYS(KEY)                                                                            \
    KEY(sync, "sync", SYNC, "commit", RESTART,                                                     \
        "When received transactions are forced to disk, before any consumer sees them: 'commit' "  \
        "(at "                                                                                     \
        "once, several together while the disk is busy), 'interval:MILLISECONDS' (not more "       \
        "often; "                                                                                  \
        "consumers see them that much later), or 'os' (when the system likes; a power cut can "    \
        "lose "                                                                                    \
        "what consumers have seen).")                                                              \
    KEY(reserve, "reserve", BYTES, "256M", RESTART,                                                \
        "Receiving stops while the disk has less room than this, so that consumers and the "       \
        "catalog always have some.")                                                               \
    KEY(keep_bytes, "keep_bytes", BYTES, "none", RESTART,                                          \
        "The oldest binlogs are forgotten while all together are larger than this.")               \
    KEY(keep_age, "keep_age", AGE, "none", RESTART,                                                \
        "Binlogs whose last event is older than this are forgotten.")                              \
    KEY(keep_free, "keep_free", BYTES, "none", RESTART,                                            \
        "The oldest binlogs are forgotten while the disk has less room than this.")                \
    KEY(hold_bytes, "hold_bytes", BYTES, "none", RESTART,                                          \
        "A binlog that a consumer or a publisher still needs is kept whatever the limits say, "    \
        "also while the consumer is away, unless that one is further behind than this.")           \
    KEY(hold_age, "hold_age", AGE, "none", RESTART,                                                \
        "The same as a time: for older binlogs nobody is waited for.")                             \
    KEY(hold_away, "hold_away", AGE, "7d", RESTART,                                                \
        "A consumer that has been away for longer is forgotten, and nothing is kept for it any "   \
        "more. For none who is away while the disk has less room than twice the 'reserve'.")       \
    KEY(failover, "failover", FAILOVER, "manual", RELOAD,                                          \
        "Who decides to follow another [source] of the channel: you by 'binrelay switch', or "     \
        "'auto': the relay itself, when the active one can't be reached any more.")                \
    KEY(failover_after, "failover_after", SECONDS, "30", RELOAD,                                   \
        "With failover = auto: for how long nothing of the active source can be reached before "   \
        "the next one is taken. The last attempt before that is made right then.")                 \
    KEY(failover_fence, "failover_fence", SECONDS, "1h", RELOAD,                                   \
        "With failover = auto: after a switch the relay makes no further one by itself for so "    \
        "long, so that two servers that fail in turns do not make it go back and forth.")          \
    KEY(fork, "fork", FORK, "stop", RELOAD,                                                        \
        "When a source lacks transactions that consumers were given, and never will have them: "   \
        "'stop' and say which, or 'keep' what was given out, mark the fork in the catalog (see "   \
        "'binrelay epochs'), and go on with what the source has.")

#define RELAY_KEYS(KEY)                                                                            \
    KEY(data, "data", TEXT, NULL, RESTART,                                                         \
        "Folder for the binlogs and everything that is remembered; with [channel NAME] sections "  \
        "each "                                                                                    \
        "channel has a folder of its name in it.")                                                 \
    STORE_KEYS(KEY)                                                                                \
    KEY(loops, "loops", COUNT, "1", RESTART, "Threads that serve consumers, at most 64.")          \
    KEY(user, "user", TEXT, "", RESTART,                                                           \
        "System user to become when it is started by root. The data folder must be that one's, "   \
        "and the files named here must be readable for it, as they are read again at a reload.")   \
    KEY(users, "users", TEXT, "", RELOAD,                                                          \
        "File with users and their hashes, which 'binrelay user' writes; by default 'users' in "   \
        "the data folder.")                                                                        \
    KEY(log_level, "log_level", LEVEL, "info", RELOAD,                                             \
        "Least important lines to log: error, warning, info or debug.")                            \
    KEY(log_format, "log_format", LOG_FORMAT, "pairs", RELOAD,                                     \
        "How a line of the log looks: 'pairs' (time=... level=... area=... msg=\"...\"), 'json' "  \
        "(an object of the same members), or 'plain' text. In systemd's journal lines begin "      \
        "with their priority and have no time.")

/* Of the same names and kinds as in [relay], which says what is not given. */
#define CHANNEL_KEYS(KEY) STORE_KEYS(KEY)

#define LISTENER_KEYS(KEY)                                                                         \
    KEY(address, "address", TEXT, "127.0.0.1", RESTART,                                            \
        "Address to listen on for consumers; '*' is all of IPv4 and IPv6.")                        \
    KEY(port, "port", PORT, "3307", RESTART, "TCP port for consumers.")                            \
    KEY(tls, "tls", FLAG, "yes", RELOAD,                                                           \
        "Offer TLS. Without 'tls_cert' that is done as servers do it: by a certificate of the "    \
        "relay's own making, tls.pem in the data folder, which encrypts but tells nobody who the " \
        "relay is (but see README on MariaDB); MySQL sources before 8.0 and their clients are "    \
        "left alone with it.")                                                                     \
    KEY(tls_cert, "tls_cert", TEXT, "", RELOAD,                                                    \
        "PEM file with the certificate (chain) shown to consumers.")                               \
    KEY(tls_key, "tls_key", TEXT, "", RELOAD, "PEM file with its private key.")                    \
    KEY(tls_ca, "tls_ca", TEXT, "", RELOAD,                                                        \
        "PEM file with the authorities whose certificates consumers may show, for users with "     \
        "require_certificate.")                                                                    \
    KEY(channel, "channel", TEXT, "", RESTART,                                                     \
        "Channel of the users that have none of their own; one with another channel is refused "   \
        "here. Consumers see the server version of this channel's source.")                        \
    KEY(max_sessions, "max_sessions", COUNT, "2000", RELOAD, "Most connections at once.")          \
    KEY(login_timeout, "login_timeout", SECONDS, "10", RELOAD, "Time a client has to log in.")     \
    KEY(wait_timeout, "wait_timeout", SECONDS, "8h", RELOAD,                                       \
        "A session that is not streaming ends after so long without a command.")                   \
    KEY(write_timeout, "write_timeout", SECONDS, "60", RELOAD,                                     \
        "A consumer that takes none of the bytes that are there for it ends after this time; it "  \
        "may connect again and goes on where it was.")

#define HTTP_KEYS(KEY)                                                                             \
    KEY(enabled, "enabled", FLAG, "yes", RESTART,                                                  \
        "Answer HTTP at all. Without an [http] section a port that is taken is only warned of, "   \
        "and nothing is answered.")                                                                \
    KEY(address, "address", TEXT, "127.0.0.1", RESTART,                                            \
        "Address to listen on; '*' is all of IPv4 and IPv6. Whoever reaches it may read: there "   \
        "are no accounts and no TLS, put a proxy in front of it where that matters.")              \
    KEY(port, "port", PORT, "13307", RESTART, "TCP port.")                                         \
    KEY(max_connections, "max_connections", COUNT, "64", RESTART,                                  \
        "Most connections at once; one more has to wait until another one ends.")

#define SOURCE_KEYS(KEY)                                                                           \
    KEY(channel, "channel", TEXT, "", RESTART,                                                     \
        "The channel that follows this server; needed when there are several.")                    \
    KEY(host, "host", TEXT, "127.0.0.1", RECONNECT,                                                \
        "Server to follow: HOST, HOST:PORT or [IPV6]:PORT; several addresses of the same server "  \
        "are separated by commas and tried in order.")                                             \
    KEY(port, "port", PORT, "3306", RECONNECT, "Its TCP port, where 'host' says none.")            \
    KEY(socket, "socket", TEXT, "", RECONNECT,                                                     \
        "Unix socket of a server on this machine, in place of 'host' and 'port'.")                 \
    KEY(user, "user", TEXT, NULL, RECONNECT,                                                       \
        "Account with REPLICATION SLAVE and REPLICATION CLIENT (the same as MariaDB's BINLOG "     \
        "MONITOR) on *.*; for publishers also with SELECT on the published tables.")               \
    KEY(password, "password", SECRET, "", RECONNECT, "Its password.")                              \
    KEY(password_file, "password_file", TEXT, "", RECONNECT,                                       \
        "File whose first line is the password, in place of 'password'.")                          \
    KEY(server_id, "server_id", COUNT, NULL, RESTART,                                              \
        "The relay's own server_id, unique among all replicas of the source.")                     \
    KEY(start, "start", START, "oldest", RESTART,                                                  \
        "Where to begin when nothing is held yet: 'oldest' binlog, 'newest' end, or "              \
        "FILE:POSITION.")                                                                          \
    KEY(tls, "tls", TLS, "preferred", RECONNECT,                                                   \
        "off, preferred, required, verify-ca or verify-identity.")                                 \
    KEY(tls_ca, "tls_ca", TEXT, "", RECONNECT, "PEM file with the authorities to trust.")          \
    KEY(tls_cert, "tls_cert", TEXT, "", RECONNECT,                                                 \
        "PEM file with the relay's client certificate.")                                           \
    KEY(tls_key, "tls_key", TEXT, "", RECONNECT, "PEM file with its private key.")                 \
    KEY(semi_sync, "semi_sync", FLAG, "off", RECONNECT,                                            \
        "Be a semi-synchronous replica where the source's plugin is on: its commits wait until "   \
        "they are safe on the relay's disk.")                                                      \
    KEY(compress, "compress", FLAG, "no", RECONNECT,                                               \
        "Ask the source to compress the connection, for a slow network: by zstd where it has "     \
        "that "                                                                                    \
        "(MySQL 8.0.18 and later), else by zlib. Not with semi_sync.")                             \
    KEY(connect_timeout, "connect_timeout", SECONDS, "10", RECONNECT,                              \
        "Time to connect and log in.")                                                             \
    KEY(read_timeout, "read_timeout", SECONDS, "30", RECONNECT,                                    \
        "Time for the answer to a question; during the dump 'heartbeat' counts instead.")          \
    KEY(heartbeat, "heartbeat", SECONDS, "5", RECONNECT,                                           \
        "The source is asked to say it lives after this much silence; three times as much is "     \
        "taken as a dead connection.")                                                             \
    KEY(retry_min, "retry_min", SECONDS, "1", RECONNECT, "First pause before connecting again.")   \
    KEY(retry_max, "retry_max", SECONDS, "30", RECONNECT, "Pauses double up to this.")             \
    KEY(forward_user, "forward_user", TEXT, "", RECONNECT,                                         \
        "Account for the statements that consumers' sessions forward; none: 'user'. Its rights "   \
        "there bound what every consumer can do.")                                                 \
    KEY(forward_password, "forward_password", SECRET, "", RECONNECT, "Its password.")              \
    KEY(forward_password_file, "forward_password_file", TEXT, "", RECONNECT,                       \
        "File whose first line is the password, in place of 'forward_password'.")                  \
    KEY(forward_max, "forward_max", COUNT, "100", RECONNECT,                                       \
        "Most sessions that may have a connection to the source at once; 0 forwards nothing.")     \
    KEY(admin_user, "admin_user", TEXT, "", RECONNECT,                                             \
        "Account on this server that may change its replication (REPLICATION_SLAVE_ADMIN, at "     \
        "MariaDB REPLICATION SLAVE ADMIN, before them SUPER; beside the rights of 'user'), for "   \
        "'binrelay switch --catch-up' and failover = auto: the server then fetches from the "      \
        "relay "                                                                                   \
        "what it lacks before it is followed. None: nothing is ever changed there.")               \
    KEY(admin_password, "admin_password", SECRET, "", RECONNECT, "Its password.")                  \
    KEY(admin_password_file, "admin_password_file", TEXT, "", RECONNECT,                           \
        "File whose first line is the password, in place of 'admin_password'.")                    \
    KEY(relay_host, "relay_host", TEXT, "", RECONNECT,                                             \
        "Where this server reaches the relay to catch up: HOST or HOST:PORT; none: the address "   \
        "that the relay's own connections to it come from, and the port of the channel's first "   \
        "listener.")                                                                               \
    KEY(relay_user, "relay_user", TEXT, "", RECONNECT,                                             \
        "The relay's user, with the right to replicate, that this server catches up as.")          \
    KEY(relay_password, "relay_password", SECRET, "", RECONNECT, "Its password.")                  \
    KEY(relay_password_file, "relay_password_file", TEXT, "", RECONNECT,                           \
        "File whose first line is the password, in place of 'relay_password'.")

#define USER_KEYS(KEY)                                                                             \
    KEY(password, "password", SECRET, "", RELOAD, "What the consumer logs in with.")               \
    KEY(password_file, "password_file", TEXT, "", RELOAD,                                          \
        "File whose first line is the password, in place of 'password'.")                          \
    KEY(auth, "auth", AUTH, "any", RELOAD,                                                         \
        "Method to demand: caching_sha2_password, mysql_native_password, or any (the client's "    \
        "choice of the two).")                                                                     \
    KEY(channel, "channel", TEXT, "", RELOAD,                                                      \
        "The channel that this user is served from; by default the listener's.")                   \
    KEY(coordinates, "coordinates", TEXT, "", RELOAD,                                              \
        "For a consumer that moves in with a binlog position it stored at another server: the "    \
        "[source] that the position is of. It counts at its first stream; from then on what the "  \
        "consumer has stored are relay files. None: file names are those of relay files.")         \
    KEY(require_tls, "require_tls", FLAG, "no", RELOAD,                                            \
        "Refuse this user on a connection without TLS.")                                           \
    KEY(rights, "rights", RIGHTS, RIGHTS_DEFAULT_TEXT, RELOAD,                                     \
        "What the user may do: 'replicate' (be streamed binlogs), 'forward' (have statements "     \
        "that read run on the source), 'write' (and those that change it), 'admin' (end other "    \
        "users' sessions, administrative statements).")                                            \
    KEY(hosts, "hosts", LIST, "", RELOAD,                                                          \
        "Addresses the user may come from, separated by commas: 10.1.2.3, 10.0.0.0/8, "            \
        "192.168.%, localhost; none: everywhere. Names are not looked up.")                        \
    KEY(require_certificate, "require_certificate", TEXT, "no", RELOAD,                            \
        "Refuse this user without a certificate that tls_ca of [listener] vouches for: 'yes', or " \
        "the subject it must have, as '/O=Shop/CN=replica' whole or as its common name alone.")    \
    KEY(max_connections, "max_connections", LIMIT, "none", RELOAD,                                 \
        "Most connections of this user at once.")                                                  \
    KEY(bandwidth, "bandwidth", BYTES, "none", RELOAD,                                             \
        "Most bytes a second that all streams of this user get together.")

/* Beside these a publisher has Debezium's options: publisher/option_keys.h. */
#define PUBLISHER_KEYS(KEY)                                                                        \
    KEY(channel, "channel", TEXT, "", RESTART,                                                     \
        "The channel to publish; needed when there are several.")                                  \
    KEY(sink, "sink", SINK, "file", RESTART,                                                       \
        "Where change events go: file or stdout, one JSON object a line, or kafka.")               \
    KEY(path, "path", TEXT, "", RESTART, "The file of a file sink.")                               \
    KEY(start, "start", ORIGIN, "oldest", RESTART,                                                 \
        "Where a publisher without a checkpoint begins: 'oldest' held event, 'newest', or, with "  \
        "sink = kafka, debezium:TOPIC:CONNECTOR: the row behind the last one of a stopped "        \
        "Debezium connector, whose offset Kafka Connect keeps in TOPIC.")                          \
    KEY(delivery, "delivery", DELIVERY, "exactly_once", RESTART,                                   \
        "Kafka: exactly_once (events and checkpoint in one Kafka transaction; read them with "     \
        "isolation.level=read_committed) or at_least_once (idempotent; after a crash the events "  \
        "of about the last second come again).")                                                   \
    KEY(batch_bytes, "batch_bytes", BYTES, "16M", RESTART,                                         \
        "Kafka: a Kafka transaction is committed when its events are about as large; it holds "    \
        "whole transactions of the source.")                                                       \
    KEY(batch_ms, "batch_ms", COUNT, "200", RESTART,                                               \
        "Kafka: or when it is so many milliseconds old; at once when nothing more is there.")      \
    KEY(undeliverable, "undeliverable", UNDELIVERABLE, "stop", RESTART,                            \
        "Kafka: an event that Kafka does not take, as one that is too large: 'stop' the "          \
        "publisher (see 'binrelay publisher NAME skip'), or 'dead_letter'.")                       \
    KEY(dead_letter_topic, "dead_letter_topic", TEXT, "", RESTART,                                 \
        "Kafka: the topic that is told of such events: where they are and why.")                   \
    KEY(checkpoint_topic, "checkpoint_topic", TEXT, "", RESTART,                                   \
        "Kafka: the compacted topic that holds how far the publisher is; by default "              \
        "binrelay.PREFIX.NAME.checkpoint.")                                                        \
    KEY(topic_creation, "topic.creation.enable", FLAG, "yes", RESTART,                             \
        "Kafka: make topics that are missing; else wait until they are there. "                    \
        "topic.creation.default.NAME = VALUE gives them further settings of Kafka's topics, as "   \
        "cleanup.policy.")                                                                         \
    KEY(topic_partitions, "topic.creation.default.partitions", LIMIT, "none", RESTART,             \
        "Kafka: partitions of a topic that is made; none: as the broker likes.")                   \
    KEY(topic_replication, "topic.creation.default.replication.factor", LIMIT, "none", RESTART,    \
        "Kafka: copies of a topic that is made; none: as the broker likes.")
