#include "protocol/client.h"
#include "protocol/client_guise.h"
#include "protocol/client_zstd.h"
#include "protocol/handshake.h"
#include "protocol/compressed.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

/* A row of a catalog query may hold a table's definition, never a row's data. */
enum {
    ROW_BYTES_MAX = 64 * 1024 * 1024,
    ADDRESS_BYTES = 400,
    USER_BYTES = 128,
    PACKED_BYTES = 256 * 1024
};

struct client {
    MYSQL *mysql;
    SSL   *tls; /* belongs to mysql; NULL in the clear */
    int    fd;  /* belongs to mysql; set when the dump began */
    int    interrupt_fd;
    int    wake_fd;      /* 0: none */
    bool   charset_told; /* its guise's */
    bool   attributes;   /* its guise promises some in front of each statement */
    /* Of a compressed dump; NULL otherwise. */
    struct unpacker *unpacker;
    uint8_t         *packed;
    struct slice     packed_left; /* of it: not unpacked yet */
    size_t           user_bytes;
    char             address[ADDRESS_BYTES]; /* user@host:port, for sentences */
};

/* ---- errors -------------------------------------------------------------------------------- */

/* What a person can do about the errors of a login. */
static const struct advice {
    unsigned      number;
    enum err_kind kind;
    const char   *text;
} advices[] = {
    { ER_ACCESS_DENIED_ERROR, E_AUTH, "check the user name and password of the [source] section" },
    { 1698, E_AUTH, "this account logs in without a password: use another one" },
    { ER_HOST_NOT_PRIVILEGED, E_AUTH, "allow this host: CREATE USER ...@'HOST'" },
    { ER_HOST_IS_BLOCKED, E_AUTH, "run FLUSH HOSTS there" },
    { 1820, E_AUTH, "the account's password has expired: set a new one there" },
    { 1862, E_AUTH, "the account's password has expired: set a new one there" },
    { 3118, E_AUTH, "the account is locked: ALTER USER ... ACCOUNT UNLOCK there" },
    { 3159, E_AUTH, "set tls = required" },
    { CR_UNKNOWN_HOST, E_IO, "check the host name of the [source] section" },
    { CR_CONNECTION_ERROR, E_IO,
      "check that the server runs there, its bind_address, and firewalls" },
    { CR_CONN_HOST_ERROR, E_IO,
      "check that the server runs there, its bind_address, and firewalls" },
    { CR_SSL_CONNECTION_ERROR, E_AUTH,
      "check the tls keys of the [source] section and the server's certificate" },
    { CR_AUTH_PLUGIN_CANNOT_LOAD, E_AUTH,
      "install libmariadb's authentication plugins, or use another account" },
    { CR_SERVER_LOST, E_IO, "the server, or something between, closed the connection" },
};

static const struct advice *advice_for(unsigned number)
{
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++)
        if (advices[i].number == number)
            return &advices[i];
    return NULL;
}

static int login_failed(const struct client *c, struct err *e)
{
    unsigned             number = mysql_errno(c->mysql);
    const struct advice *a = advice_for(number);
    /* Numbers from 2000 to 2999 are the library's own. */
    enum err_kind kind = number >= 2000 && number < 3000 ? E_IO : E_REFUSED;
    (void)err_set(e, a != NULL ? a->kind : kind, "connect to %s: %s (%u)%s%s", c->address,
                  mysql_error(c->mysql), number, a != NULL ? "; " : "", a != NULL ? a->text : "");
    e->sys = (int)number;
    return -1;
}

static int query_failed(const struct client *c, const char *sql, struct err *e)
{
    unsigned number = mysql_errno(c->mysql);
    bool     own = number >= 2000 && number < 3000;
    (void)err_set(e, own ? E_IO : E_REFUSED, "%s: %s (%u), asked: %.120s", c->address,
                  mysql_error(c->mysql), number, sql);
    e->sys = (int)number;
    return -1;
}

static int stopped(struct err *e)
{
    return err_set(e, E_STOPPED, "asked to end");
}

/* ---- waiting ------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for `events` on fd until `deadline_ms` (negative: for ever): 1 when there are some, 0 when
   the time is over or wake_fd says so, -1 when interrupted. */
