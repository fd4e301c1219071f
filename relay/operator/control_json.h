/* Members of the JSON objects that are answered on the control socket. */
#pragma once
#include "protocol/base/json.h"

static inline void put_text(struct json *j, const char *name, const char *text)
{
    json_name(j, name);
    json_text(j, text);
}

/* "" is not known. */
static inline void put_text_or_null(struct json *j, const char *name, const char *text)
{
    json_name(j, name);
    if (*text != '\0')
        json_text(j, text);
    else
        json_null(j);
}

static inline void put_uint(struct json *j, const char *name, uint64_t value)
{
    json_name(j, name);
    json_uint(j, value);
}

/* 0 is not known. */
static inline void put_uint_or_null(struct json *j, const char *name, uint64_t value)
{
    json_name(j, name);
    if (value != 0)
        json_uint(j, value);
    else
        json_null(j);
}

static inline void put_time_or_null(struct json *j, const char *name, int64_t time_s)
{
    put_uint_or_null(j, name, time_s > 0 ? (uint64_t)time_s : 0);
}

static inline void put_bool(struct json *j, const char *name, bool value)
{
    json_name(j, name);
    json_bool(j, value);
}
