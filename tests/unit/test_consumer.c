#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>
#include "publisher/kafka/consumer.h"

/* librdkafka's own mock of a cluster, in this process; no broker is needed. */
struct mock {
    rd_kafka_t              *rk; /* its producer */
    rd_kafka_mock_cluster_t *cluster;
    struct kafka_settings    settings;
    sem_t                    woken;
};

static void must(struct mock *m, const char *name, const char *value)
{
    struct err e = { 0 };
    if (kafka_settings_add(&m->settings, name, value, &e) != 0)
        fail_msg("%s", e.text);
}

static void mock_begin(struct mock *m)
{
    char             why[256] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    *m = (struct mock){ .rk = NULL };
    assert_int_equal(rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why), RD_KAFKA_CONF_OK);
    m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (m->rk == NULL)
        fail_msg("%s", why);
    m->cluster = rd_kafka_mock_cluster_new(m->rk, 1);
    assert_non_null(m->cluster);
    const char *servers = rd_kafka_mock_cluster_bootstraps(m->cluster);
    assert_int_equal(rd_kafka_brokers_add(m->rk, servers), 1);
    assert_int_equal(rd_kafka_mock_topic_create(m->cluster, "signals", 1, 1), 0);
    must(m, "kafka.bootstrap.servers", servers);
    must(m, "kafka.fetch.wait.max.ms", "10");
}

static void mock_end(struct mock *m)
{
    kafka_settings_done(&m->settings);
    rd_kafka_mock_cluster_destroy(m->cluster);
    rd_kafka_destroy(m->rk);
}

