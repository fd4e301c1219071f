/* Completion of `binrelay` for bash (and zsh's bashcompinit), printed from the table of commands.
   Source: bash(1), "Programmable Completion". */
#pragma once
#include "protocol/base/buf.h"

void completion_put_bash(struct buf *out);
