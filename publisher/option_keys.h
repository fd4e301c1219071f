/*
 * Every option of a publisher that is Debezium's own, once and under Debezium's name: the struct,
 * the parser, the configuration's [publisher NAME], `binrelay events --set`, the import of a
 * connector's configuration and the manual come from this table.
 *
 * OPT(field, name, kind, default, help). A default of NULL means the option must be given. What has
 * a number or a word in its name (column.mask.with.N.chars) stands in options.c, pattern_options.
 */
#pragma once

#define PUBLISHER_OPTIONS(OPT)                                                                     \
    OPT(topic_prefix, "topic.prefix", TEXT, NULL, "First part of every topic's name.")             \
    OPT(topic_delimiter, "topic.delimiter", TEXT, ".", "What joins the parts of a topic's name.")  \
    OPT(topic_transaction, "topic.transaction", TEXT, "transaction",                               \
        "Last part of the transaction topic's name.")                                              \
    OPT(topic_heartbeat_prefix, "topic.heartbeat.prefix", TEXT, "__debezium-heartbeat",            \
        "First part of the heartbeat topic's name.")                                               \
    OPT(topic_heartbeat_name, "topic.heartbeat.name", TEXT, "",                                    \
        "The heartbeat topic's whole name; none: its prefix and topic.prefix.")                    \
    OPT(database_include, "database.include.list", LIST, "",                                       \
        "Databases to publish, regular expressions separated by commas; none: all but the "        \
        "system's own.")                                                                           \
    OPT(database_exclude, "database.exclude.list", LIST, "",                                       \
        "Databases to leave out. Not together with database.include.list.")                        \
    OPT(table_include, "table.include.list", LIST, "",                                             \
        "Tables to publish as DATABASE.TABLE, regular expressions separated by commas; none: "     \
        "all.")                                                                                    \
    OPT(table_exclude, "table.exclude.list", LIST, "",                                             \
        "Tables to leave out. Not together with table.include.list.")                              \
    OPT(column_include, "column.include.list", LIST, "",                                           \
        "Columns to publish as DATABASE.TABLE.COLUMN, regular expressions separated by commas; "   \
        "none: all.")                                                                              \
    OPT(column_exclude, "column.exclude.list", LIST, "",                                           \
        "Columns to leave out. Not together with column.include.list.")                            \
    OPT(message_keys, "message.key.columns", TEXT, "",                                             \
        "Keys of tables in place of their own: DATABASE.TABLE:COLUMN,COLUMN, separated by "        \
        "semicolons; the table is a regular expression.")                                          \
    OPT(propagate_columns, "column.propagate.source.type", LIST, "",                               \
        "Columns, by regular expressions of DATABASE.TABLE.COLUMN, whose schema tells their type " \
        "at the source.")                                                                          \
    OPT(propagate_types, "datatype.propagate.source.type", LIST, "",                               \
        "The same for all columns of a type: regular expressions of DATABASE.TABLE.TYPE or of "    \
        "TYPE.")                                                                                   \
    OPT(tombstones, "tombstones.on.delete", FLAG, "true",                                          \
        "Follow every delete by a record with the key alone.")                                     \
    OPT(skipped, "skipped.operations", OPERATIONS, "t",                                            \
        "Operations to leave out: c (insert), u (update), d (delete), t (truncate), separated by " \
        "commas, or none.")                                                                        \
    OPT(skip_unchanged, "skip.messages.without.change", FLAG, "false",                             \
        "Leave out updates that change no published column.")                                      \
    OPT(decimals, "decimal.handling.mode", DECIMALS, "precise",                                    \
        "DECIMAL as the unscaled integer's bytes, as a double, or as text.")                       \
    OPT(times, "time.precision.mode", TIMES, "adaptive_time_microseconds",                         \
        "Units of DATE, TIME and DATETIME.")                                                       \
    OPT(binaries, "binary.handling.mode", BINARIES, "bytes",                                       \
        "BINARY, VARBINARY and BLOB as bytes or as text.")                                         \
    OPT(unsigned_bigints, "bigint.unsigned.handling.mode", BIGINTS, "long",                        \
        "BIGINT UNSIGNED as a number that wraps above 2^63-1, or as a decimal's bytes.")           \
    OPT(adjust_years, "enable.time.adjuster", FLAG, "true",                                        \
        "Years of two digits (0001-02-03) in values and defaults mean 1970 to 2069.")              \
    OPT(schema_names, "schema.name.adjustment.mode", ADJUSTMENT, "none",                           \
        "How schema names are made to fit Avro.")                                                  \
    OPT(field_names, "field.name.adjustment.mode", ADJUSTMENT, "none",                             \
        "How column names are made to fit Avro.")                                                  \
    OPT(include_query, "include.query", FLAG, "false",                                             \
        "Put the original statement into source.query, where the source logs it "                  \
        "(binlog_rows_query_log_events, binlog_annotate_row_events).")                             \
    OPT(include_schema_changes, "include.schema.changes", FLAG, "true",                            \
        "Write DDL statements to the topic that is called like topic.prefix.")                     \
    OPT(include_comments, "include.schema.comments", FLAG, "false",                                \
        "Put the comments of columns and tables into schemas and schema changes.")                 \
    OPT(captured_tables_only, "schema.history.internal.store.only.captured.tables.ddl", FLAG,      \
        "false", "Write DDL statements of published tables only.")                                 \
    OPT(captured_databases_only, "schema.history.internal.store.only.captured.databases.ddl",      \
        FLAG, "false", "Write DDL statements of published databases only.")                        \
    OPT(transactions, "provide.transaction.metadata", FLAG, "false",                               \
        "Write the beginning and end of every transaction to a topic of its own, and number its "  \
        "events.")                                                                                 \
    OPT(heartbeat_ms, "heartbeat.interval.ms", MILLIS, "0",                                        \
        "Write a heartbeat record about as often, also while the source is silent; 0: none.")      \
    OPT(extended_headers, "extended.headers.enabled", FLAG, "true",                                \
        "Say in each record's headers which connector, task and run it is from.")                  \
    OPT(converting_failure, "event.converting.failure.handling.mode", FAILURES, "warn",            \
        "A value that its mode can't express: null (warn, skip), or stop (fail).")                 \
    OPT(processing_failure, "event.processing.failure.handling.mode", FAILURES, "fail",            \
        "A row that no event can be made of: stop (fail), or leave it out, saying so in the log "  \
        "(warn) or not (skip).")                                                                   \
    OPT(key_schemas, "key.converter.schemas.enable", FLAG, "false",                                \
        "Put the schema beside every key. (schemas.enable sets this and the next one.)")           \
    OPT(value_schemas, "value.converter.schemas.enable", FLAG, "false",                            \
        "Put the schema beside every value.")                                                      \
    OPT(null_as_default, "value.converter.replace.null.with.default", FLAG, "true",                \
        "Write a column's default in place of NULL, as Kafka Connect's converter does.")           \
    OPT(decimal_format, "value.converter.decimal.format", DECIMAL_FORMAT, "BASE64",                \
        "Decimals in JSON as base64 of their bytes or as numbers.")                                \
    OPT(key_converter, "key.converter", CONVERTER, "json",                                         \
        "Write keys as JSON, or as Avro in Confluent's wire format (sink = kafka).")               \
    OPT(key_meta, "key.converter.connect.meta.data", FLAG, "true",                                 \
        "Put Kafka Connect's own properties into Avro schemas of keys.")                           \
    OPT(key_subject, "key.converter.key.subject.name.strategy", SUBJECT, "TopicNameStrategy",      \
        "The subject under which an Avro schema of keys is registered.")                           \
    OPT(value_converter, "value.converter", CONVERTER, "json",                                     \
        "Write values as JSON, or as Avro in Confluent's wire format (sink = kafka).")             \
    OPT(value_meta, "value.converter.connect.meta.data", FLAG, "true",                             \
        "Put Kafka Connect's own properties into Avro schemas of values.")                         \
    OPT(value_subject, "value.converter.value.subject.name.strategy", SUBJECT,                     \
        "TopicNameStrategy", "The subject under which an Avro schema of values is registered.")    \
    OPT(registry_url, "schema.registry.url", TEXT, "",                                             \
        "Avro: the schema registry, with Confluent's API; several addresses of one registry are "  \
        "separated by commas. (As with key.converter. or value.converter. in front, like all "     \
        "below.)")                                                                                 \
    OPT(registry_registers, "auto.register.schemas", FLAG, "true",                                 \
        "Avro: register schemas; else they must be there.")                                        \
    OPT(registry_user, "schema.registry.basic.auth.user.info", TEXT, "",                           \
        "Avro: USER:PASSWORD for the registry.")                                                   \
    OPT(registry_token, "schema.registry.bearer.auth.token", TEXT, "",                             \
        "Avro: a token for the registry.")                                                         \
    OPT(registry_ca, "schema.registry.ssl.truststore.location", TEXT, "",                          \
        "Avro: PEM file with the authorities to trust for https addresses; none: the system's.")   \
    OPT(registry_cert, "schema.registry.ssl.keystore.location", TEXT, "",                          \
        "Avro: PEM file with a client certificate (and its key).")                                 \
    OPT(registry_key, "schema.registry.ssl.key.location", TEXT, "",                                \
        "Avro: PEM file with its private key, where that is another file.")                        \
    OPT(chunk_rows, "incremental.snapshot.chunk.size", COUNT, "1024",                              \
        "Rows in the first chunk of an incremental snapshot; later ones grow and shrink with the " \
        "time that they take.")                                                                    \
    OPT(snapshot_rows_per_s, "snapshot.max.rows.per.second", COUNT, "0",                           \
        "Incremental snapshots read at most so many rows a second; 0: as fast as goes.")           \
    OPT(snapshot_threads, "snapshot.max.threads.running", COUNT, "50",                             \
        "Incremental snapshots wait while more of the source's threads run (Threads_running); 0: " \
        "never.")                                                                                  \
    OPT(signal_table, "signal.data.collection", TEXT, "",                                          \
        "DATABASE.TABLE whose inserted rows are signals (id, type, data), such as "                \
        "execute-snapshot; none: there is no such table. It is published, too.")                   \
    OPT(snapshot_mode, "snapshot.mode", SNAPSHOTS, "none",                                         \
        "Whether the rows that exist already are written, too: initial writes them before all "    \
        "changes when there is no checkpoint yet (initial_only writes no changes behind them), "   \
        "no_data only the schema changes of a snapshot, when_needed as initial and also when "     \
        "the checkpoint's place is held no more, recovery tells all tables anew at each start, "   \
        "always reads all rows at each start. none: no snapshot.")                                 \
    OPT(snapshot_include, "snapshot.include.collection.list", LIST, "",                            \
        "Tables whose rows a snapshot reads, as DATABASE.TABLE; none: all that are published.")    \
    OPT(snapshot_locking, "snapshot.locking.mode", LOCKING, "minimal",                             \
        "MySQL: whether a global read lock may be taken, for milliseconds (minimal) or as long "   \
        "as the snapshot takes (extended, for tables without transactions).")                      \
    OPT(snapshot_lock_timeout_ms, "snapshot.lock.timeout.ms", MILLIS, "10000",                     \
        "How long to wait for that lock.")                                                         \
    OPT(snapshot_readers, "snapshot.max.threads", COUNT, "1",                                      \
        "How many tables are read at once, each over a connection of its own; 1 to 64.")           \
    OPT(snapshot_delay_ms, "snapshot.delay.ms", MILLIS, "0",                                       \
        "How long to wait before the first snapshot begins.")                                      \
    OPT(strict, "strict.compatibility", FLAG, "false",                                             \
        "Where Debezium loses changes, lose them too: updates of parts of JSON documents are "     \
        "left out, row images other than FULL stop the publisher.")
