#include "publisher/kafka/producer.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SENT_PER_CHUNK = 4096, PURGE_MS = 2000, GENERATIONS = 2 };

/* A record on its way; what librdkafka gives back with its report. */
struct sent {
    union {
        struct record_id id;
        struct sent     *next; /* of the free ones */
    };
    uint8_t generation;
};

struct chunk {
    struct chunk *next;
    struct sent   sent[SENT_PER_CHUNK];
};

struct producer {
    rd_kafka_t *rk;
    void (*wake)(void *arg);
    void *wake_arg;

    /* The owner's alone. */
    struct chunk *chunks;
    struct sent  *free;
    uint8_t       generation;

    atomic_size_t on_their_way[GENERATIONS];
    atomic_bool   wants_room, has_failed;

    pthread_mutex_t         mutex; /* of what is below */
    struct sent            *given_back;
    struct producer_failure failure;
    char                    trouble[ERR_TEXT_BYTES];
};

/* ---- reports, in librdkafka's thread --------------------------------------------------------- */

/* Many come at a time: they are looked at without the mutex, for which the owner would wait. */
struct reports {
    struct sent *first, *last;
    size_t       count[GENERATIONS];
    bool         arrived;
};

static void note_failure(struct producer *p, const rd_kafka_message_t *m, const struct sent *s)
{
    (void)pthread_mutex_lock(&p->mutex);
    if (p->failure.code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        p->failure.code = m->err;
        p->failure.id = s->id;
        (void)snprintf(p->failure.topic, sizeof p->failure.topic, "%s",
                       rd_kafka_topic_name(m->rkt));
        (void)snprintf(p->failure.text, sizeof p->failure.text, "%s", rd_kafka_err2str(m->err));
        atomic_store(&p->has_failed, true);
    }
    (void)pthread_mutex_unlock(&p->mutex);
}

