#include "publisher/kafka/checkpoint.h"
#include <stdlib.h>
#include <string.h>
#include "protocol/base/json.h"
#include "storage/catalog.h"
#include "storage/locate.h"

static const char uuid_name[] = "relay.server_uuid"; /* in the catalog */

static int own_uuid(struct store *s, struct buf *out, struct err *e)
{
    return catalog_get_value(store_catalog(s), uuid_name, out, e) < 0 ? -1 : 0;
}

static int put_value(const struct output_host *host, const struct output_place *at,
                     struct buf *uuid, struct buf *gtids, struct buf *value, struct err *e)
{
    struct store_file file;
    struct json       j = json_into(value);

    TRY(own_uuid(host->store, uuid, e));
    TRY(store_file_by_ordinal(host->store, store_pos_ordinal(at->next), &file, e));
    gtids_put_text(at->gtids, gtids);
    TRY(buf_check(gtids, "GTIDs of a checkpoint", e));
    json_open_object(&j);
    json_name(&j, "relay");
    json_text(&j, buf_text(uuid));
    json_name(&j, "file");
    json_text(&j, file.name);
    json_name(&j, "offset");
    json_uint(&j, store_pos_offset(at->next));
    json_name(&j, "gtids");
    json_text(&j, buf_text(gtids));
    json_name(&j, "events");
    json_uint(&j, at->events);
    if (at->state != NULL && *at->state != 0) {
        json_name(&j, "state");
        json_text(&j, at->state);
    }
    json_close_object(&j);
    return buf_check(value, "a checkpoint", e);
}

int checkpoint_put_key(const struct output_host *host, struct buf *out, struct err *e)
{
    struct json j = json_into(out);

    json_open_object(&j);
    json_name(&j, "publisher");
    json_text(&j, host->name);
    json_close_object(&j);
    return buf_check(out, "a checkpoint", e);
}

int checkpoint_put_value(const struct output_host *host, const struct output_place *at,
                         struct buf *out, struct err *e)
{
    struct buf uuid, gtids;

    buf_init(&uuid, CHECKPOINT_BYTES_MAX);
    buf_init(&gtids, CHECKPOINT_BYTES_MAX);
    int result = put_value(host, at, &uuid, &gtids, out, e);
    buf_done(&uuid);
    buf_done(&gtids);
    return result;
}

static int by_gtids(const struct checkpoint *c, struct store *s, store_pos *out, struct err *e)
{
    struct gtids       have = { 0 };
    struct locate_gtid found;

    TRY(gtids_parse(&have, slice_of_text(c->gtids), e));
    int result = have.state.count > 0 ? locate_gtid_state(s, &have.state, &found, e)
                                      : locate_gtid_set(s, &have.set, &found, e);
    gtids_done(&have);
    if (result == 0)
        *out = found.first;
    return result;
}

int checkpoint_locate(const struct checkpoint *c, struct store *s, store_pos *out, struct err *e)
{
    struct buf uuid;

    buf_init(&uuid, CHECKPOINT_BYTES_MAX);
    int  result = own_uuid(s, &uuid, e);
    bool is_ours = result == 0 && strcmp(buf_text(&uuid), c->relay) == 0;
    buf_done(&uuid);
    TRY(result);
    if (is_ours)
        return locate_position(s, c->file, c->offset, out, e);
    if (*c->gtids != 0)
        return by_gtids(c, s, out, e);
    return err_set(
        e, E_CONFIG,
        "the checkpoint in Kafka is another relay's (%s) and has no GTIDs: it is at %s:%llu "
        "there, and nobody knows where that is here",
        c->relay, c->file, (unsigned long long)c->offset);
}
