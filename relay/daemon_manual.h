/* binrelayd's help and manual page, from one table of options. */
#pragma once
#include "protocol/base/buf.h"

void daemon_put_help(struct buf *out);
void daemon_put_man(struct buf *out); /* binrelayd(8) */
