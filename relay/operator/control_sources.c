#include "relay/operator/control_sources.h"
#include <string.h>
#include "relay/operator/control_json.h"
#include "relay/prober.h"
#include "relay/switchover.h"

/* ---- part of the status ---------------------------------------------------------------------- */

void control_put_change(struct json *j, struct channel *c)
{
    struct sources_change change;
    struct store_file     last;

    put_uint_or_null(j, "epoch", store_last_file(channel_store(c), &last) ? last.epoch : 0);
    sources_last_change(channel_sources(c), &change);
    json_name(j, "last_switch");
    if (change.at_s == 0) {
        json_null(j);
        return;
    }
    json_open_object(j);
    put_time_or_null(j, "at_s", change.at_s);
    put_text(j, "from", change.from);
    put_bool(j, "by_itself", change.by_itself);
    json_close_object(j);
}

/* ---- sources ------------------------------------------------------------------------------- */

static const char *state_of(const struct health *h, bool active)
{
    static const char *const standings[] = {
        [HEALTH_UNKNOWN] = "unknown",
        [HEALTH_EVEN] = "ready",
        [HEALTH_BEHIND] = "behind",
        [HEALTH_PURGED] = "purged",
    };

    if (active)
        return "active";
    if (h->looked_s == 0)
        return "unseen";
    if (!h->answers)
        return "unreachable";
    return h->problem[0] != '\0' ? "unfit" : standings[h->standing];
}

static void put_facts(struct json *j, const struct server_facts *f)
{
    put_text_or_null(j, "family",
                     !f->known                     ? ""
                     : f->family == FAMILY_MARIADB ? "mariadb"
                                                   : "mysql");
    put_text_or_null(j, "version", f->version);
    put_uint_or_null(j, "server_id", f->server_id);
    put_text_or_null(j, "server_uuid", f->server_uuid);
}

static void put_bool_or_null(struct json *j, const char *name, bool known, bool value)
{
    json_name(j, name);
    if (known)
        json_bool(j, value);
    else
        json_null(j);
}

static void put_count_or_null(struct json *j, const char *name, bool known, uint64_t value)
{
    json_name(j, name);
    if (known)
        json_uint(j, value);
    else
        json_null(j);
}

static void put_executed(struct json *j, const struct gtids *executed)
{
    struct buf text;

    buf_init(&text, CONTROL_ANSWER_BYTES_MAX);
    gtids_put_text(executed, &text);
    put_text_or_null(j, "gtids", buf_text(&text));
    buf_done(&text);
}

static void put_place(struct json *j, const struct health *h, const struct channel_status *active)
{
    put_text_or_null(j, "file", active != NULL ? active->source_file : h->file);
    put_uint_or_null(j, "offset", active != NULL ? active->source_offset : h->offset);
}

struct lines {
    struct channel       *channel;
    const char           *name;
    struct channel_status status;
    struct buf           *out; /* all of a channel's lines */
};

static void put_source(void *arg, const struct config_source *source, const struct health *h)
{
    const struct lines *l = arg;
    struct json         j = json_into(l->out);
    bool                active = source == channel_source(l->channel);
    bool                compared = !active && h->standing != HEALTH_UNKNOWN;

    json_open_object(&j);
    put_text(&j, "channel", l->name);
    put_text(&j, "name", source->name);
    put_bool(&j, "active", active);
    put_text(&j, "state", state_of(h, active));
    put_text_or_null(&j, "problem",
                     active && l->status.problem[0] != '\0' ? l->status.problem : h->problem);
    put_bool_or_null(&j, "answers", h->looked_s != 0, h->answers);
    put_text_or_null(&j, "address", h->address[0] != '\0' ? h->address : source->host);
    put_time_or_null(&j, "looked_s", h->looked_s);
    put_facts(&j, &h->facts);
    put_bool_or_null(&j, "read_only", h->answers, h->read_only);
    put_place(&j, h, active ? &l->status : NULL);
    put_executed(&j, &h->executed);
    put_count_or_null(&j, "lacking", compared, h->lacking);
    put_count_or_null(&j, "ahead", compared, h->more);
    put_text_or_null(&j, "replicates_from", h->replicates_from);
    put_bool_or_null(&j, "replicates", h->replicates_from[0] != '\0', h->replicates);
    put_bool(&j, "catch_up", *source->admin_user != '\0');
    json_close_object(&j);
    buf_put_u8(l->out, '\n');
}

