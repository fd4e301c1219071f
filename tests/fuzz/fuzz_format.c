#include <stdlib.h>
#include "protocol/checksum.h"
#include "protocol/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_one(struct slice whole)
{
    struct err    e;
    struct format f;
    struct format again;
    struct buf    b;

    if (format_parse(whole, &f, &e) != 0)
        return;
    assert(strlen(f.server_version) <= FORMAT_VERSION_BYTES);
    buf_init(&b, whole.len);
    format_put_resent(&b, whole, true, true);
    int failed = format_parse(buf_slice(&b), &again, &e);
    /* Of an unreadable version the checksum tells whether there is one, and a fuzzer finds bytes
       that become one by being changed. */
    assert(f.version_number == 0 ||
           (failed == 0 && again.created_s == 0 && again.version_number == f.version_number &&
            again.has_crc == f.has_crc && again.family == f.family));
    buf_done(&b);
}

/* As it comes, and with a right checksum, without which nearly nothing gets past the door. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_one((struct slice){ data, size });
    if (size < EVENT_CRC_BYTES)
        return 0;
    uint8_t *copy = malloc(size);
    if (copy == NULL)
        return 0;
    size_t covered = size - EVENT_CRC_BYTES;
    memcpy(copy, data, size);
    if (size > EVENT_HEADER_BYTES)
        copy[17] = (uint8_t)(copy[17] & ~EVENT_FLAG_IN_USE);
    uint32_t crc = htole32(checksum_crc32(0, (struct slice){ copy, covered }));
    memcpy(copy + covered, &crc, sizeof crc);
    try_one((struct slice){ copy, size });
    free(copy);
    return 0;
}
