/* Every SQL statement of the catalog, prepared once at its opening. */
#pragma once

/* clang-format off */
#define CATALOG_STATEMENTS(S)                                                                      \
    S(BEGIN_WRITE,    "BEGIN IMMEDIATE")                                                           \
    S(COMMIT,         "COMMIT")                                                                    \
    S(PUT_FILE,       "INSERT OR REPLACE INTO file VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)")            \
    S(EACH_FILE,      "SELECT ordinal, epoch, sealed, size, created_s, last_s, name, source_file," \
                      " source_name, source_uuid, source_server_id, source_version, source_family" \
                      " FROM file ORDER BY ordinal")                                               \
    S(FORGET_FILES,   "DELETE FROM file WHERE ordinal < ?")                                        \
    S(PUT_START,      "INSERT OR REPLACE INTO start VALUES (1, ?)")                                \
    S(GET_START,      "SELECT place FROM start")                                                   \
    S(PUT_CHECKPOINT, "INSERT OR REPLACE INTO checkpoint VALUES (?,?,?,?,?)")                      \
    S(GET_CHECKPOINT_STATE, "SELECT state FROM checkpoint WHERE publisher = ?")                    \
    S(GET_CHECKPOINT, "SELECT next, sink_bytes, events FROM checkpoint WHERE publisher = ?")       \
    S(PUT_DEFINITION, "INSERT OR REPLACE INTO definition VALUES (?,?,?,?)")                        \
    S(GET_DEFINITION, "SELECT json FROM definition WHERE db = ? AND tbl = ? AND since <= ?"        \
                      " ORDER BY since DESC LIMIT 1")                                              \
    S(FORGET_DEFINITIONS, "DELETE FROM definition WHERE since < ?1 AND EXISTS (SELECT 1 FROM"      \
                      " definition n WHERE n.db = definition.db AND n.tbl = definition.tbl"        \
                      " AND n.since > definition.since AND n.since <= ?1)")                        \
    S(PUT_VALUE,      "INSERT OR REPLACE INTO value VALUES (?,?)")                                 \
    S(GET_VALUE,      "SELECT value FROM value WHERE name = ?")                                    \
    S(PUT_CONSUMER,   "INSERT OR REPLACE INTO consumer VALUES (?,?,?,?,?,?,?,?)")                  \
    S(EACH_CONSUMER,  "SELECT name, user, server_id, uuid, address, place, held, seen_s"           \
                      " FROM consumer ORDER BY name")                                              \
    S(FORGET_CONSUMER, "DELETE FROM consumer WHERE name = ?")                                      \
    S(PUT_EPOCH,      "INSERT OR REPLACE INTO epoch VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")        \
    S(EACH_EPOCH,     "SELECT epoch, ordinal, source_name, source_uuid, source_server_id,"         \
                      " source_version, source_family, source_file, begun_s, method, forked,"      \
                      " skipped, lacking, errant, lost FROM epoch ORDER BY epoch")                 \
    S(FORGET_EPOCHS,  "DELETE FROM epoch WHERE epoch > ?")
/* clang-format on */
