/*
 * A JSON document with some of its parts changed, as PARTIAL_UPDATE_ROWS tells an update: the text
 * of the whole document afterwards, like document_put_text() writes it.
 *
 * Any thread. Only what the changes' paths lead through is unfolded, the rest is written from the
 * bytes of the document; bounded by the sizes of both. Source: MySQL sql-common/json_diff.cc (the
 * format of the differences), json_path.cc (paths).
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

/* E_PROTOCOL for a document or differences that are none, or that don't fit each other. */
MUST_CHECK int patch_put_text(struct slice document, struct slice diffs, struct buf *out,
                              struct err *e);
