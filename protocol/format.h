/*
 * FORMAT_DESCRIPTION: what the events behind it look like, and which server wrote them.
 *
 * Plain data, copied freely; any thread.
 * Source: MySQL libbinlogevents (control_events.h, Format_description_event), MariaDB
 * sql/log_event.h.
 */
#pragma once
#include "protocol/event.h"

enum format_family { FAMILY_MYSQL = 0, FAMILY_MARIADB };

enum { FORMAT_VERSION_BYTES = 50 };

struct format {
    char               server_version[FORMAT_VERSION_BYTES + 1];
    enum format_family family;
    uint32_t version_number;   /* 90704 for 9.7.4, 101119 for 10.11.19; 0 when not readable */
    uint32_t created_s;        /* time of the server's start for its first file, else 0 */
    bool     has_crc;          /* the events behind it end with a CRC-32 */
    uint8_t  header_bytes;     /* 19 */
    uint8_t  type_count;       /* entries of post_header that the server knew */
    uint8_t  post_header[256]; /* by type; 0 where the server had none or told nothing */
};

/*
 * `whole` is the complete event. Servers that know checksums (MySQL 5.6.1, MariaDB 5.3 and later)
 * end it with the algorithm byte and a CRC-32 of itself even when the algorithm is NONE; that CRC
 * is verified (E_CORRUPT). E_PROTOCOL for anything that is no format description of binlog
 * version 4.
 */
MUST_CHECK int format_parse(struct slice whole, struct format *out, struct err *e);

/* The event as a server sends it when a stream starts inside a file or is restarted: log_pos and
   `created` 0 (only where asked), IN_USE cleared, CRC made anew. `whole` must have parsed. */
void format_put_resent(struct buf *out, struct slice whole, bool zero_log_pos, bool zero_created);

/* 90704 for "9.7.4-2", 101119 for "10.11.19-MariaDB-log" and "5.5.5-10.11.19-MariaDB"; 0 if it is
 * none. */
uint32_t format_version_number(const char *server_version);
