/*
 * A consumer that moves in with a binlog position which it stored at another server (its user's
 * `coordinates` name the source): the first time that is what it asks for; as soon as it has stored
 * anything that came from here, its file names are those of relay files. Servers like to call their
 * files the same, so what it asks for may be read both ways.
 *
 *   never streamed before     the source's; the relay's where the source has no such place
 *   streamed before           the relay's, if it is a place that it was sent (it lies between what
 *                             is held for it and what was sent); the source's, if it is the very
 *                             place where it moved in, since then it has stored nothing yet
 *   both of these             refused: E_CONFIG
 */
#pragma once
#include "protocol/command.h"
#include "relay/consumers.h"
#include "storage/store.h"

/* asked->file and ->position become those of the relay. `consumers` NULL: none is remembered. Any
   thread; errors besides as locate_position()'s. */
MUST_CHECK int move_in_locate(struct store *s, struct consumers *consumers,
                              const struct consumer_who *who, const char *source,
                              struct command_dump *asked, struct err *e);
