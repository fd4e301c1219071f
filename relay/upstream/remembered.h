/*
 * What the source's system variables were at the last attach, so that consumers are told them while
 * it is away, too.
 *
 * A list never changes once it is made; it is shared by counting its users. Any thread.
 */
#pragma once
#include "protocol/client.h"

enum remembered_type {
    REMEMBERED_TEXT,
    REMEMBERED_NUMBER,
    REMEMBERED_DOUBLE,
    REMEMBERED_FLAG, /* SHOW says ON or OFF, SELECT says 1 or 0 */
};
struct remembered {
    const char          *name, *value; /* the latter as SHOW says it; lower case, ended by zero */
    enum remembered_type type;
    bool                 session_only;
};
struct remembered_list;

/* Asks the source. E_REFUSED: it does not tell. */
MUST_CHECK int remembered_learn(struct client *c, struct remembered_list **out, struct err *e);
/* The text of remembered_put(). E_CORRUPT for any other. */
MUST_CHECK int remembered_parse(struct slice text, struct remembered_list **out, struct err *e);
void           remembered_put(const struct remembered_list *l, struct buf *out);

/* One more user of it, who releases it; both accept NULL. */
struct remembered_list *remembered_share(struct remembered_list *l);
void                    remembered_release(struct remembered_list *l);

/* In the order of their names. */
size_t                   remembered_count(const struct remembered_list *l); /* 0 for NULL */
const struct remembered *remembered_at(const struct remembered_list *l, size_t index);
/* NULL when there is none; case does not matter; the list may be NULL. */
const struct remembered *remembered_find(const struct remembered_list *l, struct slice name);
