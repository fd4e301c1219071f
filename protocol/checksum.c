#include "protocol/checksum.h"
#include <libdeflate.h>

/* libdeflate, because its CRC uses the processor's carry-less multiplication. */
uint32_t checksum_crc32(uint32_t crc, struct slice bytes)
{
    return libdeflate_crc32(crc, bytes.ptr, bytes.len);
}
