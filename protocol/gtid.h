/*
 * GTIDs of both families.
 *
 *   MySQL    UUID:N or UUID:TAG:N; sets are intervals per (UUID, TAG), both ends included here
 *   MariaDB  DOMAIN-SERVER-N; a state holds the last one of each domain
 *
 * A `struct gtids` is a place in a stream of either family ("everything up to here"): the set of
 * executed GTIDs for MySQL, the state for MariaDB. Sets own memory: *_init or zeroed, *_done.
 * One thread at a time each. Every table has a bound (GTID_INTERVALS_MAX, GTID_DOMAINS_MAX):
 * E_LIMIT. Sources: MySQL manual "GTID Format and Storage" and libs/mysql/gtid;
 * COM_BINLOG_DUMP_GTID in the protocol documentation; MariaDB knowledge base "GTID" and
 * "GTID_LIST_EVENT".
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/event.h"
#include "protocol/format.h"

enum {
    UUID_BYTES = 16,
    UUID_TEXT_BYTES = 36,
    GTID_TAG_BYTES = 32,
    GTID_TEXT_BYTES = UUID_TEXT_BYTES + 1 + GTID_TAG_BYTES + 1 + 20 + 1, /* with the zero byte */
    GTID_INTERVALS_MAX = 1u << 20,
    GTID_DOMAINS_MAX = 1u << 12,
};
#define GTID_NUMBER_MAX ((uint64_t)INT64_MAX - 1) /* of MySQL */

/* One transaction's name. `none` for anonymous ones and servers without GTIDs. */
enum gtid_kind { GTID_NONE = 0, GTID_MYSQL, GTID_MARIADB };
struct gtid {
    enum gtid_kind kind;
    uint64_t       number;
    uint8_t        uuid[UUID_BYTES];        /* MySQL */
    char           tag[GTID_TAG_BYTES + 1]; /* MySQL 8.3+; "" as a rule */
    uint32_t       domain;                  /* MariaDB */
    uint32_t       server_id;               /* MariaDB */
};

/* "" for none. `into` has GTID_TEXT_BYTES. */
void gtid_format(const struct gtid *g, char *into);
/* "xxxxxxxx-xxxx-..."; `into` has UUID_TEXT_BYTES and one for the zero byte. */
void gtid_uuid_format(const uint8_t uuid[UUID_BYTES], char *into);
/* Lowers capitals; false for what is no tag: letters, digits, '_', no digit first, at most
   GTID_TAG_BYTES. The empty one passes. */
bool gtid_tag_read(struct slice text, char tag[GTID_TAG_BYTES + 1]);

/* What a GTID, ANONYMOUS_GTID, GTID_TAGGED or MariaDB GTID event says. */
struct gtid_event {
    struct gtid gtid;
    bool        standalone;         /* MariaDB: no BEGIN, the group is one statement */
    bool        is_xa_prepare;      /* MariaDB flag: the group ends with XA_PREPARE */
    bool        is_ddl;             /* MariaDB flag */
    uint64_t    transaction_length; /* MySQL 8.0.2+: bytes of the whole transaction, GTID event
                                       included; 0 unknown */
    uint64_t immediate_commit_us;   /* MySQL 8.0.1+; 0 unknown */
    uint64_t original_commit_us;
    int64_t  last_committed; /* logical clock; 0 unknown */
    int64_t  sequence_number;
    uint32_t thread_id; /* MariaDB 11.5+ FL_EXTRA_THREAD_ID; 0 unknown */
};
/* `f` is the format description in force: its family must have events of this type. */
MUST_CHECK int gtid_parse_event(const struct format *f, const struct event *ev,
                                struct gtid_event *out, struct err *e);

/* ---- MySQL sets ---- */
struct gtid_interval {
    uint64_t first;
    uint64_t last;
};
struct gtid_line { /* one (UUID, TAG), intervals ascending, neither touching nor overlapping */
    uint8_t               uuid[UUID_BYTES];
    char                  tag[GTID_TAG_BYTES + 1];
    struct gtid_interval *intervals;
    size_t                count, size;
};
struct gtid_set { /* lines ascending by UUID, then TAG */
    struct gtid_line *lines;
    size_t            count, size;
    size_t            intervals; /* of all lines */
};

