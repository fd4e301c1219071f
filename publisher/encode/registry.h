/*
 * A schema registry with Confluent's API: gives each Avro schema its number.
 *
 * Owned by one publisher; one thread. One question for each subject and schema, as Confluent's
 * converter asks; the answers are remembered. Blocks up to half a minute, or until
 * `is_interrupted` says so. Source: Confluent, "Schema Registry API Reference", POST
 * /subjects/SUBJECT/versions and POST /subjects/SUBJECT.
 */
#pragma once
#include "protocol/base/bytes.h"
#include "publisher/options.h"
#include "publisher/schema.h"

struct registry;

/* The options outlive it. */
MUST_CHECK int registry_new(const struct options *o, bool (*is_interrupted)(void *arg), void *arg,
                            struct registry **out, struct err *e);
void           registry_free(struct registry *r); /* accepts NULL */

/* E_IO, E_AUTH: may be asked again later; E_REFUSED: it does not take the schema. */
MUST_CHECK int registry_find(struct registry *r, struct slice topic, bool is_key,
                             const struct schema *root, uint32_t *id, struct err *e);
