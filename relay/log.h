/*
 * Log lines to stderr: time, level, area, a sentence. Any thread; one write a line.
 * Only the top of a thread logs, library code does not. Never log a password, a hash or a row's
 * content.
 */
#pragma once
#include "protocol/base/err.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level most);
void log_write(enum log_level level, const char *area, const char *fmt, ...) PRINTF_ARGS(3, 4);
/* "what: e->text" with the error's kind. */
void log_err(const char *area, const char *what, const struct err *e);
