/*
 * Every metric that /metrics tells, once: the text that Prometheus reads, the list in binrelayd(8)
 * and the tests of its names come from this table. A new metric is a row here, over what
 * relay/watch/overview.h knows.
 *
 * METRIC(name, of, type, help, value): `of` is what it is told of, and so its labels
 * (METRIC_SCOPES); `value` is an expression over `x`, that thing in the overview. A value that is
 * NAN is not told. Names are Prometheus': base units, _total for what only rises.
 */
#pragma once

/* SCOPE(of, list in struct overview, its struct, labels) */
/* clang-format off */
#define METRIC_SCOPES(SCOPE)                                                                       \
    SCOPE(INFO,            info,             overview_info,      "version")                        \
    SCOPE(PROCESS,         process,          overview_process,   "")                               \
    SCOPE(CHANNEL,         channels,         overview_channel,   "channel")                        \
    SCOPE(CHANNEL_STATE,   channel_states,   overview_state,     "channel,state")                  \
    SCOPE(SOURCE,          sources,          overview_source,    "channel,source")                 \
    SCOPE(CANDIDATE,       candidates,       overview_candidate, "channel,source")                 \
    SCOPE(CONSUMER,        consumers,        overview_consumer,  "channel,consumer,user")          \
    SCOPE(PUBLISHER,       publishers,       overview_publisher, "channel,publisher,sink")         \
    SCOPE(PUBLISHER_STATE, publisher_states, overview_state,     "channel,publisher,state")
/* clang-format on */

