/* libmariadb's headers, for client*.c alone. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <mysql.h>
#include <errmsg.h>
#include <mysqld_error.h>
/* The transport's headers are public but not made to be included alone. */
#define HAVE_TLS 1
typedef unsigned char  uchar;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <ma_pvio.h>
#pragma GCC diagnostic pop
