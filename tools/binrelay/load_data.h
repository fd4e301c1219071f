/*
 * LOAD DATA as the binlog of statements has it: the file's blocks, then the statement, which is
 * said again as LOAD DATA LOCAL.
 *
 * Source: MySQL libbinlogevents load_data_events.h. Owned by one command; one thread.
 */
#pragma once
#include "protocol/event.h"

enum { LOAD_DATA_FILES_MAX = 64 };

struct load_data {
    struct load_data_file {
        uint32_t   number;
        struct buf rows;
    } files[LOAD_DATA_FILES_MAX];
    size_t   count;
    uint32_t last; /* the number of the last statement's */
};

void load_data_init(struct load_data *l);
void load_data_done(struct load_data *l); /* accepts a zeroed one */

/* BEGIN_LOAD_QUERY, APPEND_BLOCK, DELETE_FILE. */
MUST_CHECK int load_data_take(struct load_data *l, const struct event *ev, struct err *e);
/* EXECUTE_LOAD_QUERY: the statement (q->text is the original), appended to `text`, and the file's
   bytes, which live until load_data_forget(). */
MUST_CHECK int load_data_statement(struct load_data *l, const struct event *ev,
                                   struct event_query *q, struct buf *text, struct slice *rows,
                                   struct err *e);
/* Of the statement that was read last. */
void load_data_forget(struct load_data *l);
