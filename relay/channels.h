/*
 * All channels of the daemon: each has its own source, store, publishers and threads, and knows
 * nothing of the others. One that can't be opened (its folder is locked or damaged) stands here
 * without a channel, with the sentence that says why; the others run.
 *
 * Made, started, stopped and freed by main. Nothing in the array changes between channels_new() and
 * channels_free(), so any thread may read it.
 */
#pragma once
#include "relay/channel.h"

struct channel_slot {
    const struct config_channel *config;                  /* its name, too */
    struct channel              *channel;                 /* NULL: it could not be opened */
    char                         problem[ERR_TEXT_BYTES]; /* why; else "" */
};

struct channels {
    int                 lock_fd; /* of the folder that holds the channels' folders; -1: none */
    size_t              count;
    struct channel_slot slots[CONFIG_CHANNELS_MAX];
};

/* Fails when no channel at all can be opened, with the first one's error. */
MUST_CHECK int channels_new(const struct config *config, struct channels **out, struct err *e);
MUST_CHECK int channels_start(struct channels *c, struct err *e);
void           channels_stop_switching(struct channels *c);
void           channels_stop(struct channels *c);
void           channels_free(struct channels *c); /* accepts NULL */

/* The one of this name, or, for NULL, the only one. E_CONFIG names those that there are. */
MUST_CHECK int channels_find(const struct channels *c, const char *name, size_t *out,
                             struct err *e);
