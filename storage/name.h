/*
 * Names of relay files: `<basename>.<number>`, taken from the first source file and counted up.
 *
 * Plain functions over text; any thread. A name is at most NAME_BYTES long, so that a
 * grown number and the ending of the sidecar still fit.
 */
#pragma once
#include <stdbool.h>
#include "storage/store.h"

enum { NAME_BYTES = STORE_NAME_BYTES - 32 };

/* E_PROTOCOL unless it is a bare file name that ends with a dot and a number of 1 to 18 digits. */
MUST_CHECK int name_check(const char *name, struct err *e);

/* The name that follows: the same digits, at least six, more when they run out. `into` has
   STORE_NAME_BYTES + 1. The name must have passed name_check(). */
void name_next(const char *name, char *into);

/* Whether `name` is an older file of the same series than `than`, or the same: a smaller or equal
   number behind the same stem. Both must have passed name_check(). */
bool name_is_before(const char *name, const char *than);

/* "NAME.idx"; `into` has STORE_NAME_BYTES + 1. */
void name_sidecar(const char *name, char *into);