static void take_report(struct producer *p, const rd_kafka_message_t *m, struct reports *r)
{
    struct sent *s = m->_private;

    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        r->arrived = true;
    else if (m->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
             m->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        note_failure(p, m, s);
    r->count[s->generation]++;
    s->next = r->first;
    r->first = s;
    if (r->last == NULL)
        r->last = s;
}

static void give_back(struct producer *p, const struct reports *r)
{
    (void)pthread_mutex_lock(&p->mutex);
    if (r->arrived)
        p->trouble[0] = 0;
    if (r->last != NULL) {
        r->last->next = p->given_back;
        p->given_back = r->first;
    }
    (void)pthread_mutex_unlock(&p->mutex);
}

static void on_reports(struct producer *p, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *m;
    struct reports            r = { .first = NULL };
    bool                      failed_before = atomic_load(&p->has_failed);

    while ((m = rd_kafka_event_message_next(event)) != NULL)
        take_report(p, m, &r);
    give_back(p, &r);
    bool wake = atomic_exchange(&p->wants_room, false);
    wake |= !failed_before && atomic_load(&p->has_failed);
    for (size_t i = 0; i < GENERATIONS; i++)
        wake |= r.count[i] > 0 && atomic_fetch_sub(&p->on_their_way[i], r.count[i]) == r.count[i];
    if (wake)
        p->wake(p->wake_arg);
}

/* Up to 2.6.0 librdkafka sends one part of its answer twice, which Kafka 4 does not take. */
static const char *advice(rd_kafka_event_t *event)
{
    const char *text = rd_kafka_event_error_string(event);
    bool        is_old = rd_kafka_version() < 0x02060100;

    return is_old && strstr(text, "SCRAM") != NULL && strstr(text, "invalid credentials") != NULL
               ? " (if they are right: librdkafka before 2.6.1 can't log in to Kafka 4 with SCRAM)"
               : "";
}

/* The first sentence stays until records arrive: later ones tell less ("all brokers are down"). */
static void on_trouble(struct producer *p, rd_kafka_event_t *event)
{
    (void)pthread_mutex_lock(&p->mutex);
    if (p->trouble[0] == 0 || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        (void)snprintf(p->trouble, sizeof p->trouble, "%s%s", rd_kafka_event_error_string(event),
                       advice(event));
    (void)pthread_mutex_unlock(&p->mutex);
    p->wake(p->wake_arg);
}

static void on_event(rd_kafka_t *rk, rd_kafka_event_t *event, void *arg)
{
    struct producer *p = arg;

    (void)rk;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
        on_reports(p, event);
    else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
        on_trouble(p, event);
    rd_kafka_event_destroy(event);
}

/* ---- made ---------------------------------------------------------------------------------- */

static void serve_in_background(rd_kafka_t *rk)
{
    rd_kafka_queue_t *all = rd_kafka_queue_get_main(rk);
    rd_kafka_queue_t *background = rd_kafka_queue_get_background(rk);

    rd_kafka_queue_forward(all, background);
    rd_kafka_queue_destroy(background);
    rd_kafka_queue_destroy(all);
}

int producer_new(const struct producer_options *o, struct producer **out, struct err *e)
{
    struct producer *p = calloc(1, sizeof *p);
    rd_kafka_conf_t *conf = NULL;
    char             why[256] = "";

    if (p == NULL)
        return err_set(e, E_NOMEM, "no memory for a producer");
    p->wake = o->wake;
    p->wake_arg = o->wake_arg;
    (void)pthread_mutex_init(&p->mutex, NULL);
    if (kafka_settings_conf(o->settings, &o->how, &conf, e) != 0) {
        producer_free(p);
        return -1;
    }
    rd_kafka_conf_set_opaque(conf, p);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    rd_kafka_conf_set_background_event_cb(conf, on_event);
    p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (p->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        producer_free(p);
        return err_set(e, E_CONFIG, "librdkafka can't begin with the kafka settings: %s", why);
    }
    serve_in_background(p->rk);
    *out = p;
    return 0;
}

void producer_free(struct producer *p)
{
    if (p == NULL)
        return;
    if (p->rk != NULL) {
        (void)rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                        RD_KAFKA_PURGE_F_NON_BLOCKING);
        (void)rd_kafka_flush(p->rk, PURGE_MS);
        rd_kafka_destroy(p->rk);
    }
    for (struct chunk *c = p->chunks, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    (void)pthread_mutex_destroy(&p->mutex);
    free(p);
}

rd_kafka_t *producer_handle(struct producer *p)
{
    return p->rk;
}

bool producer_failed(struct producer *p, struct producer_failure *out)
{
    if (!atomic_load(&p->has_failed))
        return false;
    if (out == NULL)
        return true;
    (void)pthread_mutex_lock(&p->mutex);
    *out = p->failure;
    (void)pthread_mutex_unlock(&p->mutex);
    return true;
}

void producer_trouble(struct producer *p, char into[ERR_TEXT_BYTES])
{
    (void)pthread_mutex_lock(&p->mutex);
    memcpy(into, p->trouble, sizeof p->trouble);
    (void)pthread_mutex_unlock(&p->mutex);
}

/* ---- records ------------------------------------------------------------------------------- */

static bool refill(struct producer *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->free = p->given_back;
    p->given_back = NULL;
    (void)pthread_mutex_unlock(&p->mutex);
    if (p->free != NULL)
        return true;
    struct chunk *c = malloc(sizeof *c);
    if (c == NULL)
        return false;
    c->next = p->chunks;
    p->chunks = c;
    for (size_t i = 0; i < SENT_PER_CHUNK; i++) {
        c->sent[i].next = p->free;
        p->free = &c->sent[i];
    }
    return true;
}

static struct sent *begin(struct producer *p, const struct record_id *id)
{
    if (p->free == NULL && !refill(p))
        return NULL;
    struct sent *s = p->free;
    p->free = s->next;
    s->id = *id;
    s->generation = p->generation;
    (void)atomic_fetch_add(&p->on_their_way[p->generation], 1);
    return s;
}

static void take_back(struct producer *p, struct sent *s)
{
    (void)atomic_fetch_sub(&p->on_their_way[s->generation], 1);
    s->next = p->free;
    p->free = s;
}

static rd_kafka_headers_t *headers_of(const struct producer_record *r)
{
    rd_kafka_headers_t *h = r->header_count > 0 ? rd_kafka_headers_new(r->header_count) : NULL;

    for (uint32_t i = 0; i < r->header_count; i++)
        (void)rd_kafka_header_add(h, (const char *)r->headers[i].name.ptr,
                                  (ssize_t)r->headers[i].name.len, r->headers[i].text.ptr,
                                  (ssize_t)r->headers[i].text.len);
    return h;
}

static void *bytes_of(struct slice s)
{
    return (void *)(uintptr_t)s.ptr; /* librdkafka only copies them */
}

static rd_kafka_resp_err_t hand_over(struct producer *p, const struct producer_record *r,
                                     struct sent *s)
{
    rd_kafka_headers_t *headers = headers_of(r);
    rd_kafka_vu_t       parts[] = {
              { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = r->topic },
              { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = r->partition },
              { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
              { .vtype = RD_KAFKA_VTYPE_KEY,
                .u.mem = { r->has_key ? bytes_of(r->key) : NULL, r->has_key ? r->key.len : 0 } },
              { .vtype = RD_KAFKA_VTYPE_VALUE,
                .u.mem = { r->has_value ? bytes_of(r->value) : NULL, r->has_value ? r->value.len : 0 } },
              { .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = s },
              { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
    };
    rd_kafka_error_t *error =
        rd_kafka_produceva(p->rk, parts, sizeof parts / sizeof *parts - (headers == NULL));
    if (error == NULL)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers != NULL)
        rd_kafka_headers_destroy(headers);
    return code;
}

rd_kafka_resp_err_t producer_put(struct producer *p, const struct producer_record *r)
{
    struct sent        *s = begin(p, &r->id);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;

    if (s == NULL)
        return code;
    code = hand_over(p, r, s);
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        /* Said first, so that room that comes meanwhile is either seen here or told. */
        atomic_store(&p->wants_room, true);
        code = hand_over(p, r, s);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        take_back(p, s);
    return code;
}

bool producer_turn(struct producer *p)
{
    bool may = atomic_load(&p->on_their_way[p->generation ^ 1u]) == 0;
    if (may)
        p->generation ^= 1u;
    return may;
}

bool producer_old_arrived(struct producer *p)
{
    return atomic_load(&p->on_their_way[p->generation ^ 1u]) == 0;
}

size_t producer_on_their_way(struct producer *p)
{
    return atomic_load(&p->on_their_way[0]) + atomic_load(&p->on_their_way[1]);
}
