/* One line about a change event, for people or as a publisher writes it. Any thread. */
#pragma once
#include <stdbool.h>
#include "publisher/convert.h"

/* In front of every topic that `tail` makes; a publisher has its own. */
#define CHANGE_LINE_PREFIX "binrelay"

/* Appends {"topic":...,"key":...,"value":...} and a newline, as a publisher's file has it. */
/* With partition and headers, as `binrelay events` prints it. What is Avro is text of hexadecimal
   digits, and has its subject, number and schema beside it. */
void change_line_put_record(const struct options *o, const struct change_event *ev,
                            struct buf *out);
void change_line_put_json(const struct change_event *ev, struct buf *out);
/*
 *     2026-11-21 11:13:46Z  insert     shop.orders  id=1 state="new"
 *     2026-11-21 11:13:47Z  update     shop.orders  id=1  state: "new" -> "paid"
 *     2026-11-21 11:13:48Z  delete     shop.orders  id=1 state="paid"
 *                           tombstone  shop.orders  id=1
 */
MUST_CHECK int change_line_put_text(const struct change_event *ev, struct buf *out, struct err *e);
