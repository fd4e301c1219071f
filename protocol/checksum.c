#include "protocol/checksum.h"
#include <libdeflate.h>
#include <zlib.h>

/* libdeflate, because its CRC uses the processor's carry-less multiplication. */
uint32_t checksum_crc32(uint32_t crc, struct slice bytes)
{
    return libdeflate_crc32(crc, bytes.ptr, bytes.len);
}

/* Behind n zeros the register has been multiplied by a constant; combining with the checksum of
   nothing does just that. What is called the checksum is the register's complement. */
uint32_t checksum_crc32_zeros(uint32_t crc, uint64_t n)
{
    return (uint32_t)crc32_combine(crc ^ UINT32_MAX, 0, (z_off_t)n) ^ UINT32_MAX;
}
