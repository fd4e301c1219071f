/*
 * Log lines to stderr: time, level, area, channel, a sentence. Any thread; one write a line.
 * Only the top of a thread logs, library code does not. Never log a password, a hash or a row's
 * content.
 *
 * As key=value pairs, JSON objects, or plain text. Where stderr is the journal (systemd sets
 * JOURNAL_STREAM) a line begins with its priority, as in <6>, and has no time, which the journal
 * knows itself. Source: sd-daemon(3), systemd.exec(5).
 */
#pragma once
#include "protocol/base/err.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_PAIRS, LOG_JSON, LOG_PLAIN };

void log_set_level(enum log_level most);
void log_set_format(enum log_format format);
/* Lines of this thread are about that channel from now on. The name must outlive the thread. */
void log_about(const char *channel);
/* Looks whether stderr is the journal; before threads begin. */
void log_find_journal(void);

void log_write(enum log_level level, const char *area, const char *fmt, ...) PRINTF_ARGS(3, 4);
/* "what: e->text" with the error's kind. */
void log_err(const char *area, const char *what, const struct err *e);
