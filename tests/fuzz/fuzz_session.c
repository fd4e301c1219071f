/*
 * A hostile client's packets, before and after login. The first byte chooses the source's family
 * (bit 0) and whether the client is logged in already (bit 1); then packets as two bytes of length
 * and as many of payload. What the session answers is whole packets with a true sequence.
 */
#include <stdio.h>
#include <stdlib.h>
#include "relay/log.h"
#include "tests/sim/visitor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fixture fixture;
static struct visitor visitors[2]; /* by family */

static void clean_up(void)
{
    visitor_world_done(&visitors[0]);
    visitor_world_done(&visitors[1]);
    fixture_done(&fixture);
}

static void begin_once(void)
{
    static const struct binlog_style style = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };
    struct binlog                    b;

    if (fixture.store != NULL)
        return;
    log_set_level(LOG_ERROR);
    fixture_begin(&fixture, NULL);
    binlog_begin(&b, &style);
    binlog_format(&b);
    binlog_head(&b, "");
    for (size_t i = 0; i < 3; i++)
        binlog_transaction(&b, 100);
    fixture_file(&fixture, "bin.000001", &b);
    binlog_done(&b);
    visitor_world_begin(&visitors[0], fixture.store, FAMILY_MYSQL);
    visitor_world_begin(&visitors[1], fixture.store, FAMILY_MARIADB);
    if (atexit(clean_up) != 0)
        abort();
}

/* Takes all answers, packet by packet: visitor_take() asserts that each is whole. */
static void take_all(struct visitor *v)
{
    struct slice payload;
    while (visitor_take(v, &payload))
        continue;
    assert(v->out.len == 0);
}

static void stream_on(struct visitor *v)
{
    enum dump_step step;
    take_all(v);
    session_heartbeat(&v->session);
    for (int i = 0; i < 4 && v->session.state == STREAMING; i++) {
        session_stream(&v->session, NULL, &step);
        take_all(v);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin_once();
    if (size == 0)
        return 0;
    struct cursor   c = cursor_over((struct slice){ data + 1, size - 1 });
    struct visitor *v = &visitors[data[0] & 1];
    visitor_begin(v);
    if ((data[0] & 2) != 0)
        visitor_log_in(v, "free", "");
    take_all(v);
    while (c.left > 0 && v->session.state < CLOSING) {
        size_t       n = cursor_u16(&c);
        struct slice payload = cursor_slice(&c, n < c.left ? n : c.left);
        bool         secures = v->session.state == AWAIT_TLS;
        if (secures)
            session_secured(&v->session, &(struct tls_peer){ .subject = "/CN=u" });
        if (v->session.state == AWAIT_COMMAND)
            v->sequence = 0;
        visitor_send(v, payload);
        if (v->session.state == STREAMING)
            stream_on(v);
        take_all(v);
    }
    visitor_done(v);
    return 0;
}
