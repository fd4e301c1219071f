/*
 * A relay's store, opened read-only: beside the daemon, showing what it has published, or without
 * one, showing the whole transactions that are there.
 *
 * Owned by one command; one thread.
 */
#pragma once
#include "storage/store.h"
#include "tools/binrelay/control_client.h"
#include "tools/binrelay/folder.h"

struct view {
    struct disk           *disk;
    struct store          *store;
    struct control_client *follow; /* tells of every rise of the published end; NULL: no daemon */
};

/* Takes in the published end of the moment. Fills *v on success only. */
MUST_CHECK int view_open(const struct folder *at, struct view *v, struct err *e);
void           view_close(struct view *v); /* accepts a zeroed one */

/* Takes in what the daemon has said meanwhile, without waiting. E_STOPPED when it has gone. */
MUST_CHECK int view_refresh(struct view *v, struct err *e);
