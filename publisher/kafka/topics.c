#include "publisher/kafka/topics.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_MS = 5000, GROWTH = 64, TOPICS_MAX = 100000 };

struct known {
    char             *name;
    rd_kafka_topic_t *topic; /* NULL: it is there, and was not asked for yet */
};

struct topics {
    struct producer          *producer;
    const struct output_host *host;
    struct topics_options     options;
    struct known             *known; /* ascending by name */
    size_t                    count, size;
    size_t                    last; /* found last: events of one table come together */
};

int topics_new(struct producer *p, const struct output_host *host, const struct topics_options *o,
               struct topics **out, struct err *e)
{
    struct topics *t = calloc(1, sizeof *t);

    if (t == NULL)
        return err_set(e, E_NOMEM, "no memory for topics");
    t->producer = p;
    t->host = host;
    t->options = *o;
    *out = t;
    return 0;
}

void topics_free(struct topics *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->count; i++) {
        if (t->known[i].topic != NULL)
            rd_kafka_topic_destroy(t->known[i].topic);
        free(t->known[i].name);
    }
    free(t->known);
    free(t);
}

/* ---- which are known ----------------------------------------------------------------------- */

static int compare(struct slice a, const char *b)
{
    int order = strncmp((const char *)a.ptr, b, a.len);
    return order != 0 ? order : -(b[a.len] != 0);
}