/*
 * What fails with E_PROTOCOL or E_LIMIT changes nothing; after E_NOMEM a set is valid, but may hold
 * only a part of what was to be added or taken out.
 */
void           gtid_set_done(struct gtid_set *s);
MUST_CHECK int gtid_set_copy(struct gtid_set *into, const struct gtid_set *from, struct err *e);
MUST_CHECK int gtid_set_add(struct gtid_set *s, const struct gtid *g, struct err *e);
MUST_CHECK int gtid_set_add_range(struct gtid_set *s, const uint8_t uuid[UUID_BYTES],
                                  const char *tag, uint64_t first, uint64_t last, struct err *e);
MUST_CHECK int gtid_set_unite(struct gtid_set *s, const struct gtid_set *with, struct err *e);
MUST_CHECK int gtid_set_subtract(struct gtid_set *s, const struct gtid_set *what, struct err *e);
bool           gtid_set_contains(const struct gtid_set *s, const struct gtid *g);
bool           gtid_set_is_subset(const struct gtid_set *part, const struct gtid_set *of);
bool           gtid_set_equal(const struct gtid_set *a, const struct gtid_set *b);
static inline bool gtid_set_is_empty(const struct gtid_set *s)
{
    return s->intervals == 0;
}
/* Text as MySQL prints it ("uuid:1-5:7,uuid2:1", with ",\n" between UUIDs where `newlines`);
   parsing takes spaces, newlines, capitals, tags. Replaces *s on success only. */
MUST_CHECK int gtid_set_parse(struct gtid_set *s, struct slice text, struct err *e);
void           gtid_set_put_text(const struct gtid_set *s, struct buf *out, bool newlines);
/* Binary, as PREVIOUS_GTIDS and COM_BINLOG_DUMP_GTID carry it (untagged and tagged form). */
MUST_CHECK int gtid_set_decode(struct gtid_set *s, struct slice bytes, struct err *e);
void           gtid_set_encode(const struct gtid_set *s, struct buf *out);

/* ---- MariaDB states ---- */
struct gtid_state { /* ascending by domain, one entry each */
    struct gtid *entries;
    size_t       count, size;
};
void               gtid_state_done(struct gtid_state *s);
MUST_CHECK int     gtid_state_copy(struct gtid_state *into, const struct gtid_state *from,
                                   struct err *e);
MUST_CHECK int     gtid_state_set(struct gtid_state *s, const struct gtid *g, struct err *e);
const struct gtid *gtid_state_get(const struct gtid_state *s, uint32_t domain); /* NULL if absent */
MUST_CHECK int     gtid_state_parse(struct gtid_state *s, struct slice text,
                                    struct err *e); /* "0-1-5,1-2-7" */
void               gtid_state_put_text(const struct gtid_state *s, struct buf *out);
/* GTID_LIST's body; several entries of one domain: the last one counts. */
MUST_CHECK int gtid_state_decode(struct gtid_state *s, struct slice body, struct err *e);
void           gtid_state_put_list_body(const struct gtid_state *s, struct buf *out);

/* ---- either ---- */
struct gtids {
    struct gtid_set   set;   /* empty for MariaDB */
    struct gtid_state state; /* empty for MySQL */
};
void           gtids_done(struct gtids *g);
MUST_CHECK int gtids_copy(struct gtids *into, const struct gtids *from, struct err *e);
MUST_CHECK int gtids_add(struct gtids *g, const struct gtid *one,
                         struct err *e); /* none: nothing */
/* "uuid:1-5" or "0-1-5"; "" is empty. The two can't be mistaken for one another. */
MUST_CHECK int gtids_parse(struct gtids *g, struct slice text, struct err *e);
void           gtids_put_text(const struct gtids *g, struct buf *out);
/* One GTID of either family, as gtid_format() writes it; false when the text is anything else. */
bool gtid_parse(struct slice text, struct gtid *out);
bool gtids_is_empty(const struct gtids *g);
/* Of MariaDB: its domain has got as far, by whatever server. */
bool gtids_contain(const struct gtids *g, const struct gtid *one);
/* Takes over the set of a PREVIOUS_GTIDS or the state of a GTID_LIST event; other events: nothing.
 */
MUST_CHECK int gtids_take_event(struct gtids *g, const struct event *ev, struct err *e);
