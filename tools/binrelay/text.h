/* Numbers for people: sizes, spans and points of time as short texts. Any thread. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { TEXT_BYTES = 32 };

/* "999 B", "1.0 KiB", "12.3 GiB". */
const char *text_of_bytes(uint64_t bytes, char into[TEXT_BYTES]);
/* "0 s", "59 s", "2 min 5 s", "3 h 20 min", "4 d 1 h"; below zero as zero (clocks differ). */
const char *text_of_span(int64_t seconds, char into[TEXT_BYTES]);
/* Unix time as "2026-11-21 11:13:46Z"; "-" for 0, which stands for unknown. */
const char *text_of_time(int64_t time_s, char into[TEXT_BYTES]);
/* "1 file", "2 files": a number with its noun. */
const char *text_of_count(uint64_t count, const char *noun, char into[TEXT_BYTES]);
