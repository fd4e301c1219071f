/*
 * From the coordinates of a source, its own file and position, to a place of the store.
 *
 * The offset is the same on both sides (store.h), so what has to be found is the relay file, and
 * whether the place means there what it means at the source: a consumer that stood there has had
 * all that is before it in the store, and gets all that is behind it.
 *
 *   source's file    | a b c | d e f g          copied twice, before and after another source:
 *   relay file 5     | a b c ROTATE
 *   relay file 9     | hole        | f g        d and e came by the other one: a place before f has
 *                                               no equal in file 9; that behind c has one in file 5
 *
 * Any thread. Reads the table of files and, behind a switch, sidecars.
 */
#pragma once
#include "storage/store.h"

/*
 * `source` is the name of a [source], or "" for any. E_PURGED: nothing was copied from such a file;
 * E_LIMIT: several files of that name were copied, from different servers or from before and after
 * a reset; E_PROTOCOL: no event begins there, or what is behind the place came partly from another
 * server before.
 */
MUST_CHECK int origin_locate(struct store *s, const char *source, const char *file,
                             uint64_t position, store_pos *out, struct err *e);

/* The same way back: the file that is copied now, when it is this one of the source that is
   followed; *out 0 when it is not there yet. */
MUST_CHECK int origin_locate_now(struct store *s, const char *file, uint64_t position,
                                 store_pos *out, struct err *e);
