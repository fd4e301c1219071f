/*
 * Hands the records of a publisher's file to Kafka with librdkafka's own producer and nothing else,
 * and prints how long that took as JSON: what the relay's Kafka output is measured against.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include "protocol/base/bytes.h"
#include "protocol/base/own.h"

enum { POLL_MS = 100, FLUSH_MS = 600000, HEADERS = 4, LINE_HEAD = sizeof "{\"topic\":" - 1 };

static double now_s(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    struct rusage used = { 0 };
    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "produce: %s: %s\n", what, why);
    exit(1);
}

static char *read_all(const char *path, size_t *length)
{
    FILE *f = fopen(path, "re");
    long  size = f != NULL && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    char *text = size >= 0 ? malloc((size_t)size + 1) : NULL;

    if (text == NULL || fseek(f, 0, SEEK_SET) != 0 ||
        fread(text, 1, (size_t)size, f) != (size_t)size)
        fail(path, "can't be read");
    (void)fclose(f);
    text[size] = 0;
    *length = (size_t)size;
    return text;
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
    (void)rk;
    (void)arg;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("a record did not arrive", rd_kafka_err2str(m->err));
}

static rd_kafka_t *start(char **settings, int count)
{
    char             why[256] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    for (int i = 0; i < count; i++) {
        char *equals = strchr(settings[i], '=');
        if (equals == NULL)
            fail(settings[i], "is not NAME=VALUE");
        *equals = 0;
        if (rd_kafka_conf_set(conf, settings[i], equals + 1, why, sizeof why) != RD_KAFKA_CONF_OK)
            fail(settings[i], why);
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (rk == NULL)
        fail("librdkafka", why);
    return rk;
}

static void put(rd_kafka_t *rk, rd_kafka_topic_t *topic, struct slice key, struct slice value)
{
    static const char *const names[HEADERS] = { "__debezium.context.connectorLogicalName",
                                                "__debezium.context.taskId",
                                                "__debezium.context.connectorName",
                                                "__debezium.context.runId" };
    rd_kafka_resp_err_t      code;
    bool                     none = value.len == 4 && memcmp(value.ptr, "null", 4) == 0;

    do {
        rd_kafka_headers_t *headers = rd_kafka_headers_new(HEADERS);
        for (size_t i = 0; i < HEADERS; i++)
            (void)rd_kafka_header_add(headers, names[i], -1, "0123456789", -1);
        code = rd_kafka_producev(
            rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY((void *)(uintptr_t)key.ptr, key.len),
            RD_KAFKA_V_VALUE(none ? NULL : (void *)(uintptr_t)value.ptr, none ? 0 : value.len),
            RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_headers_destroy(headers);
        (void)rd_kafka_poll(rk, code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? POLL_MS : 0);
    } while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("produce", rd_kafka_err2str(code));
}

/* {"topic":"...","key":KEY,"value":VALUE}: keys of the benchmark hold no such text. */
static uint64_t put_lines(rd_kafka_t *rk, rd_kafka_topic_t *topic, char *text, const char *end)
{
    static const char key_word[] = ",\"key\":", value_word[] = ",\"value\":";
    uint64_t          count = 0;

    for (char *line = text, *next; line < end; line = next) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        if (stop == NULL)
            break;
        next = stop + 1;
        *stop = 0;
        char *key = strstr(line + LINE_HEAD, key_word);
        char *value = key != NULL ? strstr(key, value_word) : NULL;
        if (value == NULL)
            fail(line, "is no publisher's line");
        key += sizeof key_word - 1;
        struct slice k = { (const uint8_t *)key, (size_t)(value - key) };
        value += sizeof value_word - 1;
        put(rk, topic, k, (struct slice){ (const uint8_t *)value, (size_t)(stop - 1 - value) });
        count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    size_t length = 0;

    if (argc < 3) {
        (void)fprintf(stderr, "usage: produce FILE TOPIC NAME=VALUE...\n");
        return 1;
    }
    OWN_MEM char     *text = read_all(argv[1], &length);
    rd_kafka_t       *rk = start(argv + 3, argc - 3);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[2], NULL);
    double            cpu = cpu_s(), begin = now_s();
    uint64_t          count = put_lines(rk, topic, text, text + length);

    if (rd_kafka_flush(rk, FLUSH_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("flush", "not all records arrived");
    (void)printf("{\"records\":%llu,\"seconds\":%.3f,\"cpu_s\":%.3f}\n", (unsigned long long)count,
                 now_s() - begin, cpu_s() - cpu);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return 0;
}
