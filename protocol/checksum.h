/*
 * CRC-32 as binlog events carry it (the polynomial of zlib). A running one is begun with 0:
 *     crc = checksum_crc32(checksum_crc32(0, a), b)
 * Any thread. Source: MySQL manual, binlog_checksum; libbinlogevents, checksum in the last 4 bytes.
 */
#pragma once
#include "protocol/base/bytes.h"

uint32_t checksum_crc32(uint32_t crc, struct slice bytes);
/* The same over n zeros, which costs nothing, however many they are. */
uint32_t checksum_crc32_zeros(uint32_t crc, uint64_t n);
