/*
 * Texts of numbers and bytes as Java and Kafka Connect's JsonConverter write them.
 *
 * Any thread; failure is the buffer's. Source: java.lang.Double.toString and Float.toString before
 * Java 19 (a decimal that reads back as the same number, not always the shortest one; at least one
 * digit behind the point, d.dddE±n below 10^-3 and from 10^7 on); RFC 4648 base64 with padding.
 */
#pragma once
#include "protocol/base/buf.h"

void number_put_double(struct buf *out, double value);
void number_put_float(struct buf *out, float value);
void number_put_base64(struct buf *out, struct slice bytes);
