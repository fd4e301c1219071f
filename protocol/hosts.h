/*
 * From which addresses a user may come: a list separated by commas, written as in MySQL's accounts.
 *
 *   %                        everywhere, as does an empty list
 *   192.168.1.7, ::1         this address
 *   192.168.%, 10.0.0._      as LIKE: '%' any characters, '_' one
 *   10.0.0.0/8, fd00::/8     the network; also 10.0.0.0/255.0.0.0
 *   localhost                this machine: 127.0.0.0/8 and ::1
 *
 * Other names are refused: finding out the name of an address would hold up other consumers.
 * Texts only; any thread.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"

enum { HOSTS_BYTES_MAX = 4096 };

/* E_CONFIG that names the first entry which is none of these. */
MUST_CHECK int hosts_check(const char *list, struct err *e);
/* `address` as inet_ntop() writes it. An IPv4 address inside IPv6 counts as what it is. What can't
   be read allows nobody. */
bool hosts_allow(const char *list, const char *address);
