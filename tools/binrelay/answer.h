/*
 * What the daemon says on its control socket: one JSON text, read into a tree.
 *
 * The one place that uses json-c. The root owns everything below it: free it with answer_free().
 * A member that is missing, null or of another kind reads as "", 0, false or NULL, so that a newer
 * or older daemon's answer is shown as far as it is understood. One thread at a time.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

enum { ANSWER_DEPTH_MAX = 32 };

struct json_object;

/* E_PROTOCOL unless `text` is one JSON value with nothing behind it. */
MUST_CHECK int answer_parse(struct slice text, struct json_object **out, struct err *e);
void           answer_free(struct json_object *root); /* accepts NULL */

/* `a` may be NULL: then there is nothing in it. */
struct json_object *answer_member(struct json_object *a, const char *name);
const char         *answer_text(struct json_object *a, const char *name);
int64_t             answer_int(struct json_object *a, const char *name);
uint64_t            answer_uint(struct json_object *a, const char *name);
bool                answer_flag(struct json_object *a, const char *name);
bool                answer_has(struct json_object *a, const char *name); /* there and not null */

/* Of an array; 0 and NULL for anything else. */
size_t              answer_count(struct json_object *array);
struct json_object *answer_item(struct json_object *array, size_t index);
const char         *answer_item_text(struct json_object *array, size_t index); /* "" for no text */

/* Every member of an object in its order; `value` is NULL for null. */
void answer_each(struct json_object *object,
                 void (*visit)(void *arg, const char *name, struct json_object *value), void *arg);
bool answer_equal(struct json_object *a, struct json_object *b);
/* A text as it is, without quotes; anything else as JSON; nothing for null. */
void answer_put_plain(struct json_object *a, struct buf *out);
/* The value as compact JSON. */
void answer_put(struct json_object *a, struct buf *out);
