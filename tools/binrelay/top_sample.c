#include "tools/binrelay/top_sample.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "tools/binrelay/answer.h"
#include "tools/binrelay/question.h"

static int64_t monotonic_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int parse_consumers(struct slice lines, struct top_sample *s, struct err *e)
{
    struct slice line;

    while (question_next_line(&lines, &line)) {
        struct json_object  *one = NULL;
        struct json_object **grown =
            realloc(s->consumers, (s->consumer_count + 1) * sizeof(void *));
        if (grown == NULL)
            return err_set(e, E_NOMEM, "no memory for consumers");
        s->consumers = grown;
        TRY(answer_parse(line, &one, e));
        s->consumers[s->consumer_count++] = one;
    }
    return 0;
}

static int ask(const struct folder *at, struct top_sample *s, struct buf *text, struct err *e)
{
    static const char *const status[] = { "status", NULL };
    static const char *const consumers[] = { "consumers", NULL };
    struct slice             line, rest;

    TRY(question_ask_one(at, status, text, e));
    s->at_us = monotonic_us();
    rest = buf_slice(text);
    if (!question_next_line(&rest, &line))
        return err_set(e, E_STOPPED, "the relay stopped before it answered");
    TRY(answer_parse(line, &s->status, e));
    buf_clear(text);
    TRY(question_ask(at, consumers, text, e));
    return parse_consumers(buf_slice(text), s, e);
}

int top_sample_take(const struct folder *at, struct top_sample *out, struct err *e)
{
    struct top_sample s = { 0 };
    struct buf        text;

    buf_init(&text, QUESTION_BYTES_MAX);
    int result = ask(at, &s, &text, e);
    buf_done(&text);
    if (result == 0)
        *out = s;
    else
        top_sample_done(&s);
    return result;
}

void top_sample_done(struct top_sample *s)
{
    answer_free(s->status);
    for (size_t i = 0; i < s->consumer_count; i++)
        answer_free(s->consumers[i]);
    free(s->consumers);
    *s = (struct top_sample){ 0 };
}

/* ---- rates --------------------------------------------------------------------------------- */

/* The one of this name in an array of objects. */
static struct json_object *named(struct json_object *array, const char *name)
{
    for (size_t i = 0; i < answer_count(array); i++)
        if (strcmp(answer_text(answer_item(array, i), "name"), name) == 0)
            return answer_item(array, i);
    return NULL;
}

double top_seconds(const struct top_pair *p)
{
    return p->before != NULL ? (double)(p->now->at_us - p->before->at_us) / 1e6 : 0;
}

static double rate(const struct top_pair *p, struct json_object *before, struct json_object *now,
                   const char *counter)
{
    double seconds = top_seconds(p);

    if (before == NULL || now == NULL || seconds <= 0)
        return -1;
    uint64_t a = answer_uint(before, counter), b = answer_uint(now, counter);
    return b < a ? -1 : (double)(b - a) / seconds;
}

static struct json_object *channel_before(const struct top_pair *p, struct json_object *channel)
{
    if (p->before == NULL)
        return NULL;
    return named(answer_member(p->before->status, "channels"), answer_text(channel, "name"));
}

double top_source_rate(const struct top_pair *p, struct json_object *channel, const char *counter)
{
    return rate(p, answer_member(channel_before(p, channel), "source"),
                answer_member(channel, "source"), counter);
}

double top_publisher_rate(const struct top_pair *p, struct json_object *channel,
                          struct json_object *publisher)
{
    struct json_object *before = named(answer_member(channel_before(p, channel), "publishers"),
                                       answer_text(publisher, "name"));
    return rate(p, before, publisher, "events");
}

/* Its stream: the session of the same user, server_id and channel. */
static struct json_object *session_of(const struct top_sample *s, struct json_object *consumer)
{
    struct json_object *sessions = answer_member(s->status, "sessions");

    for (size_t i = 0; i < answer_count(sessions); i++) {
        struct json_object *x = answer_item(sessions, i);
        if (answer_uint(x, "server_id") == answer_uint(consumer, "server_id") &&
            strcmp(answer_text(x, "user"), answer_text(consumer, "user")) == 0 &&
            strcmp(answer_text(x, "channel"), answer_text(consumer, "channel")) == 0 &&
            answer_has(x, "file"))
            return x;
    }
    return NULL;
}

double top_consumer_rate(const struct top_pair *p, struct json_object *consumer)
{
    struct json_object *now = session_of(p->now, consumer);
    struct json_object *before = p->before != NULL ? session_of(p->before, consumer) : NULL;

    if (now == NULL || before == NULL || answer_uint(now, "id") != answer_uint(before, "id"))
        return -1;
    return rate(p, before, now, "sent_bytes");
}
