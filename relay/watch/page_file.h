/* relay/watch/page.html, put into the program when it is built. */
#pragma once
#include "protocol/base/bytes.h"

/* The page in front of its mark for the content, and behind it. */
void page_file_parts(struct slice *before, struct slice *after);
