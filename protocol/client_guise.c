#include "protocol/client_guise.h"
#include <string.h>
#include "protocol/base/bytes.h"
#include "protocol/handshake.h"
#include "protocol/packet.h"

enum {
    LOGIN_CAPABILITIES_AT = PACKET_HEADER_BYTES,
    LOGIN_CHARSET_AT = PACKET_HEADER_BYTES + 8,
    LOGIN_EXTENDED_AT = PACKET_HEADER_BYTES + 28, /* MariaDB's further capabilities */
    LOGIN_FIXED_BYTES = PACKET_HEADER_BYTES + 32,
    LOGIN_BYTES_MAX = 4096,
};

/* What the login packet's own shape depends on. */
static const uint32_t capabilities_of_login =
    CAP_LONG_PASSWORD | CAP_CONNECT_WITH_DB | CAP_SSL | CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION |
    CAP_PLUGIN_AUTH | CAP_CONNECT_ATTRS | CAP_PLUGIN_AUTH_LENENC;

/* Exported by the library, in none of its headers. */
int ma_pvio_register_callback(my_bool add,
                              void (*seen)(int mode, MYSQL *m, const uchar *bytes, size_t n));

/* Of the login that this thread is sending. */
static _Thread_local struct guise *worn;

static ssize_t write_dressed(MARIADB_PVIO *pvio, const uchar *bytes, size_t n)
{
    struct guise *g = worn;
    uint8_t       login[LOGIN_BYTES_MAX];

    assert(g != NULL);
    if (g->sent || n < LOGIN_FIXED_BYTES || n > sizeof login)
        return g->plain->async_write(pvio, bytes, n);
    memcpy(login, bytes, n);
    struct cursor at = cursor_over((struct slice){ login, n });
    cursor_skip(&at, LOGIN_CAPABILITIES_AT);
    uint32_t own = cursor_u32(&at);
    uint32_t caps = (own & capabilities_of_login) | (g->as->capabilities & ~capabilities_of_login);
    for (unsigned i = 0; i < 4; i++)
        login[LOGIN_CAPABILITIES_AT + i] = (uint8_t)(caps >> 8 * i);
    memset(login + LOGIN_EXTENDED_AT, 0, 4);
    /* MySQL wants it to be the same in the packet that comes inside TLS. */
    g->charset_sent = (caps & CAP_SSL) == 0 || login[LOGIN_CHARSET_AT] == g->as->charset;
    if (g->charset_sent)
        login[LOGIN_CHARSET_AT] = g->as->charset;
    ssize_t put = g->plain->async_write(pvio, login, n);
    explicit_bzero(login, n);
    g->sent = put > 0;
    return put;
}

/* The library tells of all that it reads: first comes the greeting, then it writes. */
static void see_bytes(int mode, MYSQL *m, const uchar *bytes, size_t n)
{
    struct guise *g = worn;
    MARIADB_PVIO *pvio = m->net.pvio;

    (void)mode;
    (void)bytes;
    (void)n;
    if (g == NULL || g->as == NULL || pvio == NULL || g->plain != NULL)
        return;
    g->plain = pvio->methods;
    g->changed = *g->plain;
    g->changed.async_write = write_dressed;
    pvio->methods = &g->changed;
}

int guise_start(void)
{
    return ma_pvio_register_callback(1, see_bytes) == 0 ? 0 : -1;
}

void guise_put_on(struct guise *g, MYSQL *m)
{
    worn = g;
    /* With TLS a second packet follows, which servers want to agree with the first: what can be
       added to it by an option is. */
    if (g->as != NULL)
        m->options.client_flag |= g->as->capabilities & ~capabilities_of_login;
}

int guise_take_off(struct guise *g, MYSQL *m)
{
    worn = NULL;
    if (g->plain != NULL && m->net.pvio != NULL)
        m->net.pvio->methods = g->plain;
    return g->as == NULL || g->sent ? 0 : -1;
}
