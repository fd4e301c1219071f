/*
 * The status page: plain HTML, made whole for each look, that loads nothing else. Names, addresses
 * and errors come from peers, so that all texts are escaped. Any thread.
 */
#pragma once
#include "protocol/base/buf.h"

struct overview;
struct history;

void page_put(const struct overview *o, struct history *h, struct buf *out);
