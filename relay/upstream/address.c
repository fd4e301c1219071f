#include "relay/upstream/address.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "protocol/base/bytes.h"

static struct slice trimmed(const char *from, size_t n)
{
    while (n > 0 && (*from == ' ' || *from == '\t'))
        from++, n--;
    while (n > 0 && (from[n - 1] == ' ' || from[n - 1] == '\t'))
        n--;
    return (struct slice){ (const uint8_t *)from, n };
}

/* "3307" and nothing else. */
static bool parse_port(struct slice text, uint16_t *out)
{
    uint32_t n = 0;

    if (text.len == 0 || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        n = n * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    if (n == 0 || n > UINT16_MAX)
        return false;
    *out = (uint16_t)n;
    return true;
}

static struct slice from_index(struct slice s, size_t index)
{
    return (struct slice){ s.ptr + index, s.len - index };
}

/* Parts of "host", "host:port", "[v6]", "[v6]:port", "v6": false when it is none of them. */
static bool split(struct slice text, struct slice *host, struct slice *port)
{
    const uint8_t *first = memchr(text.ptr, ':', text.len);
    const uint8_t *last = memrchr(text.ptr, ':', text.len);

    *port = from_index(text, text.len);
    *host = text;
    if (text.len > 0 && *text.ptr == '[') {
        const uint8_t *end = memchr(text.ptr, ']', text.len);
        if (end == NULL)
            return false;
        *host = (struct slice){ text.ptr + 1, (size_t)(end - text.ptr) - 1 };
        struct slice rest = from_index(text, host->len + 2);
        if (rest.len > 0 && *rest.ptr != ':')
            return false;
        if (rest.len > 0)
            *port = from_index(rest, 1);
        return rest.len != 1;
    }
    if (first != NULL && first == last) {
        host->len = (size_t)(first - text.ptr);
        *port = from_index(text, host->len + 1);
        return port->len > 0;
    }
    return true;
}

int address_next(const char **list, uint16_t default_port, struct address *out, struct err *e)
{
    struct address a = { .port = default_port };
    struct slice   host, port;

    if (**list == '\0')
        return 0;
    size_t       n = strcspn(*list, ",");
    struct slice text = trimmed(*list, n);
    if (!split(text, &host, &port) || host.len == 0 || host.len > ADDRESS_HOST_BYTES ||
        (port.len > 0 && !parse_port(port, &a.port)))
        return err_set(e, E_CONFIG,
                       "'%.*s' is no address: write HOST, HOST:PORT or [IPV6]:PORT, several "
                       "separated by commas",
                       (int)(text.len < 200 ? text.len : 200), (const char *)text.ptr);
    memcpy(a.host, host.ptr, host.len);
    *out = a;
    *list += n;
    if (**list == ',')
        (*list)++;
    return 1;
}
