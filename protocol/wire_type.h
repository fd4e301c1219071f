/*
 * Types of values in the binary protocol that have a width of their own; all others are lengths and
 * bytes. Source: MySQL protocol documentation, "Column Types".
 */
#pragma once

enum wire_type {
    TYPE_TINY = 1,
    TYPE_SHORT = 2,
    TYPE_LONG = 3,
    TYPE_FLOAT = 4,
    TYPE_DOUBLE = 5,
    TYPE_NULL = 6,
    TYPE_TIMESTAMP = 7,
    TYPE_LONGLONG = 8,
    TYPE_INT24 = 9,
    TYPE_DATE = 10,
    TYPE_TIME = 11,
    TYPE_DATETIME = 12,
    TYPE_YEAR = 13,
    TYPE_BOOL = 244, /* of query attributes */
};
enum { TYPE_IS_UNSIGNED = 0x8000 };
