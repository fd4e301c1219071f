/*
 * Where a relay lives, as the command line or its configuration file say: its data folder, and in
 * that, where it has [channel NAME] sections, a folder for each channel.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

/* All texts are the struct's own. */
struct folder {
    char *data;     /* the relay's: the control socket is there */
    char *channel;  /* NULL: not named, and need not be */
    char *store;    /* the channel's folder. NULL: there are several, and none was named */
    char *channels; /* "a, b": those in `data`; "" when it is a store itself */
};

/* One of `data` and `config` is given; `data` may be a channel's folder, too. E_CONFIG says what to
   do when there is no relay's data, or no such channel; then *out is zeroed. */
MUST_CHECK int folder_find(const char *data, const char *config, const char *channel,
                           struct folder *out, struct err *e);
/* The relay's folder alone, which need not hold anything yet. */
MUST_CHECK int folder_find_data(const char *data, const char *config, struct folder *out,
                                struct err *e);
void           folder_done(struct folder *f); /* accepts a zeroed one */
