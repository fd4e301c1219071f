#include "publisher/kafka/kafka_core.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Kafka will never take this record as it is. */
static bool is_of_record(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
           code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE || code == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
           code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
           code == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
}

static enum err_kind kind_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        return E_AUTH;
    default:
        return E_IO;
    }
}

static void place_text(const struct kafka *k, store_pos pos, char *into, size_t room)
{
    struct store_file f;
    struct err        ignored = { 0 };

    if (store_file_by_ordinal(k->host.store, store_pos_ordinal(pos), &f, &ignored) == 0)
        (void)snprintf(into, room, "%s:%llu", f.name, (unsigned long long)store_pos_offset(pos));
    else
        (void)snprintf(into, room, "?");
}

static int be_careful(struct kafka *k, store_pos pos, const char *why, struct err *e)
{
    k->careful_until = pos + 1;
    k->base.again = k->base.at_once = true;
    return err_set(e, E_LIMIT, "%s", why);
}

int kafka_refuse(struct kafka *k, const struct record_id *id, const char *topic, const char *why,
                 struct err *e)
{
    char place[STORE_NAME_BYTES + 32];

    if (k->dead_letter_topic != NULL)
        return kafka_remember_refused(k, id, false, why, e);
    /* First all that is before it: whole transactions one by one. */
    if (k->careful_until == 0)
        return be_careful(k, id->pos, why, e);
    place_text(k, id->pos, place, sizeof place);
    k->stuck = *id;
    k->base.is_stuck = true;
    return err_set(e, E_LIMIT,
                   "the event at %s, row %u, can't be delivered to topic '%s': %s. 'binrelay "
                   "publisher %s retry' tries again, 'skip' leaves this record out",
                   place, id->row, topic, why, k->host.name);
}

/* The broker refuses whole requests: the same once more one by one tells which record it is. */
static int fail_record(struct kafka *k, const struct producer_failure *f, struct err *e)
{
    if (k->careful_until == 0)
        return be_careful(k, f->id.pos, f->text, e);
    TRY(kafka_refuse(k, &f->id, f->topic, f->text, e));
    k->base.again = k->base.at_once = true;
    return err_set(e, E_LIMIT, "topic '%s': %s", f->topic, f->text);
}

static bool is_fenced(const struct kafka *k, rd_kafka_resp_err_t code)
{
    if (!k->options.exactly_once)
        return false;
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

static int64_t timeout_ms(const struct kafka *k)
{
    const char *limit = kafka_settings_get(k->options.settings, "transaction.timeout.ms");
    return limit != NULL ? strtoll(limit, NULL, 10) : KAFKA_TRANSACTION_TIMEOUT_MS;
}

/* A transaction that took too long is ended by the broker, which fences its producer, too. */
static bool was_too_slow(const struct kafka *k)
{
    return k->in_txn && output_now_ms() - k->batch_begun_ms >= timeout_ms(k);
}

/* Begun again by itself only where nobody else took the name: two would drive each other out for
   ever. */
static int fail_fenced(struct kafka *k, struct err *e)
{
    if (!was_too_slow(k))
        return err_set(e, E_REFUSED,
                       "another publisher has taken over: it uses transactional.id '%s', too",
                       k->transactional_id);
    k->base.again = true;
    return err_set(e, E_IO,
                   "a transaction took longer than transaction.timeout.ms = %lld and was ended by "
                   "the broker; it is begun again. If it comes to this each time, as with a very "
                   "large transaction of the source: raise kafka.transaction.timeout.ms",
                   (long long)timeout_ms(k));
}

static int fail_report(struct kafka *k, const struct producer_failure *f, struct err *e)
{
    char place[STORE_NAME_BYTES + 32];

    if (is_of_record(f->code))
        return fail_record(k, f, e);
    if (is_fenced(k, f->code))
        return fail_fenced(k, e);
    k->base.again = true;
    place_text(k, f->id.pos, place, sizeof place);
    return err_set(e, kind_of(f->code), "topic '%s': %s (from %s on)", f->topic, f->text, place);
}

int kafka_fail(struct kafka *k, rd_kafka_resp_err_t code, const char *what, struct err *e)
{
    struct producer_failure f;
    char                    why[ERR_TEXT_BYTES] = "";

    if (producer_failed(k->producer, &f))
        return fail_report(k, &f, e);
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        code = rd_kafka_fatal_error(producer_handle(k->producer), why, sizeof why);
    if (is_fenced(k, code))
        return fail_fenced(k, e);
    k->base.again = true;
    return err_set(e, kind_of(code), "%s: %s", what, why[0] != 0 ? why : rd_kafka_err2str(code));
}

int kafka_fail_error(struct kafka *k, rd_kafka_error_t *error, const char *what, struct err *e)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    char                text[ERR_TEXT_BYTES];

    (void)snprintf(text, sizeof text, "%s (%s)", what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return kafka_fail(k, code, text, e);
}