static void produce(struct mock *m, const char *key, const char *value)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(m->rk, "signals", NULL);
    size_t            key_len = key != NULL ? strlen(key) : 0;
    size_t            value_len = value != NULL ? strlen(value) : 0;

    assert_non_null(topic);
    assert_int_equal(rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)value,
                                      value_len, key, key_len, NULL),
                     0);
    assert_int_equal(rd_kafka_flush(m->rk, 30000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_destroy(topic);
}

static struct consumer *consume(struct mock *m, const struct consumer_options *more)
{
    struct consumer        *c = NULL;
    struct err              e = { 0 };
    struct consumer_options o = *more;

    o.settings = &m->settings;
    o.topic = "signals";
    if (consumer_new(&o, &c, &e) != 0)
        fail_msg("%s", e.text);
    return c;
}

/* The next step, however long it takes. */
static enum consumer_step next(struct consumer *c, struct consumer_record *r)
{
    enum consumer_step step;
    struct err         e = { 0 };

    if (consumer_next(c, -1, r, &step, &e) != 0)
        fail_msg("%s", e.text);
    return step;
}

static void assert_next(struct consumer *c, int64_t offset, const char *value)
{
    struct consumer_record r = { .offset = -1 };
    enum consumer_step     step;

    do
        step = next(c, &r);
    while (step == CONSUMER_AT_END);
    assert_int_equal(step, CONSUMER_RECORD);
    assert_int_equal(r.offset, offset);
    assert_int_equal(r.value.len, strlen(value));
    assert_memory_equal(r.value.ptr, value, r.value.len);
}

static void everything_from_the_oldest_then_the_end_then_what_comes(void **state)
{
    struct mock            m;
    struct consumer_record r = { .offset = -1 };

    (void)state;
    mock_begin(&m);
    produce(&m, "k", "first");
    produce(&m, NULL, NULL);
    struct consumer *c = consume(&m, &(struct consumer_options){ .from = CONSUMER_OLDEST });
    assert_int_equal(next(c, &r), CONSUMER_RECORD);
    assert_true(r.has_key && r.has_value && r.offset == 0 && r.timestamp_ms > 0);
    assert_int_equal(next(c, &r), CONSUMER_RECORD);
    assert_true(!r.has_key && !r.has_value && r.offset == 1);
    assert_int_equal(next(c, &r), CONSUMER_AT_END);
    produce(&m, "k", "later");
    assert_next(c, 2, "later");
    consumer_free(c);
    mock_end(&m);
}

static void begins_at_an_offset_or_at_the_end(void **state)
{
    struct mock            m;
    struct consumer_record r;

    (void)state;
    mock_begin(&m);
    produce(&m, "k", "zero");
    produce(&m, "k", "one");
    struct consumer *at = consume(&m, &(struct consumer_options){ .from = 1 });
    struct consumer *newest = consume(&m, &(struct consumer_options){ .from = CONSUMER_NEWEST });
    assert_next(at, 1, "one");
    assert_int_equal(next(newest, &r), CONSUMER_AT_END);
    produce(&m, "k", "two");
    assert_next(newest, 2, "two");
    consumer_free(at);
    consumer_free(newest);
    mock_end(&m);
}

static void a_group_goes_on_where_it_committed(void **state)
{
    struct mock m;
    struct err  e = { 0 };

    (void)state;
    mock_begin(&m);
    produce(&m, "k", "zero");
    produce(&m, "k", "one");
    const struct consumer_options o = { .from = CONSUMER_OLDEST, .group = "g" };
    struct consumer              *c = consume(&m, &o);
    assert_next(c, 0, "zero");
    if (consumer_commit(c, 1, &e) != 0)
        fail_msg("%s", e.text);
    consumer_free(c);
    c = consume(&m, &o);
    assert_next(c, 1, "one");
    consumer_free(c);
    mock_end(&m);
}

static void on_wake(void *arg)
{
    struct mock *m = arg;
    (void)sem_post(&m->woken);
}

static void wakes_when_something_has_come(void **state)
{
    struct mock            m;
    struct consumer_record r;
    struct err             e = { 0 };
    enum consumer_step     step;
    struct timespec        until;

    (void)state;
    mock_begin(&m);
    assert_int_equal(sem_init(&m.woken, 0, 0), 0);
    struct consumer *c = consume(
        &m, &(struct consumer_options){ .from = CONSUMER_OLDEST, .wake = on_wake, .wake_arg = &m });
    assert_int_equal(next(c, &r), CONSUMER_AT_END);
    assert_int_equal(consumer_next(c, 0, &r, &step, &e), 0);
    assert_int_equal(step, CONSUMER_NOTHING);
    while (sem_trywait(&m.woken) == 0) /* of the end that was told */
        continue;
    produce(&m, "k", "news");
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    assert_int_equal(sem_timedwait(&m.woken, &until), 0);
    assert_next(c, 0, "news");
    consumer_free(c);
    mock_end(&m);
}

static void *stop(void *arg)
{
    consumer_stop(arg);
    return NULL;
}

static void a_stop_ends_the_waiting_for_good(void **state)
{
    struct mock            m;
    struct consumer_record r;
    struct err             e = { 0 };
    enum consumer_step     step = CONSUMER_AT_END;
    pthread_t              thread;
    int                    result = 0;

    (void)state;
    mock_begin(&m);
    struct consumer *c = consume(&m, &(struct consumer_options){ .from = CONSUMER_OLDEST });
    assert_int_equal(pthread_create(&thread, NULL, stop, c), 0);
    while (result == 0)
        result = consumer_next(c, -1, &r, &step, &e);
    assert_int_equal(e.kind, E_STOPPED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(consumer_next(c, -1, &r, &step, &e), -1);
    assert_int_equal(e.kind, E_STOPPED);
    consumer_free(c);
    mock_end(&m);
}

static void settings_that_are_wrong_are_told(void **state)
{
    struct mock             m;
    struct err              e = { 0 };
    struct consumer        *c = NULL;
    struct consumer_options o = { .settings = &m.settings, .topic = "signals" };

    (void)state;
    mock_begin(&m);
    must(&m, "kafka.security.protocol", "ssl");
    must(&m, "kafka.ssl.ca.location", "/nowhere/ca.pem");
    assert_int_equal(consumer_new(&o, &c, &e), -1);
    assert_int_equal(e.kind, E_CONFIG);
    assert_non_null(strstr(e.text, "ssl"));
    mock_end(&m);
}

int main(void)
{
#ifdef __SANITIZE_THREAD__
    /* librdkafka's threads are C11's, which the thread sanitizer does not see begin. */
    (void)puts("skipped: the thread sanitizer does not know threads of thrd_create()");
    return 0;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_from_the_oldest_then_the_end_then_what_comes),
        cmocka_unit_test(begins_at_an_offset_or_at_the_end),
        cmocka_unit_test(a_group_goes_on_where_it_committed),
        cmocka_unit_test(wakes_when_something_has_come),
        cmocka_unit_test(a_stop_ends_the_waiting_for_good),
        cmocka_unit_test(settings_that_are_wrong_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
