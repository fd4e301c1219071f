/* The data folder of a relay, as its configuration file names it. */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

/* `data` of section [relay]; nothing else of the file is looked at. E_CONFIG says what to do. */
MUST_CHECK int folder_from_config(const char *path, struct buf *out, struct err *e);

/* E_CONFIG unless it is a folder with a catalog. `config` (may be NULL) is where its name stood. */
MUST_CHECK int folder_check(const char *folder, const char *config, struct err *e);
