/*
 * The error packet with which a source ends a dump: what it means for us, and what to do. Pure.
 * Source: MySQL and MariaDB error messages, MySQL protocol documentation ("ERR_Packet").
 */
#pragma once
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"

#define REFUSAL_FORK_ADVICE                                                                        \
    "it was reset, lost data, or was restored from a backup: begin with an empty data folder"

/* `payload` is what follows the packet's 0xff. Kinds as for ingest_follow(); sys is the number. */
int refusal_set(struct slice payload, struct err *e);
/* It found no event at the position that it was asked for. */
bool refusal_is_of_place(struct slice payload);
