/*
 * A Debezium connector's configuration as a publisher section, with what can't be taken over.
 * One thread; pure.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

/* `json` is {"name":...,"config":{...}}, or the properties alone. The section goes to `out`; what
   is lost, or stands elsewhere, is said in `notes`, a sentence a line. *lost counts what can't be
   done. E_CONFIG for a text that is no connector's configuration, or a value that is wrong. */
MUST_CHECK int import_connector(struct slice json, struct buf *out, struct buf *notes,
                                unsigned *lost, struct err *e);