static int wait_for(int fd, short events, int interrupt_fd, int wake_fd, int64_t deadline_ms,
                    short *seen, struct err *e)
{
    enum { FD, INTERRUPT, WAKE, FDS };
    struct pollfd fds[FDS] = {
        [FD] = { .fd = fd, .events = events },
        [INTERRUPT] = { .fd = interrupt_fd > 0 ? interrupt_fd : -1, .events = POLLIN },
        [WAKE] = { .fd = wake_fd > 0 ? wake_fd : -1, .events = POLLIN },
    };
    for (;;) {
        int64_t left = deadline_ms < 0 ? -1 : deadline_ms - now_ms();
        if (deadline_ms >= 0 && left < 0)
            left = 0;
        int n = poll(fds, FDS, left > INT_MAX ? INT_MAX : (int)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, "wait for the source");
        if (fds[INTERRUPT].revents != 0)
            return stopped(e);
        uint64_t count;
        if (fds[WAKE].revents != 0)
            (void)!read(wake_fd, &count, sizeof count); /* empty already: as good */
        if (seen != NULL)
            *seen = fds[FD].revents;
        return fds[FD].revents != 0 ? 1 : 0;
    }
}

/*
 * libmariadb's non-blocking calls tell what they wait for; we wait for it, and for an interruption,
 * which the blocking ones could not be woken by.
 */
static int wait_library(struct client *c, int status, int *happened, struct err *e)
{
    short   events = 0, seen = 0;
    int64_t deadline = -1;

    if ((status & MYSQL_WAIT_READ) != 0)
        events |= POLLIN;
    if ((status & MYSQL_WAIT_WRITE) != 0)
        events |= POLLOUT;
    if ((status & MYSQL_WAIT_EXCEPT) != 0)
        events |= POLLPRI;
    if ((status & MYSQL_WAIT_TIMEOUT) != 0)
        deadline = now_ms() + (int64_t)mysql_get_timeout_value_ms(c->mysql);
    int n =
        wait_for((int)mysql_get_socket(c->mysql), events, c->interrupt_fd, -1, deadline, &seen, e);
    if (n < 0)
        return -1;
    if (n == 0) {
        *happened = MYSQL_WAIT_TIMEOUT;
        return 0;
    }
    *happened = 0;
    if ((seen & (POLLIN | POLLHUP | POLLERR)) != 0)
        *happened |= status & MYSQL_WAIT_READ;
    if ((seen & (POLLOUT | POLLHUP | POLLERR)) != 0)
        *happened |= status & MYSQL_WAIT_WRITE;
    if ((seen & POLLPRI) != 0)
        *happened |= status & MYSQL_WAIT_EXCEPT;
    return 0;
}

/* ---- connecting ---------------------------------------------------------------------------- */

static void set_option(MYSQL *m, enum mysql_option option, const void *value)
{
    (void)mysql_optionsv(m, option, value);
}

