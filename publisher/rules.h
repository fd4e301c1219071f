/*
 * What options ask of single columns: texts that are masked, hashed or cut, schemas that tell the
 * column's type, and keys in place of a table's own.
 *
 * Made once a converter from its options, then only read; any thread. For each column the first
 * rule counts, in Debezium's order: cutting, masks, source types, hashes. Source: Debezium
 * documentation (column.* options, message.key.columns), and the connectors' behaviour.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "publisher/fields/cell.h"
#include "publisher/tables/definition.h"
#include "publisher/options.h"
#include "publisher/schema.h"

struct rules;
struct rule;

/* E_CONFIG for a wrong expression, or a hash that nobody knows. */
MUST_CHECK int     rules_new(const struct options *o, struct rules **out, struct err *e);
void               rules_free(struct rules *r); /* accepts NULL */
const struct rule *rules_find(const struct rules *r, const struct definition *d,
                              const struct definition_column *column); /* NULL: none */

/* Adds what the rule tells in a column's schema. */
MUST_CHECK int rule_decorate(const struct rule *rule, const struct definition_column *column,
                             bool with_comment, struct schema *s, struct err *e);
/* `length` is the column's declared one, -1 for none. */
MUST_CHECK int rule_apply(const struct rule *rule, const struct schema *s, bool is_text,
                          int32_t length, struct buf *room, struct cell *c, struct err *e);

/* The key of a table by message.key.columns: fills the column indexes. 0 when the table has its own
   one; E_CONFIG for a column that is not there. */
int rules_key(const struct rules *r, const struct definition *d,
              uint16_t columns[DEFINITION_COLUMNS_MAX], uint32_t *count, struct err *e);
