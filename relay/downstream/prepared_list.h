/*
 * The prepared statements of one session that the relay answers itself. Their ids are far above
 * those that a source gives to its own, so that a client's ids need no translation. Bounded by
 * PREPARED_MAX statements and PREPARED_TEXT_BYTES of their texts and values. Belongs to the
 * session's thread.
 */
#pragma once
#include "protocol/prepared.h"
#include "relay/sql/query.h"

enum {
    PREPARED_FIRST_ID = 0x40000000,
    PREPARED_MAX = 256,
    PREPARED_TEXT_BYTES = 1024 * 1024,
};

struct prepared;
struct prepared_list;

struct prepared_list *prepared_list_new(void);                     /* NULL: no memory */
void                  prepared_list_free(struct prepared_list *l); /* accepts NULL */

/* E_LIMIT when there are too many, or of texts too much. */
MUST_CHECK int prepared_list_add(struct prepared_list *l, struct slice text, size_t parameters,
                                 uint32_t *id, struct err *e);
/* NULL: there is none of that id. */
struct prepared *prepared_list_find(struct prepared_list *l, uint32_t id);
void             prepared_list_remove(struct prepared_list *l, uint32_t id);

struct slice prepared_text(const struct prepared *p);
/* A piece of a parameter's value, sent ahead of the execution. One that doesn't fit is told by the
   execution: servers do not answer this command. */
void prepared_take_long(struct prepared_list *l, struct prepared *p, uint16_t parameter,
                        struct slice piece);
void prepared_drop_long(struct prepared_list *l, struct prepared *p);
/* The values of COM_STMT_EXECUTE, valid until the next one; what was sent ahead is used up. */
MUST_CHECK int prepared_bind(struct prepared_list *l, struct prepared *p, struct slice payload,
                             uint32_t capabilities, const struct query_parameters **out,
                             struct err *e);