int control_answer_sources(const struct control_context *x, const struct control_request *r,
                           char *const *words, struct buf *line, control_put *put, void *put_arg,
                           struct err *e)
{
    struct channel *only = NULL;

    (void)words;
    if (r->slot != NULL)
        TRY(control_channel(x, r, &only, e));
    for (size_t i = 0; i < x->channels->count; i++) {
        const struct channel_slot *slot = &x->channels->slots[i];
        struct lines l = { .channel = slot->channel, .name = slot->config->name, .out = line };
        if (slot->channel == NULL || (only != NULL && slot->channel != only))
            continue;
        buf_clear(line);
        channel_status(slot->channel, &l.status);
        prober_each(channel_prober(slot->channel), put_source, &l);
        TRY(buf_check(line, "an answer", e));
        TRY(put(put_arg, buf_slice(line), e));
    }
    return 0;
}

/* ---- epochs -------------------------------------------------------------------------------- */

struct epochs {
    struct store *store;
    struct buf   *line;
    control_put  *put;
    void         *put_arg;
};

static int put_epoch(void *arg, const struct catalog_epoch *x, struct err *e)
{
    const struct epochs *to = arg;
    struct json          j = json_into(to->line);
    struct store_file    f;
    struct err           ignored;

    buf_clear(to->line);
    json_open_object(&j);
    put_uint(&j, "epoch", x->epoch);
    put_time_or_null(&j, "begun_s", x->begun_s);
    put_text(&j, "source", x->source.name);
    put_uint(&j, "source_server_id", x->source.server_id);
    put_text_or_null(&j, "source_server_uuid", x->source.uuid);
    put_text(&j, "source_version", x->source.version);
    put_text(&j, "method", x->method);
    put_uint(&j, "ordinal", x->ordinal);
    bool held = store_file_by_ordinal(to->store, x->ordinal, &f, &ignored) == 0;
    put_text_or_null(&j, "file", held ? f.name : "");
    put_text(&j, "source_file", x->source_file);
    put_bool(&j, "forked", x->forked);
    put_text_or_null(&j, "lacking", x->lacking);
    put_text_or_null(&j, "errant", x->errant);
    put_text_or_null(&j, "lost", x->lost);
    json_close_object(&j);
    return control_emit(to->line, to->put, to->put_arg, e);
}

int control_answer_epochs(const struct control_context *x, const struct control_request *r,
                          char *const *words, struct buf *line, control_put *put, void *put_arg,
                          struct err *e)
{
    struct channel *c;

    (void)words;
    TRY(control_channel(x, r, &c, e));
    struct epochs to = { .store = channel_store(c), .line = line, .put = put, .put_arg = put_arg };
    return catalog_each_epoch(store_catalog(to.store), put_epoch, &to, e);
}

/* ---- switch -------------------------------------------------------------------------------- */

struct switch_answer {
    const struct switchover_order *order;
    struct buf                    *line;
    control_put                   *put;
    void                          *put_arg;
};

static void put_place_of(struct json *j, const char *name, const char *file, uint64_t offset)
{
    json_name(j, name);
    if (*file == '\0') {
        json_null(j);
        return;
    }
    json_open_object(j);
    put_text(j, "file", file);
    put_uint(j, "offset", offset);
    json_close_object(j);
}

static void put_amount(struct json *j, const char *name, bool known, uint64_t transactions,
                       uint64_t bytes)
{
    json_name(j, name);
    json_open_object(j);
    put_count_or_null(j, "transactions", known, transactions);
    put_count_or_null(j, "bytes", known, bytes);
    json_close_object(j);
}

static void put_named(struct json *j, const char *name, uint64_t transactions,
                      const struct buf *which)
{
    json_name(j, name);
    json_open_object(j);
    put_uint(j, "transactions", transactions);
    json_name(j, "which");
    if (which->len > 0)
        json_text_slice(j, buf_slice(which));
    else
        json_null(j);
    json_close_object(j);
}

static void put_lines(struct json *j, const char *name, const char *text)
{
    json_name(j, name);
    json_open_array(j);
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        json_text_slice(j, (struct slice){ (const uint8_t *)text, n });
        text += n + (text[n] == '\n' ? 1 : 0);
    }
    json_close_array(j);
}

