/*
 * A user's bandwidth, shared by all of its streams: each pays for what it was given by waiting, in
 * the order in which they were given it, so that they share alike.
 *
 * No thread of its own and no clock that ticks: a stream asks how long to wait, and its loop's
 * timer wakes it. Any thread.
 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    METER_SHARE = 8,                   /* parts of a second that a portion lasts */
    METER_SLACK_NS = 250 * 1000 * 1000 /* a late timer's loss that may be made good */
};

struct meter {
    _Atomic(int64_t) paid_until_ns; /* CLOCK_MONOTONIC */
};

/* How much to give at once, so that waits stay short. */
size_t meter_portion(uint64_t bytes_a_second, size_t most);
/* For bytes that were given just now: how long to wait for the next ones, 0 not at all. */
int64_t meter_charge(struct meter *m, uint64_t bytes, uint64_t bytes_a_second, int64_t now_ns);
