/*
 * What differs between two configurations, key by key.
 *
 * Says names, never values, since some are passwords. Any thread.
 */
#pragma once
#include "relay/config/config.h"

/* `what` is "[listener] tls_cert" or, for a section that one of the two does not have, "[listener
   two] (new)" or "(gone)", with `applies` RELOAD for users and sources, RESTART for all else. */
typedef void config_differs(void *arg, const char *what, enum config_applies applies);
void         config_diff(const struct config *before, const struct config *now, config_differs *say,
                         void *arg);

/* Whether all keys that count for the next connection to a source are the same. */
bool config_source_same(const struct config_source *a, const struct config_source *b);
/* Whether all sections of sources, their order, and all about failover is the same. */
bool config_sources_same(const struct config *a, const struct config *b);
