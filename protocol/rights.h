/*
 * What a consumer may do at the relay, as a set of bits and as the words that stand in files.
 * Any thread.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/buf.h"

enum right {
    RIGHT_REPLICATE = 1, /* be streamed binlogs */
    RIGHT_FORWARD = 2,   /* have statements that read run on the source */
    RIGHT_WRITE = 4,     /* ... and statements that change it */
    RIGHT_ADMIN = 8,     /* end other users' sessions, administrative statements */
};
enum { RIGHTS_DEFAULT = RIGHT_REPLICATE | RIGHT_FORWARD };

#define RIGHTS_DEFAULT_TEXT "replicate,forward"

/* Words separated by commas, with blanks around them as one likes; "none" and "all" stand alone.
   E_CONFIG with the words that there are. */
MUST_CHECK int rights_parse(struct slice text, unsigned *out, struct err *e);
/* The same words back, "none" for no right. */
void rights_put_text(unsigned rights, struct buf *out);
