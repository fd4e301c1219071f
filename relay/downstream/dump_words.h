/*
 * What a consumer is told when its dump can't begin or go on: the words of the servers it knows,
 * "source" and "replica" since MySQL 8.0.26, "master" and "slave" before and at MariaDB. Tools and
 * people look for these texts. All return -1. Source: share/messages_to_clients.txt of MySQL,
 * sql/share/errmsg-utf8.txt and sql/sql_repl.cc of MariaDB, recorded answers.
 */
#pragma once
#include "relay/downstream/dump.h"

/* A position before the first event of any file. */
int dump_words_impossible(const struct dump_request *r, struct err *e);
/* `why`: what locate_position() said. */
int dump_words_position(struct store *s, const struct dump_request *r, const struct err *why,
                        struct err *e);
/* `why`: what locate_gtid_set() said. */
int dump_words_gtid_set(struct store *s, const struct dump_request *r, const struct err *why,
                        struct err *e);
/* The consumer holds `more` of the source's own transactions than were published. */
int dump_words_ahead(const struct dump_request *r, const struct gtid_set *more, struct err *e);
int dump_words_checksum(const struct dump_request *r, struct err *e);

/* The bytes of a UUID in text; false when it is none ("" for servers without). */
bool dump_words_uuid(const char *text, uint8_t into[UUID_BYTES]);