#define METRICS(METRIC)                                                                            \
    METRIC(binrelay_info, INFO, GAUGE, "1, with the version of the relay.", x->label[0] != NULL)   \
    /* ---- channels and their source ---- */                                                      \
    METRIC(binrelay_channel_up, CHANNEL, GAUGE,                                                    \
           "1 while the channel is open and follows its source.", x->open && x->following)         \
    METRIC(binrelay_channel_state, CHANNEL_STATE, GAUGE,                                           \
           "1 for the state that the channel is in: connecting, following, waiting (before the "   \
           "next attempt), stopped (needs a person), failed (could not be opened).",               \
           x->is)                                                                                  \
    METRIC(binrelay_source_lag_seconds, SOURCE, GAUGE,                                             \
           "How far what is received is behind the source: 0 while it has nothing more and is "    \
           "heard within its heartbeat; else the age of the last received event, or, while it is " \
           "silent or away, the time since it was heard. Computed when it is asked for.",          \
           x->lag_s)                                                                               \
    METRIC(binrelay_source_silence_seconds, SOURCE, GAUGE,                                         \
           "Time since the last byte from the source, heartbeats included.", x->silence_s)         \
    METRIC(binrelay_source_last_contact_timestamp_seconds, SOURCE, GAUGE,                          \
           "When the last byte came from the source, heartbeats included; as Unix time. Not told " \
           "before the first one.",                                                                \
           x->last_contact_s != 0 ? (double)x->last_contact_s : NAN)                               \
    METRIC(binrelay_source_last_event_timestamp_seconds, SOURCE, GAUGE,                            \
           "When the last received event was written at the source, as Unix time. Not told "       \
           "before the first one since the start.",                                                \
           x->last_event_s != 0 ? (double)x->last_event_s : NAN)                                   \
    METRIC(binrelay_source_caught_up, SOURCE, GAUGE,                                               \
           "1 while the source has nothing more than what is received.", x->caught_up)             \
    METRIC(binrelay_source_reconnects_total, SOURCE, COUNTER,                                      \
           "Connections to the source after the first one.", x->reconnects)                        \
    METRIC(binrelay_source_warnings, SOURCE, GAUGE,                                                \
           "Settings of the source that will hurt some day; 'binrelay status' names them.",        \
           x->warnings)                                                                            \
    METRIC(binrelay_source_answers, CANDIDATE, GAUGE,                                              \
           "For each source of a channel that has several: 1 when it answered the last time it "   \
           "was looked at.",                                                                       \
           x->looked ? (double)x->answers : NAN)                                                   \
    METRIC(binrelay_source_active, CANDIDATE, GAUGE,                                               \
           "For each source: 1 for the one that is followed.", x->active)                          \
    METRIC(binrelay_source_lacking_transactions, CANDIDATE, GAUGE,                                 \
           "For each source that could be followed instead: transactions held here that it does "  \
           "not have. Not told without GTIDs.",                                                    \
           x->lacking)                                                                             \
    METRIC(binrelay_epoch, CHANNEL, GAUGE,                                                         \
           "Number of the epoch: each change to another server begins one.",                       \
           x->epoch != 0 ? (double)x->epoch : NAN)                                                 \
    METRIC(binrelay_epoch_forks, CHANNEL, GAUGE,                                                   \
           "Epochs that began at a server which lacks what consumers were given.",                 \
           x->open ? (double)x->forks : NAN)                                                       \
    /* ---- ingest ---- */                                                                         \
    METRIC(binrelay_ingest_received_bytes_total, SOURCE, COUNTER,                                  \
           "Bytes received from the source.", x->received_bytes)                                   \
    METRIC(binrelay_ingest_received_events_total, SOURCE, COUNTER,                                 \
           "Binlog events received from the source.", x->received_events)                          \
    METRIC(binrelay_ingest_unpublished_bytes, CHANNEL, GAUGE,                                      \
           "Received, and not yet to be seen by consumers: not synced, or not a whole "            \
           "transaction.",                                                                         \
           x->open ? (double)x->unpublished_bytes : NAN)                                           \
    METRIC(binrelay_semi_sync_wanted, SOURCE, GAUGE,                                               \
           "1 when the configuration says semi_sync = on for the source.", x->semi_sync_wanted)    \
    METRIC(binrelay_semi_sync_active, SOURCE, GAUGE,                                               \
           "1 while the source has its commits wait for the relay's acknowledgement.",             \
           x->semi_sync)                                                                           \
    METRIC(binrelay_semi_sync_acks_total, SOURCE, COUNTER, "Acknowledgements sent to the source.", \
           x->acks)                                                                                \
    /* ---- store, index, retention ---- */                                                        \
    METRIC(binrelay_store_files, CHANNEL, GAUGE, "Relay files held.",                              \
           x->open ? (double)x->files : NAN)                                                       \
    METRIC(binrelay_store_bytes, CHANNEL, GAUGE,                                                   \
           "Their size together, as far as consumers may see them.",                               \
           x->open ? (double)x->bytes : NAN)                                                       \
    METRIC(binrelay_store_published_bytes_total, CHANNEL, COUNTER,                                 \
           "Bytes that consumers could see since the start, those held then included.",            \
           x->open ? (double)(x->bytes + x->purged_bytes) : NAN)                                   \
    METRIC(binrelay_store_free_bytes, CHANNEL, GAUGE, "Room on the disk of the data folder.",      \
           x->free_known ? (double)x->free_bytes : NAN)                                            \
    METRIC(binrelay_store_reserve_bytes, CHANNEL, GAUGE,                                           \
           "Receiving stops while the disk has less room than this ('reserve'); with less than "   \
           "twice as much nothing is held for consumers that are away.",                           \
           x->open ? (double)x->reserve_bytes : NAN)                                               \
    METRIC(binrelay_store_syncs_total, CHANNEL, COUNTER, "Times that data was forced to disk.",    \
           x->open ? (double)x->syncs : NAN)                                                       \
    METRIC(binrelay_store_sync_seconds_total, CHANNEL, COUNTER, "Time that took together.",        \
           x->open ? (double)x->sync_us / 1e6 : NAN)                                               \
    METRIC(binrelay_index_lookups_total, CHANNEL, COUNTER,                                         \
           "Times that the index of a relay file was opened to find a place.",                     \
           x->open ? (double)x->index_opens : NAN)                                                 \
    METRIC(binrelay_index_rebuilds_total, CHANNEL, COUNTER,                                        \
           "Times that an index was missing or damaged and had to be made again from its file.",   \
           x->open ? (double)x->index_rebuilds : NAN)                                              \
    METRIC(binrelay_retention_oldest_timestamp_seconds, CHANNEL, GAUGE,                            \
           "Time of the oldest event held, as Unix time.",                                         \
           x->oldest_s != 0 ? (double)x->oldest_s : NAN)                                           \
    METRIC(binrelay_retention_newest_timestamp_seconds, CHANNEL, GAUGE,                            \
           "Time of the newest event held, as Unix time.",                                         \
           x->newest_s != 0 ? (double)x->newest_s : NAN)                                           \
    METRIC(binrelay_retention_limit_bytes, CHANNEL, GAUGE,                                         \
           "keep_bytes of the configuration; not told without it.",                                \
           x->keep_bytes != 0 ? (double)x->keep_bytes : NAN)                                       \
    METRIC(binrelay_retention_limit_seconds, CHANNEL, GAUGE,                                       \
           "keep_age of the configuration; not told without it.",                                  \
           x->keep_age_s != 0 ? (double)x->keep_age_s : NAN)                                       \
    METRIC(binrelay_retention_held_bytes, CHANNEL, GAUGE,                                          \
           "Relay files from the first one on that a consumer or publisher still needs.",          \
           x->open ? (double)x->held_bytes : NAN)                                                  \
    METRIC(binrelay_retention_purged_files_total, CHANNEL, COUNTER,                                \
           "Relay files forgotten since the start.", x->open ? (double)x->purged_files : NAN)      \
    METRIC(binrelay_retention_purged_bytes_total, CHANNEL, COUNTER,                                \
           "Bytes forgotten since the start.", x->open ? (double)x->purged_bytes : NAN)            \
    /* ---- consumers ---- */                                                                      \
    METRIC(binrelay_consumers, CHANNEL, GAUGE, "Consumers that are remembered.",                   \
           x->open ? (double)x->consumers : NAN)                                                   \
    METRIC(binrelay_consumers_connected, CHANNEL, GAUGE, "Those of them that are connected.",      \
           x->open ? (double)x->connected : NAN)                                                   \
    METRIC(binrelay_consumer_connected, CONSUMER, GAUGE, "1 while the consumer is connected.",     \
           x->connected)                                                                           \
    METRIC(binrelay_consumer_last_seen_timestamp_seconds, CONSUMER, GAUGE,                         \
           "When the consumer was connected last, as Unix time.",                                  \
           x->seen_s != 0 ? (double)x->seen_s : NAN)                                               \
    METRIC(binrelay_consumer_lag_bytes, CONSUMER, GAUGE,                                           \
           "What the consumer was not sent yet. Not told when that is not held any more.",         \
           x->lag_bytes)                                                                           \
    METRIC(binrelay_consumer_lag_seconds, CONSUMER, GAUGE,                                         \
           "Age of the first event that the consumer was not sent yet; 0 when it has all. "        \
           "Computed when it is asked for.",                                                       \
           x->lag_s)                                                                               \
    METRIC(binrelay_consumer_held, CONSUMER, GAUGE,                                                \
           "0 when what the consumer needs next is not held any more.", x->held)                   \
    METRIC(binrelay_consumer_hold_bytes, CONSUMER, GAUGE,                                          \
           "Relay files that are kept for the consumer.", x->hold_bytes)                           \
    METRIC(binrelay_consumer_hold_used_ratio, CONSUMER, GAUGE,                                     \
           "How much of the nearest of hold_bytes, hold_age and hold_away the consumer has used; " \
           "above 1 nothing is kept for it.",                                                      \
           x->hold_percent / 100.0)                                                                \
    /* ---- publishers ---- */                                                                     \
    METRIC(binrelay_publisher_state, PUBLISHER_STATE, GAUGE,                                       \
           "1 for the state that the publisher is in: running, idle (all is written), waiting, "   \
           "paused, failed (needs a person), ended.",                                              \
           x->is)                                                                                  \
    METRIC(binrelay_publisher_events_total, PUBLISHER, COUNTER,                                    \
           "Change events written since the beginning of its checkpoint.", x->events)              \
    METRIC(binrelay_publisher_lag_bytes, PUBLISHER, GAUGE,                                         \
           "Binlog that the publisher has not written out yet.", x->lag_bytes)                     \
    METRIC(binrelay_publisher_lag_seconds, PUBLISHER, GAUGE,                                       \
           "Age of the first event that the publisher has not written out yet; 0 when it has "     \
           "all. Computed when it is asked for.",                                                  \
           x->lag_s)                                                                               \
    METRIC(binrelay_publisher_last_event_timestamp_seconds, PUBLISHER, GAUGE,                      \
           "When the last event that was written out happened at the source, as Unix time.",       \
           x->last_event_s != 0 ? (double)x->last_event_s : NAN)                                   \
    METRIC(binrelay_snapshot_active, PUBLISHER, GAUGE,                                             \
           "1 while an incremental snapshot of tables is under way, paused or not.",               \
           x->snapshot_active)                                                                     \
    METRIC(binrelay_snapshot_paused, PUBLISHER, GAUGE, "1 while it is paused.",                    \
           x->snapshot_paused)                                                                     \
    METRIC(binrelay_snapshot_tables_left, PUBLISHER, GAUGE,                                        \
           "Tables that it has still to read, with the one at hand.", x->snapshot_tables_left)     \
    METRIC(binrelay_snapshot_table_rows, PUBLISHER, GAUGE, "Rows read of the table at hand.",      \
           x->snapshot_active ? (double)x->snapshot_rows : NAN)                                    \
    METRIC(binrelay_snapshot_table_rows_guessed, PUBLISHER, GAUGE,                                 \
           "Rows of the table at hand as the source guesses; not told where it does not.",         \
           x->snapshot_active && x->snapshot_rows_guessed != 0 ? (double)x->snapshot_rows_guessed  \
                                                               : NAN)                              \
    METRIC(binrelay_snapshot_rows_total, PUBLISHER, COUNTER,                                       \
           "Rows read by incremental snapshots since the start.", x->snapshot_rows_total)          \
    METRIC(binrelay_snapshot_chunks_again_total, PUBLISHER, COUNTER,                               \
           "Pieces of tables that were thrown away and read again.", x->snapshot_chunks_again)     \
    /* ---- the door, and the process ---- */                                                      \
    METRIC(binrelay_sessions, PROCESS, GAUGE, "Connections of consumers and other clients.",       \
           x->sessions)                                                                            \
    METRIC(binrelay_sessions_streaming, PROCESS, GAUGE, "Those that are streamed binlogs.",        \
           x->streams)                                                                             \
    METRIC(binrelay_users, PROCESS, GAUGE, "Users that may log in.", x->users)                     \
    METRIC(binrelay_logins_failed_total, PROCESS, COUNTER, "Logins that failed.",                  \
           x->logins_failed)                                                                       \
    METRIC(binrelay_logins_blocked_total, PROCESS, COUNTER,                                        \
           "Connections that were turned away for failed logins before.", x->logins_blocked)       \
    METRIC(binrelay_logins_slowed_addresses, PROCESS, GAUGE,                                       \
           "Addresses whose failed logins are answered late now.", x->slowed_addresses)            \
    METRIC(process_start_time_seconds, PROCESS, GAUGE, "When the process began, as Unix time.",    \
           (double)x->started_ms / 1000)                                                           \
    METRIC(process_cpu_seconds_total, PROCESS, COUNTER, "Processor time used.", x->cpu_s)          \
    METRIC(process_resident_memory_bytes, PROCESS, GAUGE, "Memory in use.", x->resident_bytes)     \
    METRIC(process_virtual_memory_bytes, PROCESS, GAUGE, "Address space in use.",                  \
           x->virtual_bytes)                                                                       \
    METRIC(process_open_fds, PROCESS, GAUGE, "Open files and sockets.", x->open_fds)               \
    METRIC(process_max_fds, PROCESS, GAUGE, "Most of them that are allowed.", x->max_fds)          \
    METRIC(process_threads, PROCESS, GAUGE, "Threads.", x->threads)
