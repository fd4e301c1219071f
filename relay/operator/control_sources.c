#include "relay/operator/control_sources.h"
#include <string.h>
#include "relay/operator/control_json.h"
#include "relay/prober.h"

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