static void put_plan(struct json *j, const struct switchover_news *n)
{
    const struct plan *p = n->plan;

    put_text(j, "address", p->address);
    put_facts(j, &p->facts);
    put_text(j, "method", plan_method_name(p->method));
    put_text(j, "file", p->file);
    put_place_of(j, "first_new", p->first_new_file, p->first_new_at);
    put_amount(j, "skipped", p->counted, p->skipped_transactions, p->skipped_bytes);
    put_amount(j, "new", p->counted, p->new_transactions, p->new_bytes);
    put_named(j, "lacking", p->lacking_transactions, &p->lacking);
    put_named(j, "errant", p->errant_transactions, &p->errant);
    put_named(j, "lost", p->lost_transactions, &p->lost);
    put_bool(j, "same_server", p->same_server);
    put_bool(j, "reset", p->reset);
    put_uint(j, "look_ms", (uint64_t)n->look_ms);
    put_text_or_null(j, "refusal", n->refusal != NULL ? n->refusal->text : "");
    put_text_or_null(j, "kind", n->refusal != NULL ? err_kind_name(n->refusal->kind) : "");
    put_lines(j, "statements", n->statements);
}

static void put_joined(struct json *j, const struct follow_joined *joined)
{
    put_uint(j, "epoch", joined->epoch);
    put_text(j, "file", joined->file);
    put_uint(j, "joined_ms", (uint64_t)((joined->joined_us - joined->began_us) / 1000));
}

static int put_news(void *arg, const struct switchover_news *n, struct err *e)
{
    static const char *const stages[] = {
        [SWITCHOVER_LOOKS] = "looks",           [SWITCHOVER_PLANNED] = "planned",
        [SWITCHOVER_CATCHES_UP] = "catches_up", [SWITCHOVER_JOINS] = "joins",
        [SWITCHOVER_FOLLOWS] = "follows",
    };
    const struct switch_answer *to = arg;
    struct json                 j = json_into(to->line);

    buf_clear(to->line);
    json_open_object(&j);
    put_text(&j, "step", stages[n->stage]);
    put_text(&j, "source", to->order->to->name);
    if (n->sentence != NULL)
        put_text(&j, "text", n->sentence);
    if (n->stage == SWITCHOVER_LOOKS) {
        put_text(&j, "file", n->file);
        put_uint(&j, "offset", n->offset);
        put_uint(&j, "bytes", n->bytes);
    }
    if (n->plan != NULL)
        put_plan(&j, n);
    if (n->joined != NULL)
        put_joined(&j, n->joined);
    if (n->warning != NULL)
        put_text_or_null(&j, "warning", n->warning);
    json_close_object(&j);
    return control_emit(to->line, to->put, to->put_arg, e);
}

static int take_flags(const char *words, struct switchover_order *order, struct err *e)
{
    for (const char *at = words; *at != '\0';) {
        size_t n = strcspn(at, ",");
        if (n == 8 && strncmp(at, "catch_up", n) == 0)
            order->catch_up = true;
        else if (n == 9 && strncmp(at, "keep_fork", n) == 0)
            order->keep_fork = true;
        else if (n != 1 || *at != '-')
            return err_set(e, E_PROTOCOL, "a switch knows no '%.50s'", at);
        at += n + (at[n] == ',' ? 1 : 0);
    }
    return 0;
}

int control_answer_switch(const struct control_context *x, const struct control_request *r,
                          char *const *words, struct buf *line, control_put *put, void *put_arg,
                          struct err *e)
{
    struct channel         *c;
    struct switchover_order order = { .at = strcmp(words[3], "-") != 0 ? words[3] : "" };
    struct switch_answer    to = { .order = &order, .line = line, .put = put, .put_arg = put_arg };

    order.dry_run = strcmp(words[2], "dry") == 0;
    if (!order.dry_run && strcmp(words[2], "run") != 0)
        return err_set(e, E_PROTOCOL, "a switch is 'dry' or 'run', not '%.50s'", words[2]);
    if (strlen(order.at) >= sizeof((struct follow_order *)0)->at)
        return err_set(e, E_CONFIG, "'%.50s...' is no FILE:POSITION", order.at);
    TRY(take_flags(words[4], &order, e));
    TRY(control_channel(x, r, &c, e));
    TRY(sources_find(channel_sources(c), words[1], &order.to, e));
    return switchover_run(channel_switchover(c), &order, put_news, &to, e);
}
