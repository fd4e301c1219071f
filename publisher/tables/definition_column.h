/* One column of a definition from its declaration. Private to publisher/definition*.c. */
#pragma once
#include "publisher/tables/definition_ddl.h"

/* Fills a zeroed column. E_CONFIG for a type that nobody told us about. */
MUST_CHECK int definition_column_declare(struct definition_column *col, const struct ddl_column *c,
                                         const struct ddl_session *session,
                                         const struct definition *table, struct err *e);
MUST_CHECK int definition_column_default(struct definition_column *col, const struct ddl_default *d,
                                         struct err *e);
MUST_CHECK int definition_column_name(struct definition_column *col, const char *name,
                                      struct err *e);
/* CONVERT TO CHARACTER SET. */
MUST_CHECK int definition_column_convert(struct definition_column        *col,
                                         const struct definition_charset *to, struct err *e);
