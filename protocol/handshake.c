#include "protocol/handshake.h"

enum {
    PROTOCOL_VERSION = 10,
    SCRAMBLE_FIRST_BYTES = 8,                  /* the part in front, for clients before 4.1 */
    SCRAMBLE_FIELD_BYTES = SCRAMBLE_BYTES + 1, /* with the zero that ends it: 21 everywhere */
    GREETING_STATUS = 0x0002,                  /* autocommit */
};

void handshake_put_greeting(struct buf *payload, const struct greeting *g)
{
    buf_put_u8(payload, PROTOCOL_VERSION);
    buf_put_text(payload, g->version);
    buf_put_u8(payload, 0);
    buf_put_le(payload, g->thread_id, 4);
    buf_put(payload, (struct slice){ g->scramble, SCRAMBLE_FIRST_BYTES });
    buf_put_u8(payload, 0);
    buf_put_le(payload, g->capabilities & 0xffff, 2);
    buf_put_u8(payload, g->charset);
    buf_put_le(payload, GREETING_STATUS, 2);
    buf_put_le(payload, g->capabilities >> 16, 2);
    buf_put_u8(payload, SCRAMBLE_FIELD_BYTES);
    static const uint8_t reserved[10];
    buf_put(payload, (struct slice){ reserved, sizeof reserved });
    buf_put(payload, (struct slice){ g->scramble + SCRAMBLE_FIRST_BYTES,
                                     SCRAMBLE_BYTES - SCRAMBLE_FIRST_BYTES });
    buf_put_u8(payload, 0);
    buf_put_text(payload, g->plugin);
    buf_put_u8(payload, 0);
}

/* Some clients leave the last zero away, so the end of the packet ends a text too. */
static struct slice text_or_rest(struct cursor *c)
{
    if (c->left > 0 && memchr(c->at, 0, c->left) != NULL)
        return cursor_until_zero(c);
    return cursor_rest(c);
}

static struct slice answer_of(struct cursor *c, uint32_t capabilities)
{
    if ((capabilities & CAP_PLUGIN_AUTH_LENENC) != 0)
        return cursor_lenenc_slice(c);
    if ((capabilities & CAP_SECURE_CONNECTION) != 0) {
        uint8_t n = cursor_u8(c);
        return cursor_slice(c, n);
    }
    return text_or_rest(c);
}

int handshake_parse_response(struct slice payload, uint32_t ours, struct handshake_response *out,
                             struct err *e)
{
    struct cursor             c = cursor_over(payload);
    uint32_t                  caps = cursor_u32(&c);
    struct handshake_response r = { .capabilities = caps & ours };

    r.user = r.answer = r.database = r.plugin = r.attributes = slice_empty();
    if (payload.len >= 2 && (caps & CAP_PROTOCOL_41) == 0)
        return err_set(e, E_PROTOCOL, "the client speaks a protocol older than MySQL 4.1");
    r.max_packet = cursor_u32(&c);
    r.charset = cursor_u8(&c);
    cursor_skip(&c, 23);
    if (!c.failed && c.left == 0 && (r.capabilities & CAP_SSL) != 0) {
        r.is_ssl_request = true;
        *out = r;
        return 0;
    }
    r.user = cursor_until_zero(&c);
    r.answer = answer_of(&c, r.capabilities);
    if ((r.capabilities & CAP_CONNECT_WITH_DB) != 0)
        r.database = text_or_rest(&c);
    if ((r.capabilities & CAP_PLUGIN_AUTH) != 0)
        r.plugin = text_or_rest(&c);
    if ((r.capabilities & CAP_CONNECT_ATTRS) != 0 && c.left > 0)
        r.attributes = cursor_lenenc_slice(&c);
    if (c.failed)
        return err_set(e, E_PROTOCOL, "handshake response of %zu bytes is cut or garbled",
                       payload.len);
    *out = r;
    return 0;
}

int handshake_parse_change_user(struct slice payload, uint32_t capabilities,
                                struct handshake_response *out, struct err *e)
{
    struct cursor             c = cursor_over(payload);
    struct handshake_response r = { .capabilities = capabilities };

    r.answer = r.database = r.plugin = r.attributes = slice_empty();
    r.user = cursor_until_zero(&c);
    r.answer = cursor_slice(&c, cursor_u8(&c));
    r.database = cursor_until_zero(&c);
    if (c.left > 0)
        r.charset = (uint8_t)cursor_u16(&c);
    if (c.left > 0 && (capabilities & CAP_PLUGIN_AUTH) != 0)
        r.plugin = text_or_rest(&c);
    if (c.left > 0 && (capabilities & CAP_CONNECT_ATTRS) != 0)
        r.attributes = cursor_lenenc_slice(&c);
    if (c.failed)
        return err_set(e, E_PROTOCOL, "change of user in %zu bytes is cut or garbled", payload.len);
    *out = r;
    return 0;
}
