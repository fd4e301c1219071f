/* Commands of a client that is logged in: dumps, registrations, queries with attributes. */
#include "protocol/command.h"
#include "protocol/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t    empty[1];
    struct slice            in = { size > 0 ? data : empty, size };
    struct err              e = { 0 };
    struct slice            sql;
    struct command_register r;
    struct command_dump     d;

    if (command_parse_query(in, CAP_QUERY_ATTRIBUTES, &sql, &e) == 0 && sql.len > 0)
        assert(sql.ptr + sql.len == in.ptr + in.len);
    if (command_parse_query(in, 0, &sql, &e) == 0)
        assert(sql.len + 1 == in.len);
    if (command_parse_register(in, &r, &e) == 0)
        assert(memchr(r.host, 0, sizeof r.host) != NULL);
    if (command_parse_dump(in, &d, &e) == 0) {
        assert(memchr(d.file, 0, sizeof d.file) != NULL);
        assert(d.gtid_bytes.len <= in.len);
    }
    return 0;
}