static void set_tls(MYSQL *m, const struct client_options *o)
{
    /* Newer libraries verify by default, older ones don't: always say it. */
    my_bool verify = o->tls == CLIENT_TLS_VERIFY_IDENTITY, use = o->tls != CLIENT_TLS_OFF;

    set_option(m, MYSQL_OPT_SSL_ENFORCE, &use);
    set_option(m, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    if (!use)
        return;
    if (o->tls_ca != NULL)
        set_option(m, MYSQL_OPT_SSL_CA, o->tls_ca);
    if (o->tls_cert != NULL)
        set_option(m, MYSQL_OPT_SSL_CERT, o->tls_cert);
    if (o->tls_key != NULL)
        set_option(m, MYSQL_OPT_SSL_KEY, o->tls_key);
}

static int no_tls(const struct client *c, struct err *e)
{
    return err_set(e, E_AUTH,
                   "connect to %s: the server does not offer TLS, which the tls key of the "
                   "[source] section demands",
                   c->address);
}

/* What the library took for granted about TLS, checked once more on the connection itself. */
static int check_tls(struct client *c, const struct client_options *o, struct err *e)
{
    const char *library = NULL;

    if (mysql_get_ssl_cipher(c->mysql) == NULL) {
        if (o->tls > CLIENT_TLS_PREFERRED)
            return no_tls(c, e);
        return 0;
    }
    if (mariadb_get_infov(NULL, MARIADB_TLS_LIBRARY, &library) != 0 || library == NULL ||
        strncmp(library, "OpenSSL", 7) != 0)
        return err_set(e, E_CONFIG,
                       "connect to %s: the installed libmariadb does TLS by '%s', and only one "
                       "built with OpenSSL can be used here; set tls = off, or install another",
                       c->address, library != NULL ? library : "unknown");
    c->tls = c->mysql->net.pvio->ctls->ssl;
    if (o->tls >= CLIENT_TLS_VERIFY_CA && SSL_get_verify_result(c->tls) != X509_V_OK)
        return err_set(e, E_AUTH, "connect to %s: the server's certificate: %s", c->address,
                       X509_verify_cert_error_string(SSL_get_verify_result(c->tls)));
    return 0;
}

/* Whether the greeting (packet header included) offers TLS; -1: that much of it is not there yet.
 */
static int greeting_offers_tls(struct slice seen)
{
    struct cursor c = cursor_over(seen);

    cursor_skip(&c, 4);
    uint8_t protocol = cursor_u8(&c);
    if (!c.failed && protocol != 10)
        return 1; /* an error, or nonsense: the library's to tell */
    const uint8_t *end = memchr(c.at, '\0', c.left);
    if (end == NULL)
        return -1;
    cursor_skip(&c, (size_t)(end - c.at) + 1); /* the version */
    cursor_skip(&c, 4 + 8 + 1);                /* thread id, scramble, filler */
    uint16_t capabilities = cursor_u16(&c);
    if (c.failed)
        return -1;
    return (capabilities & CLIENT_SSL) != 0;
}

/*
 * The library goes on in the clear where the server, or somebody in between, offers no TLS, and
 * says so only after the login. So the greeting is looked at before the library reads it.
 */
static int check_greeting(struct client *c, const struct client_options *o, struct err *e)
{
    enum { SEEN_BYTES = 512, PAUSE_MS = 10 };
    uint8_t seen[SEEN_BYTES];
    int     fd = (int)mysql_get_socket(c->mysql), offers = -1;
    int64_t deadline = now_ms() + (int64_t)o->connect_timeout_s * 1000;

    while (offers < 0) {
        int ready = wait_for(fd, POLLIN, c->interrupt_fd, -1, deadline, NULL, e);
        if (ready < 0)
            return -1;
        if (ready == 0 || now_ms() > deadline)
            return err_set(e, E_IO, "connect to %s: no greeting came within %u s", c->address,
                           o->connect_timeout_s);
        ssize_t n = recv(fd, seen, sizeof seen, MSG_PEEK | MSG_DONTWAIT);
        if (n <= 0)
            return 0; /* not connected: the library tells why */
        offers = greeting_offers_tls((struct slice){ seen, (size_t)n });
        if (offers < 0 && n == SEEN_BYTES)
            offers = 0; /* no server's greeting is that long */
        if (offers < 0 && wait_for(-1, 0, c->interrupt_fd, -1, now_ms() + PAUSE_MS, NULL, e) < 0)
            return -1;
    }
    return offers != 0 ? 0 : no_tls(c, e);
}

static int login(struct client *c, const struct client_options *o, struct err *e)
{
    MYSQL *m = NULL;
    bool   checked = o->tls <= CLIENT_TLS_PREFERRED;
    int status = mysql_real_connect_start(&m, c->mysql, o->socket != NULL ? NULL : o->host, o->user,
                                          o->password, NULL, o->port, o->socket, 0);
    while (status != 0) {
        int happened;
        TRY(wait_library(c, status, &happened, e));
        if (!checked && happened != MYSQL_WAIT_TIMEOUT) {
            TRY(check_greeting(c, o, e));
            checked = true;
        }
        status = mysql_real_connect_cont(&m, c->mysql, happened);
    }
    if (m == NULL)
        return login_failed(c, e);
    return 0;
}

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static int            library_failed;

static void library_start(void)
{
    library_failed = mysql_server_init(0, NULL, NULL);
    if (library_failed == 0)
        library_failed = guise_start();
    if (library_failed == 0)
        client_zstd_register();
}

int client_connect(const struct client_options *o, struct client **out, struct err *e)
{
    unsigned long row_bytes = ROW_BYTES_MAX;

    (void)pthread_once(&library_once, library_start);
    if (library_failed != 0)
        return err_set(e, E_NOMEM, "the client library could not be started");
    struct client *c = calloc(1, sizeof *c);
    if (c == NULL || (c->mysql = mysql_init(NULL)) == NULL) {
        free(c);
        return err_set(e, E_NOMEM, "no memory for a connection to the source");
    }
    c->interrupt_fd = o->interrupt_fd;
    c->fd = -1;
    c->user_bytes = strnlen(o->user, USER_BYTES);
    if (o->socket != NULL)
        (void)snprintf(c->address, sizeof c->address, "%.*s@%s", (int)c->user_bytes, o->user,
                       o->socket);
    else
        (void)snprintf(c->address, sizeof c->address,
                       strchr(o->host, ':') != NULL ? "%.*s@[%s]:%u" : "%.*s@%s:%u",
                       (int)c->user_bytes, o->user, o->host, o->port);
    /* Else "localhost" would mean a socket at the library's own place. */
    const enum mysql_protocol_type transport =
        o->socket != NULL ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    set_option(c->mysql, MYSQL_OPT_PROTOCOL, &transport);
    set_option(c->mysql, MYSQL_OPT_NONBLOCK, NULL);
    if (o->compress)
        set_option(c->mysql, MYSQL_OPT_COMPRESS, NULL);
    set_option(c->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &o->connect_timeout_s);
    set_option(c->mysql, MYSQL_OPT_READ_TIMEOUT, &o->read_timeout_s);
    set_option(c->mysql, MYSQL_OPT_WRITE_TIMEOUT, &o->read_timeout_s);
    set_option(c->mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &row_bytes);
    set_option(c->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    (void)mysql_optionsv(c->mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "binrelayd");
    set_tls(c->mysql, o);
    struct guise guise = { .as = o->guise };
    guise_put_on(&guise, c->mysql);
    c->attributes = o->guise != NULL && (o->guise->capabilities & CAP_QUERY_ATTRIBUTES) != 0;
    int rc = login(c, o, e);
    if (guise_take_off(&guise, c->mysql) != 0 && rc == 0)
        rc = err_set(e, E_IO, "connect to %s: the login could not be changed", c->address);
    c->charset_told = guise.charset_sent;
    if (rc != 0 || check_tls(c, o, e) != 0) {
        client_close(c);
        return -1;
    }
    *out = c;
    return 0;
}

void client_close(struct client *c)
{
    if (c == NULL)
        return;
    mysql_close(c->mysql);
    unpacker_free(c->unpacker);
    free(c->packed);
    free(c);
}

const char *client_address(const struct client *c)
{
    return c->address + c->user_bytes + 1;
}

const char *client_server_version(const struct client *c)
{
    const char *version = mysql_get_server_info(c->mysql);
    /* MariaDB 10 puts this in front, so that old replicas believe in a MySQL 5.5. */
    return strncmp(version, "5.5.5-", 6) == 0 ? version + 6 : version;
}

uint32_t client_server_capabilities(const struct client *c)
{
    return (uint32_t)c->mysql->server_capabilities;
}

uint32_t client_thread_id(const struct client *c)
{
    return (uint32_t)mysql_thread_id(c->mysql);
}

bool client_told_charset(const struct client *c)
{
    return c->charset_told;
}

int client_fd(const struct client *c)
{
    return c->fd;
}

/* ---- statements ---------------------------------------------------------------------------- */

static int wait_query(struct client *c, struct slice payload, int *failed, struct err *e)
{
    int status = mysql_real_query_start(failed, c->mysql, (const char *)payload.ptr, payload.len);
    while (status != 0) {
        int happened;
        TRY(wait_library(c, status, &happened, e));
        status = mysql_real_query_cont(failed, c->mysql, happened);
    }
    return 0;
}

static int send_query(struct client *c, const char *sql, int *failed, struct err *e)
{
    static const uint8_t no_attributes[] = { 0, 1 };
    struct buf           payload;

    if (!c->attributes)
        return wait_query(c, slice_of_text(sql), failed, e);
    buf_init(&payload, SIZE_MAX);
    buf_put(&payload, (struct slice){ no_attributes, sizeof no_attributes });
    buf_put_text(&payload, sql);
    int rc = buf_check(&payload, "a statement", e);
    if (rc == 0)
        rc = wait_query(c, buf_slice(&payload), failed, e);
    buf_done(&payload);
    return rc;
}

int client_query(struct client *c, const char *sql,
                 int (*row)(void *arg, uint32_t columns, const char *const *values,
                            const unsigned long *lengths, struct err *e),
                 void *arg, struct err *e)
{
    int failed = 0;
    TRY(send_query(c, sql, &failed, e));
    if (failed != 0)
        return query_failed(c, sql, e);
    MYSQL_RES *result = mysql_use_result(c->mysql);
    if (result == NULL)
        return mysql_errno(c->mysql) == 0 ? 0 : query_failed(c, sql, e);
    int       rc = 0;
    MYSQL_ROW values;
    while (rc == 0 && (values = mysql_fetch_row(result)) != NULL)
        if (row != NULL)
            rc = row(arg, mysql_num_fields(result), (const char *const *)values,
                     mysql_fetch_lengths(result), e);
    if (rc == 0 && mysql_errno(c->mysql) != 0)
        rc = query_failed(c, sql, e);
    mysql_free_result(result);
    return rc;
}

struct first_text {
    char  *into;
    size_t size;
    bool   seen;
};

static int take_first(void *arg, uint32_t columns, const char *const *values,
                      const unsigned long *lengths, struct err *e)
{
    struct first_text *f = arg;

    if (f->seen || columns == 0)
        return 0;
    f->seen = true;
    if (values[0] == NULL)
        return 0;
    if (lengths[0] >= f->size)
        return err_set(e, E_LIMIT, "an answer of %lu bytes, where at most %zu are expected",
                       lengths[0], f->size - 1);
    memcpy(f->into, values[0], lengths[0]);
    f->into[lengths[0]] = '\0';
    return 0;
}

int client_query_text(struct client *c, const char *sql, char *into, size_t size, struct err *e)
{
    char             *text = calloc(1, size);
    struct first_text f = { .into = text, .size = size };

    if (text == NULL)
        return err_set(e, E_NOMEM, "no memory for an answer");
    int rc = client_query(c, sql, take_first, &f, e);
    if (rc == 0)
        memcpy(into, text, size);
    free(text);
    return rc;
}

int client_quote(struct client *c, struct slice text, struct buf *into, struct err *e)
{
    size_t before = into->len;
    /* The library wants room for the worst case: every byte escaped, and a zero. */
    uint8_t *room = buf_extend(into, text.len * 2 + 1);
    if (room == NULL)
        return buf_check(into, "a quoted text", e);
    unsigned long n = mysql_real_escape_string(c->mysql, (char *)room, (const char *)text.ptr,
                                               (unsigned long)text.len);
    into->len = before + n;
    return 0;
}

/* ---- the dump ------------------------------------------------------------------------------ */

int client_register(struct client *c, uint32_t server_id, const char *host, uint16_t port,
                    struct err *e)
{
    struct buf b;

    buf_init(&b, 1024);
    buf_put_le(&b, server_id, 4);
    buf_put_lenenc_slice(&b, slice_of_text(host));
    buf_put_u8(&b, 0); /* user and password as SHOW REPLICAS would show them: none */
    buf_put_u8(&b, 0);
    buf_put_le(&b, port, 2);
    buf_put_le(&b, 0, 4); /* rank: unused */
    buf_put_le(&b, 0, 4); /* source's id: the source fills it in */
    int rc = buf_check(&b, "the registration", e);
    if (rc == 0 && c->mysql->methods->db_command(c->mysql, COM_REGISTER_SLAVE, (const char *)b.ptr,
                                                 b.len, 0, NULL) != 0)
        rc = query_failed(c, "COM_REGISTER_SLAVE", e);
    buf_done(&b);
    return rc;
}

static int begin_unpacking(struct client *c, struct err *e)
{
    c->packed = malloc(PACKED_BYTES);
    if (c->packed == NULL)
        return err_set(e, E_NOMEM, "no memory for a compressed connection");
    c->packed_left = (struct slice){ c->packed, 0 };
    return unpacker_new(&c->unpacker, e);
}

void client_interrupt_by(struct client *c, int event_fd)
{
    c->interrupt_fd = event_fd;
}

int client_detach(struct client *c, struct err *e)
{
    /* From here on the bytes are read past the library, and without blocking. */
    int fd = (int)mysql_get_socket(c->mysql);
    int how = fcntl(fd, F_GETFL);
    if (how < 0 || fcntl(fd, F_SETFL, how | O_NONBLOCK) != 0)
        return err_sys(e, "prepare the connection to %s", c->address);
    c->fd = fd;
    return 0;
}

/* Several records with one call, in place of two calls for each. */
static void read_ahead(struct client *c)
{
    enum { TLS_AHEAD_BYTES = 100 * 1024 };

    /* Only a buffer that is made anew has the new size. */
    (void)SSL_set_mode(c->tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_set_default_read_buffer_len(c->tls, TLS_AHEAD_BYTES);
    SSL_set_read_ahead(c->tls, 1);
}

int client_dump(struct client *c, const char *file, uint64_t position, uint16_t flags,
                uint32_t server_id, struct err *e)
{
    struct buf b;

    if (position > UINT32_MAX)
        return err_set(e, E_LIMIT, "position %llu of '%s' is too large for COM_BINLOG_DUMP",
                       (unsigned long long)position, file);
    buf_init(&b, 1024);
    buf_put_le(&b, position, 4);
    buf_put_le(&b, flags, 2);
    buf_put_le(&b, server_id, 4);
    buf_put_text(&b, file);
    int rc = buf_check(&b, "the dump command", e);
    if (rc == 0 && c->mysql->methods->db_command(c->mysql, COM_BINLOG_DUMP, (const char *)b.ptr,
                                                 b.len, 1, NULL) != 0)
        rc = query_failed(c, "COM_BINLOG_DUMP", e);
    buf_done(&b);
    if (rc != 0)
        return -1;
    /* The receive buffer is left to the kernel: what it gives by itself is far above what
       SO_RCVBUF may ask for. */
    TRY(client_detach(c, e));
    if (c->tls != NULL)
        read_ahead(c);
    return c->mysql->net.compress ? begin_unpacking(c, e) : 0;
}

bool client_is_compressed(const struct client *c)
{
    return c->unpacker != NULL;
}

static int connection_ended(const struct client *c, struct err *e)
{
    return err_set(e, E_IO, "%s closed the connection", c->address);
}

/* 0 with *got 0: nothing at the moment, or *want says what TLS waits for. */
static int read_plain(struct client *c, uint8_t *into, size_t size, size_t *got, struct err *e)
{
    for (;;) {
        ssize_t n = recv(c->fd, into, size, MSG_DONTWAIT);
        if (n > 0) {
            *got = (size_t)n;
            return 0;
        }
        if (n == 0)
            return connection_ended(c, e);
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            *got = 0;
            return 0;
        }
        return err_sys(e, "read from %s", c->address);
    }
}

/* As SSL_read gives one record of at most 16 KiB a time, goes on while there is more. */
static int read_tls(struct client *c, uint8_t *into, size_t size, size_t *got, short *want,
                    struct err *e)
{
    size_t filled = 0;

    while (filled < size) {
        size_t n = 0;
        ERR_clear_error();
        errno = 0;
        if (SSL_read_ex(c->tls, into + filled, size - filled, &n) == 1) {
            filled += n;
            continue;
        }
        int why = SSL_get_error(c->tls, 0);
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
            *want = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
            break;
        }
        if (filled > 0)
            break; /* the next call meets the failure again */
        if (why == SSL_ERROR_SYSCALL && errno != 0)
            return err_sys(e, "read from %s", c->address);
        char reason[160];
        ERR_error_string_n(ERR_peek_error(), reason, sizeof reason);
        if (why == SSL_ERROR_ZERO_RETURN || why == SSL_ERROR_SYSCALL || ERR_peek_error() == 0)
            return connection_ended(c, e);
        return err_set(e, E_IO, "read from %s: %s", c->address, reason);
    }
    *got = filled;
    return 0;
}

static int read_raw(struct client *c, uint8_t *into, size_t size, size_t *got, short *want,
                    struct err *e)
{
    return c->tls != NULL ? read_tls(c, into, size, got, want, e)
                          : read_plain(c, into, size, got, e);
}

/* As read_raw(), of what the compressed packets hold. */
static int read_unpacked(struct client *c, uint8_t *into, size_t size, size_t *got, short *want,
                         struct err *e)
{
    for (;;) {
        size_t n = 0;
        TRY(unpacker_take(c->unpacker, &c->packed_left, into, size, got, e));
        if (*got > 0)
            return 0;
        TRY(read_raw(c, c->packed, PACKED_BYTES, &n, want, e));
        if (n == 0)
            return 0;
        c->packed_left = (struct slice){ c->packed, n };
    }
}

int client_read(struct client *c, uint8_t *into, size_t size, uint32_t wait_ms, size_t *got,
                struct err *e)
{
    int64_t deadline = -1;

    assert(c->fd >= 0 && size > 0);
    for (;;) {
        short  want = POLLIN;
        size_t n = 0;
        TRY(c->unpacker != NULL ? read_unpacked(c, into, size, &n, &want, e)
                                : read_raw(c, into, size, &n, &want, e));
        if (n > 0 || wait_ms == 0) {
            *got = n;
            return 0;
        }
        if (deadline < 0)
            deadline = now_ms() + wait_ms;
        int ready = wait_for(c->fd, want, c->interrupt_fd, c->wake_fd, deadline, NULL, e);
        if (ready < 0)
            return -1;
        if (ready == 0) {
            *got = 0;
            return 0;
        }
    }
}

void client_wake_on(struct client *c, int event_fd)
{
    c->wake_fd = event_fd;
}

/* As much as goes at once; *want says what to wait for. */
static int write_some(struct client *c, struct slice bytes, size_t *put, short *want, struct err *e)
{
    *put = 0;
    if (c->tls != NULL) {
        ERR_clear_error();
        if (SSL_write_ex(c->tls, bytes.ptr, bytes.len, put) == 1)
            return 0;
        int why = SSL_get_error(c->tls, 0);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            return connection_ended(c, e);
        *want = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        return 0;
    }
    ssize_t n = send(c->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return err_sys(e, "write to %s", c->address);
    *want = POLLOUT;
    *put = n > 0 ? (size_t)n : 0;
    return 0;
}

int client_write(struct client *c, struct slice bytes, struct err *e)
{
    assert(c->fd >= 0 && c->unpacker == NULL);
    while (bytes.len > 0) {
        size_t put;
        short  want = POLLOUT;
        TRY(write_some(c, bytes, &put, &want, e));
        bytes.ptr += put;
        bytes.len -= put;
        if (put == 0 && wait_for(c->fd, want, c->interrupt_fd, -1, -1, NULL, e) < 0)
            return -1;
    }
    return 0;
}

/* ---- for a loop ---------------------------------------------------------------------------- */

int client_read_some(struct client *c, uint8_t *into, size_t size, size_t *got, short *wants,
                     struct err *e)
{
    assert(c->fd >= 0 && c->unpacker == NULL && size > 0);
    *wants = POLLIN;
    return read_raw(c, into, size, got, wants, e);
}

int client_write_some(struct client *c, struct slice bytes, size_t *put, short *wants,
                      struct err *e)
{
    assert(c->fd >= 0 && c->unpacker == NULL && bytes.len > 0);
    return write_some(c, bytes, put, wants, e);
}

void client_cut(struct client *c)
{
    (void)shutdown(c->fd, SHUT_RDWR);
}
