/*
 * What clients send after login. Views point into the packet. Any thread.
 * Source: MySQL protocol documentation, "Command Phase"; recorded handshakes of the clients.
 */
#pragma once
#include "protocol/gtid.h"

enum command {
    COM_QUIT = 0x01,
    COM_INIT_DB = 0x02,
    COM_QUERY = 0x03,
    COM_FIELD_LIST = 0x04,
    COM_STATISTICS = 0x09,
    COM_PROCESS_KILL = 0x0c,
    COM_PING = 0x0e,
    COM_BINLOG_DUMP = 0x12,
    COM_REGISTER_SLAVE = 0x15,
    COM_STMT_PREPARE = 0x16,
    COM_STMT_EXECUTE = 0x17,
    COM_STMT_LONG_DATA = 0x18,
    COM_STMT_CLOSE = 0x19,
    COM_STMT_RESET = 0x1a,
    COM_SET_OPTION = 0x1b,
    COM_STMT_FETCH = 0x1c,
    COM_BINLOG_DUMP_GTID = 0x1e,
    COM_CHANGE_USER = 0x11,
    COM_RESET_CONNECTION = 0x1f,
};

/* SQL text; with CAP_QUERY_ATTRIBUTES the attributes in front are skipped. */
MUST_CHECK int command_parse_query(struct slice payload, uint32_t capabilities, struct slice *sql,
                                   struct err *e);

struct command_register {
    uint32_t server_id;
    char     host[256]; /* anything but printable ASCII is shown as '?' */
    uint16_t port;
    /* user and password are read over and forgotten */
};
MUST_CHECK int command_parse_register(struct slice payload, struct command_register *out,
                                      struct err *e);

enum dump_flag {
    DUMP_NON_BLOCK = 0x01,
    DUMP_ANNOTATE_ROWS = 0x02 /* MariaDB */,
    DUMP_HEARTBEAT_V2 = 0x02 /* MySQL */,
    DUMP_THROUGH_GTID = 0x04
};
struct command_dump {
    bool         by_gtid_set; /* COM_BINLOG_DUMP_GTID */
    uint16_t     flags;
    uint32_t     server_id;
    uint64_t     position;   /* 32 bits of it in COM_BINLOG_DUMP */
    char         file[512];  /* "" when empty or only zero bytes */
    struct slice gtid_bytes; /* encoded set, for gtid_set_decode() */
};
MUST_CHECK int command_parse_dump(struct slice payload, struct command_dump *out, struct err *e);
