/*
 * A server that has nothing to do but send: whole binlog files, framed as a dump and held in
 * memory, go to one client after the other, through TLS (in full records) to whoever asks for it.
 * What a reader takes from here is what it can take at all.
 *
 *   sender --pem FILE BINLOG...      FILE: certificate and key; prints "listening PORT"
 *
 * Everybody may log in, every statement is answered with OK. Sends until it is killed.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "protocol/command.h"
#include "protocol/event.h"
#include "protocol/handshake.h"
#include "protocol/reply.h"

enum {
    OUT_BYTES = 64 * 1024,
    PACKET_BYTES = 64 * 1024,
    READ_BYTES = 64 * 1024,
    SEND_BYTES = 1024 * 1024, /* given to OpenSSL, or the socket, in one call */
};
static const size_t stream_max_bytes = 1ull << 32;

struct sender {
    struct buf stream; /* all events as packets, and the end */
    SSL_CTX   *tls;
    int        fd;
    SSL       *ssl;   /* NULL in the clear */
    uint8_t    taken; /* sequence of the packet that came last */
};

/* ---- what is sent --------------------------------------------------------------------------- */

static int add_event(struct sender *s, struct slice rest, uint8_t *sequence, size_t *length,
                     struct err *e)
{
    struct event ev;

    TRY(event_parse_head(rest, false, &ev, e));
    if (ev.length > rest.len || ev.length >= PACKET_PAYLOAD_MAX - 1)
        return err_set(e, E_LIMIT, "an event of %u bytes", ev.length);
    struct packet p = packet_begin(&s->stream);
    buf_put_u8(&s->stream, 0);
    buf_put(&s->stream, (struct slice){ rest.ptr, ev.length });
    packet_end(&p, sequence);
    *length = ev.length;
    return buf_check(&s->stream, "events", e);
}

static int add_file(struct sender *s, const char *path, uint8_t *sequence, struct err *e)
{
    FILE      *file = fopen(path, "rb");
    struct buf all;
    size_t     got = 1;

    if (file == NULL)
        return err_sys(e, "open %s", path);
    buf_init(&all, stream_max_bytes);
    while (got > 0) {
        uint8_t *into = buf_extend(&all, SEND_BYTES);
        if (into == NULL)
            break;
        got = fread(into, 1, SEND_BYTES, file);
        all.len -= SEND_BYTES - got;
    }
    (void)fclose(file);
    int result = buf_check(&all, path, e);
    for (size_t at = BINLOG_MAGIC_BYTES, length = 0; result == 0 && at < all.len; at += length)
        result = add_event(s, (struct slice){ all.ptr + at, all.len - at }, sequence, &length, e);
    buf_done(&all);
    return result;
}

/* ---- the connection ------------------------------------------------------------------------- */

static int send_all(struct sender *s, struct slice bytes, struct err *e)
{
    while (bytes.len > 0) {
        size_t some = bytes.len < SEND_BYTES ? bytes.len : SEND_BYTES, put = 0;
        if (s->ssl != NULL) {
            if (SSL_write_ex(s->ssl, bytes.ptr, some, &put) != 1)
                return err_set(e, E_IO, "TLS write");
        } else {
            ssize_t n = send(s->fd, bytes.ptr, some, MSG_NOSIGNAL);
            if (n < 0)
                return err_sys(e, "send");
            put = (size_t)n;
        }
        bytes.ptr += put;
        bytes.len -= put;
    }
    return 0;
}

static int take(struct sender *s, uint8_t *into, size_t size, struct err *e)
{
    while (size > 0) {
        size_t got = 0;
        if (s->ssl != NULL) {
            if (SSL_read_ex(s->ssl, into, size, &got) != 1)
                return err_set(e, E_IO, "TLS read");
        } else {
            ssize_t n = recv(s->fd, into, size, 0);
            if (n <= 0)
                return err_set(e, E_IO, "the client is gone");
            got = (size_t)n;
        }
        into += got;
        size -= got;
    }
    return 0;
}

static int take_packet(struct sender *s, uint8_t room[PACKET_BYTES], struct slice *payload,
                       struct err *e)
{
    uint8_t header[PACKET_HEADER_BYTES];

    TRY(take(s, header, sizeof header, e));
    uint32_t n = packet_payload_bytes(header);
    if (n > PACKET_BYTES)
        return err_set(e, E_LIMIT, "a packet of %u bytes", n);
    TRY(take(s, room, n, e));
    s->taken = header[3];
    *payload = (struct slice){ room, n };
    return 0;
}