/* Where it is, or would be. */
static size_t place(const struct topics *t, struct slice name, bool *found)
{
    size_t low = 0, high = t->count;

    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int    order = compare(name, t->known[middle].name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int learn(struct topics *t, struct slice name, struct err *e)
{
    bool   found;
    size_t at = place(t, name, &found);

    if (found)
        return 0;
    if (t->count == TOPICS_MAX)
        return err_set(e, E_LIMIT, "more than %d topics", TOPICS_MAX);
    if (t->count == t->size) {
        struct known *grown = realloc(t->known, (t->size + GROWTH) * sizeof *grown);
        if (grown == NULL)
            return err_set(e, E_NOMEM, "no memory for topics");
        t->known = grown;
        t->size += GROWTH;
    }
    char *copy = strndup((const char *)name.ptr, name.len);
    if (copy == NULL)
        return err_set(e, E_NOMEM, "no memory for topics");
    memmove(&t->known[at + 1], &t->known[at], (t->count - at) * sizeof *t->known);
    t->known[at] = (struct known){ .name = copy };
    t->count++;
    return 0;
}

/* All of them: a question for one would make it on many brokers. */
static int list(struct topics *t, bool *again, struct err *e)
{
    const struct rd_kafka_metadata *all = NULL;
    rd_kafka_resp_err_t             code;
    char                            why[ERR_TEXT_BYTES];

    while ((code = rd_kafka_metadata(producer_handle(t->producer), 1, NULL, &all, ASK_MS)) ==
               RD_KAFKA_RESP_ERR__TRANSPORT ||
           code == RD_KAFKA_RESP_ERR__TIMED_OUT) {
        producer_trouble(t->producer, why);
        if (why[0] == 0)
            (void)snprintf(why, sizeof why, "no broker answers");
        TRY(t->host->wait(t->host->arg, why, 1, e));
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        *again = true;
        return err_set(e, E_IO, "ask the broker for its topics: %s", rd_kafka_err2str(code));
    }
    int result = 0;
    for (int i = 0; result == 0 && i < all->topic_cnt; i++)
        if (all->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            result = learn(t, slice_of_text(all->topics[i].topic), e);
    rd_kafka_metadata_destroy(all);
    return result;
}

/* ---- made ---------------------------------------------------------------------------------- */

static int describe(const struct topics *t, rd_kafka_NewTopic_t *one, bool compacted, struct err *e)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (compacted) {
        code = rd_kafka_NewTopic_set_config(one, "cleanup.policy", "compact");
        return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : err_set(e, E_NOMEM, "no memory");
    }
    for (size_t i = 0; i < t->options.settings->count; i++) {
        const struct kafka_setting *s = &t->options.settings->items[i];
        if (s->of_topics && rd_kafka_NewTopic_set_config(one, s->name, s->value) != code)
            return err_set(e, E_NOMEM, "no memory for a topic's settings");
    }
    return 0;
}

static int make_answer(rd_kafka_event_t *event, const char *name, bool *again, struct err *e)
{
    size_t                                count = 0;
    const rd_kafka_topic_result_t       **results;
    rd_kafka_resp_err_t                   code = rd_kafka_event_error(event);
    const char                           *text = rd_kafka_event_error_string(event);
    const rd_kafka_CreateTopics_result_t *made = rd_kafka_event_CreateTopics_result(event);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && made != NULL) {
        results = rd_kafka_CreateTopics_result_topics(made, &count);
        if (count > 0) {
            code = rd_kafka_topic_result_error(results[0]);
            text = rd_kafka_topic_result_error_string(results[0]);
        }
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return 0;
    *again = true;
    return err_set(e, E_IO, "make topic '%s': %s", name,
                   text != NULL ? text : rd_kafka_err2str(code));
}

static int ask_to_make(struct topics *t, rd_kafka_NewTopic_t *one, const char *name, bool *again,
                       struct err *e)
{
    rd_kafka_t              *rk = producer_handle(t->producer);
    rd_kafka_queue_t        *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *how = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    char                     why[ERR_TEXT_BYTES];

    (void)rd_kafka_AdminOptions_set_operation_timeout(how, ASK_MS, why, sizeof why);
    (void)rd_kafka_AdminOptions_set_request_timeout(how, 2 * ASK_MS, why, sizeof why);
    rd_kafka_CreateTopics(rk, &one, 1, how, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 3 * ASK_MS);
    int               result;
    if (event == NULL) {
        *again = true;
        result = err_set(e, E_IO, "make topic '%s': no answer", name);
    } else {
        result = make_answer(event, name, again, e);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(how);
    rd_kafka_queue_destroy(queue);
    return result;
}

static int make(struct topics *t, const char *name, bool compacted, bool *again, struct err *e)
{
    char why[ERR_TEXT_BYTES] = "";
    int  partitions = t->options.partitions == 0 ? -1 : (int)t->options.partitions;
    int  replication = t->options.replication == 0 ? -1 : (int)t->options.replication;

    rd_kafka_NewTopic_t *one =
        rd_kafka_NewTopic_new(name, compacted ? 1 : partitions, replication, why, sizeof why);
    if (one == NULL)
        return err_set(e, E_CONFIG, "topic '%s': %s", name, why);
    int result = describe(t, one, compacted, e);
    if (result == 0)
        result = ask_to_make(t, one, name, again, e);
    rd_kafka_NewTopic_destroy(one);
    return result;
}

/* ---- found --------------------------------------------------------------------------------- */

static int ensure(struct topics *t, struct slice name, bool compacted, bool *again, struct err *e)
{
    bool found;

    (void)place(t, name, &found);
    if (found)
        return 0;
    TRY(list(t, again, e));
    (void)place(t, name, &found);
    if (found)
        return 0;
    char *copy = strndup((const char *)name.ptr, name.len);
    if (copy == NULL)
        return err_set(e, E_NOMEM, "no memory for a topic's name");
    int result;
    if (t->options.create) {
        result = make(t, copy, compacted, again, e);
    } else {
        *again = true; /* as soon as somebody has made it */
        result =
            err_set(e, E_IO,
                    "topic '%s' does not exist: make it, or set topic.creation.enable = yes", copy);
    }
    free(copy);
    return result == 0 ? learn(t, name, e) : -1;
}

static int find(struct topics *t, struct slice name, bool compacted, rd_kafka_topic_t **out,
                bool *again, struct err *e)
{
    bool found;

    if (t->last < t->count && t->known[t->last].topic != NULL &&
        compare(name, t->known[t->last].name) == 0) {
        *out = t->known[t->last].topic;
        return 0;
    }
    TRY(ensure(t, name, compacted, again, e));
    size_t at = place(t, name, &found);
    assert(found);
    if (t->known[at].topic == NULL)
        t->known[at].topic =
            rd_kafka_topic_new(producer_handle(t->producer), t->known[at].name, NULL);
    if (t->known[at].topic == NULL)
        return err_set(e, E_IO, "topic '%s': %s", t->known[at].name,
                       rd_kafka_err2str(rd_kafka_last_error()));
    t->last = at;
    *out = t->known[at].topic;
    return 0;
}

int topics_find(struct topics *t, struct slice name, rd_kafka_topic_t **out, bool *again,
                struct err *e)
{
    return find(t, name, false, out, again, e);
}

int topics_find_compacted(struct topics *t, const char *name, rd_kafka_topic_t **out, bool *again,
                          struct err *e)
{
    return find(t, slice_of_text(name), true, out, again, e);
}

static bool has(const struct rd_kafka_metadata *all, const char *name)
{
    for (int i = 0; i < all->topic_cnt; i++)
        if (strcmp(all->topics[i].topic, name) == 0 &&
            all->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
    return false;
}

int topics_check(struct topics *t, bool *again, struct err *e)
{
    const struct rd_kafka_metadata *all = NULL;

    if (rd_kafka_metadata(producer_handle(t->producer), 1, NULL, &all, ASK_MS) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    int result = 0;
    for (size_t i = 0; result == 0 && i < t->count; i++) {
        if (t->known[i].topic == NULL || has(all, t->known[i].name))
            continue;
        *again = true;
        result = err_set(e, E_IO, "topic '%s' was deleted", t->known[i].name);
    }
    rd_kafka_metadata_destroy(all);
    return result;
}

int topics_partitions(struct topics *t, const char *name, int32_t *out, bool *again, struct err *e)
{
    const struct rd_kafka_metadata *all = NULL;
    rd_kafka_resp_err_t             code =
        rd_kafka_metadata(producer_handle(t->producer), 1, NULL, &all, ASK_MS);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        *again = true;
        return err_set(e, E_IO, "ask the broker for its topics: %s", rd_kafka_err2str(code));
    }
    int32_t found = 0;
    for (int i = 0; i < all->topic_cnt; i++)
        if (strcmp(all->topics[i].topic, name) == 0)
            found = all->topics[i].partition_cnt;
    rd_kafka_metadata_destroy(all);
    if (found == 0)
        return err_set(e, E_CONFIG, "there is no topic '%s'", name);
    *out = found;
    return 0;
}
