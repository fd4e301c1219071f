#include "tests/sim/visitor.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

static char user_u[] = "u", user_tls[] = "tls", user_free[] = "free", user_admin[] = "admin",
            secret[] = "secret", none[] = "";

static struct config_user users[] = {
    { .name = user_u, .password = secret, .channel = none, .rights = RIGHTS_DEFAULT },
    { .name = user_tls,
      .password = secret,
      .channel = none,
      .require_tls = true,
      .rights = RIGHTS_DEFAULT },
    { .name = user_free, .password = none, .channel = none, .rights = 0 },
    { .name = user_admin, .password = secret, .channel = none, .rights = RIGHT_ADMIN },
};

static void give_facts(void *arg, struct server_facts *out)
{
    *out = *(const struct server_facts *)arg;
}

static void no_wake(void *arg)
{
    (void)arg;
}

struct config visitor_config(void)
{
    return (struct config){ .users = users, .user_count = sizeof users / sizeof users[0] };
}

struct user *visitor_user(struct visitor *c, const char *name)
{
    struct user *user = users_hold(c->world.users, slice_of_text(name));
    assert(user != NULL);
    user_release(user);
    return user;
}

void visitor_world_begin(struct visitor *c, struct store *store, enum format_family family)
{
    const struct config config = visitor_config();
    struct err          e = { 0 };
    struct users       *made = NULL;
    struct roster      *roster = NULL;
    bool                mysql = family == FAMILY_MYSQL;
    struct penalty     *penalty = NULL;
    struct pool        *pool = NULL;
    /* Forwards nothing: its forward_max is 0. */
    static const struct config_source nowhere;
    int result = users_new(&config, &made, &e) + roster_new(4, &roster, &e) +
                 penalty_new(&penalty, &e) + pool_new(&nowhere, &pool, &e);

    assert(result == 0);
    *c = (struct visitor){ 0 };
    c->facts = (struct server_facts){
        .known = true,
        .family = family,
        .version = "9.7.4",
        .version_number = mysql ? 90704 : 101119,
        .server_id = 1,
        .server_uuid = "",
        .binlog_checksum = "CRC32",
        .gtid_mode = "ON",
    };
    if (!mysql)
        (void)snprintf(c->facts.version, sizeof c->facts.version, "10.11.19-MariaDB-log");
    c->world = (struct session_world){
        .users = made,
        .roster = roster,
        .penalty = penalty,
        .channels = &c->channel,
        .channel_count = 1,
    };
    c->channel = (struct session_channel){
        .name = "main",
        .store = store,
        .pool = pool,
        .server_id = 4711,
        .server_uuid = "00000000-0000-4000-8000-000000000001",
        .facts = give_facts,
        .facts_arg = &c->facts,
    };
    c->gate = (struct session_gate){
        .channel = &c->channel, .login_ms = 1000, .idle_ms = 1000, .room = { .most = UINT32_MAX }
    };
    buf_init(&c->out, 64 * 1024 * 1024);
}

void visitor_world_done(struct visitor *c)
{
    users_free(c->world.users);
    roster_free(c->world.roster);
    penalty_free(c->world.penalty);
    pool_free(c->channel.pool);
    buf_done(&c->out);
}

void visitor_begin(struct visitor *c)
{
    buf_clear(&c->out);
    c->sequence = 1;
    (void)snprintf(c->session.entry.address, sizeof c->session.entry.address, "127.0.0.1:40000");
    c->session.entry.wake = no_wake;
    session_init(&c->session, &c->world, &c->gate, &c->out);
    session_greet(&c->session);
}

void visitor_done(struct visitor *c)
{
    session_done(&c->session);
}

void visitor_send(struct visitor *c, struct slice payload)
{
    session_on_packet(&c->session, c->sequence++, payload);
}

void visitor_command(struct visitor *c, uint8_t command, struct slice body)
{
    struct buf packet;
    buf_init(&packet, 1 << 24);
    buf_put_u8(&packet, command);
    buf_put(&packet, body);
    c->sequence = 0;
    visitor_send(c, buf_slice(&packet));
    buf_done(&packet);
}

void visitor_query(struct visitor *c, const char *sql)
{
    visitor_command(c, COM_QUERY, slice_of_text(sql));
}

bool visitor_take(struct visitor *c, struct slice *payload)
{
    static uint8_t taken[1 << 20];
    if (c->out.len < PACKET_HEADER_BYTES)
        return false;
    size_t n = packet_payload_bytes(c->out.ptr);
    assert(c->out.len >= PACKET_HEADER_BYTES + n && n <= sizeof taken);
    memcpy(taken, c->out.ptr + PACKET_HEADER_BYTES, n);
    c->sequence = (uint8_t)(c->out.ptr[3] + 1);
    c->out.len -= PACKET_HEADER_BYTES + n;
    memmove(c->out.ptr, c->out.ptr + PACKET_HEADER_BYTES + n, c->out.len);
    *payload = (struct slice){ taken, n };
    return true;
}

static void sha1(const void *from, size_t bytes, uint8_t into[SHA1_BYTES])
{
    int made = EVP_Digest(from, bytes, into, NULL, EVP_sha1(), NULL);
    assert(made == 1);
}

void visitor_log_in(struct visitor *c, const char *user, const char *password)
{
    struct buf           b;
    struct slice         greeting;
    uint8_t              once[SHA1_BYTES], mixed[SCRAMBLE_BYTES + SHA1_BYTES], answer[SHA1_BYTES];
    static const uint8_t zeros[23];

    bool greeted = visitor_take(c, &greeting);
    assert(greeted);
    sha1(password, strlen(password), once);
    memcpy(mixed, c->session.scramble, SCRAMBLE_BYTES);
    sha1(once, sizeof once, mixed + SCRAMBLE_BYTES);
    sha1(mixed, sizeof mixed, answer);
    for (size_t i = 0; i < sizeof answer; i++)
        answer[i] ^= once[i];

    buf_init(&b, 4096);
    buf_put_le(&b, VISITOR_CAPABILITIES, 4);
    buf_put_le(&b, 1 << 24, 4);
    buf_put_u8(&b, 33);
    buf_put(&b, (struct slice){ zeros, sizeof zeros });
    buf_put_text(&b, user);
    buf_put_u8(&b, 0);
    struct slice sent = { answer, password[0] != '\0' ? sizeof answer : 0 };
    buf_put_u8(&b, (uint8_t)sent.len);
    buf_put(&b, sent);
    buf_put_text(&b, "mysql_native_password");
    buf_put_u8(&b, 0);
    visitor_send(c, buf_slice(&b));
    buf_done(&b);
    /* Asked for an answer by the native method once more: there is no other one. */
    if (c->out.len > PACKET_HEADER_BYTES && c->out.ptr[PACKET_HEADER_BYTES] == 0xfe &&
        visitor_take(c, &greeting))
        visitor_send(c, sent);
}
