/*
 * Lists of regular expressions as Debezium's options hold them: separated by commas (one inside an
 * expression is written "\,"), each must match the whole name, letters in either case.
 *
 * Expressions are PCRE2's, which read what Java's regular expressions write but for a few rare
 * forms (intersections of character classes, possessive class names). A list is only read after it
 * was made, so any thread may ask.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "protocol/base/err.h"

struct patterns;

/* E_CONFIG names the expression that is wrong. "" is an empty list. */
MUST_CHECK int patterns_new(const char *list, struct patterns **out, struct err *e);
/* One expression, commas and all. */
MUST_CHECK int patterns_new_single(const char *text, size_t length, struct patterns **out,
                                   struct err *e);
void           patterns_free(struct patterns *p); /* accepts NULL */
bool           patterns_empty(const struct patterns *p);
bool           patterns_match(const struct patterns *p, const char *name); /* any of them */
