/* Events of a hostile source, as SHOW BINLOG EVENTS tells of them. The first byte chooses who wrote
 * them. */
#include "relay/sql/event_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct format formats[] = {
    { .server_version = "9.7.4",
      .family = FAMILY_MYSQL,
      .version_number = 90704,
      .header_bytes = EVENT_HEADER_BYTES },
    { .server_version = "5.5.34",
      .family = FAMILY_MYSQL,
      .version_number = 50534,
      .header_bytes = EVENT_HEADER_BYTES },
    { .server_version = "10.11.19-MariaDB",
      .family = FAMILY_MARIADB,
      .version_number = 101119,
      .header_bytes = EVENT_HEADER_BYTES },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err   e = { 0 };
    struct event ev;
    struct buf   out;

    if (size < 1)
        return 0;
    const struct format *f = &formats[data[0] % 3];
    if (event_parse_head((struct slice){ data + 1, size - 1 }, false, &ev, &e) != 0)
        return 0;
    buf_init(&out, 1 << 20);
    event_info_put(f, &ev, &out);
    assert(out.failed != BUF_FINE || out.len <= 4 * size + 1024);
    assert(event_info_name(f, &ev)[0] != '\0');
    buf_done(&out);
    return 0;
}