/* Greeting, TLS if the client asks for it, and its login, whoever it is. */
static int log_in(struct sender *s, uint8_t room[PACKET_BYTES], struct buf *out, struct err *e)
{
    struct greeting           g = { .version = "8.0.0-sender",
                                    .thread_id = 1,
                                    .capabilities = CAP_OFFERED | CAP_SSL,
                                    .charset = 45,
                                    .scramble = "aaaaaaaaaaaaaaaaaaa",
                                    .plugin = "mysql_native_password" };
    struct handshake_response r = { .is_ssl_request = true };
    struct slice              payload;
    uint8_t                   sequence = 0;

    g.scramble[SCRAMBLE_BYTES - 1] = 'a';
    struct packet p = packet_begin(out);
    handshake_put_greeting(out, &g);
    packet_end(&p, &sequence);
    TRY(send_all(s, buf_slice(out), e));
    while (r.is_ssl_request) {
        TRY(take_packet(s, room, &payload, e));
        TRY(handshake_parse_response(payload, g.capabilities, &r, e));
        if (!r.is_ssl_request)
            break;
        s->ssl = SSL_new(s->tls);
        if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1 || SSL_accept(s->ssl) != 1)
            return err_set(e, E_IO, "TLS handshake");
    }
    return 0;
}

static int serve(struct sender *s, uint8_t room[PACKET_BYTES], struct buf *out, struct err *e)
{
    struct slice payload;

    TRY(log_in(s, room, out, e));
    for (;;) {
        uint8_t      sequence = (uint8_t)(s->taken + 1);
        struct reply r = { out, &sequence, CAP_OFFERED, STATUS_AUTOCOMMIT, 0 };
        buf_clear(out);
        reply_ok(&r);
        TRY(send_all(s, buf_slice(out), e));
        TRY(take_packet(s, room, &payload, e));
        if (payload.len > 0 && payload.ptr[0] == COM_BINLOG_DUMP)
            return send_all(s, buf_slice(&s->stream), e);
    }
}

/* One client, to its end. */
static void serve_one(struct sender *s)
{
    static uint8_t room[PACKET_BYTES];
    struct buf     out;
    struct err     e = { 0 };

    buf_init(&out, OUT_BYTES);
    s->ssl = NULL;
    if (serve(s, room, &out, &e) != 0)
        (void)fprintf(stderr, "sender: %s\n", e.text);
    else
        while (take(s, room, 1, &e) == 0)
            continue; /* until the client has closed */
    ERR_clear_error();
    SSL_free(s->ssl);
    (void)close(s->fd);
    buf_done(&out);
}

static int begin_tls(struct sender *s, const char *pem, struct err *e)
{
    s->tls = SSL_CTX_new(TLS_server_method());
    if (s->tls == NULL || SSL_CTX_use_certificate_chain_file(s->tls, pem) != 1 ||
        SSL_CTX_use_PrivateKey_file(s->tls, pem, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_set_ciphersuites(s->tls, "TLS_AES_128_GCM_SHA256") != 1)
        return err_set(e, E_CONFIG, "certificate and key in %s", pem);
    return 0;
}

static int run(struct sender *s, struct err *e)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          length = sizeof at;
    int                on = 1;
    int                listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (listener < 0 || bind(listener, (const struct sockaddr *)&at, sizeof at) != 0 ||
        listen(listener, SOMAXCONN) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &length) != 0)
        return err_sys(e, "listen");
    (void)printf("listening %u\n", ntohs(at.sin_port));
    (void)fflush(stdout);
    for (;;) {
        s->fd = accept(listener, NULL, NULL);
        if (s->fd < 0 || setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
            return err_sys(e, "accept");
        serve_one(s);
    }
}

int main(int argc, char **argv)
{
    struct sender s = { .fd = -1 };
    struct err    e = { 0 };
    uint8_t       sequence = 1;

    if (argc < 4 || strcmp(argv[1], "--pem") != 0) {
        (void)fprintf(stderr, "usage: sender --pem FILE BINLOG...\n");
        return 2;
    }
    buf_init(&s.stream, stream_max_bytes);
    int result = begin_tls(&s, argv[2], &e);
    for (int i = 3; result == 0 && i < argc; i++)
        result = add_file(&s, argv[i], &sequence, &e);
    struct reply end = { &s.stream, &sequence, CAP_OFFERED, STATUS_AUTOCOMMIT, 0 };
    reply_eof(&end);
    if (result == 0)
        (void)run(&s, &e);
    (void)fprintf(stderr, "sender: %s\n", e.text);
    return 1;
}
