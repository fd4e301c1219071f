#include "relay/sql/wait.h"
#include <string.h>
#include "relay/upstream/binlogs.h"

int wait_for_set(const struct query_env *env, const struct gtid_set *set, enum wait_result *out,
                 struct err *e)
{
    struct gtids here = { 0 };

    TRY(binlogs_executed(env->store, &here, e));
    *out = gtid_set_is_subset(set, &here.set) ? WAIT_THERE : WAIT_NOT_YET;
    gtids_done(&here);
    return 0;
}

int wait_for_state(const struct query_env *env, const struct gtid_state *state,
                   enum wait_result *out, struct err *e)
{
    struct gtids here = { 0 };

    TRY(binlogs_executed(env->store, &here, e));
    *out = WAIT_THERE;
    for (size_t i = 0; i < state->count; i++) {
        const struct gtid *has = gtid_state_get(&here.state, state->entries[i].domain);
        if (has == NULL || has->number < state->entries[i].number)
            *out = WAIT_NOT_YET;
    }
    gtids_done(&here);
    return 0;
}

/* "binlog.000012" is 12; false for a name without a number, or of another series. */
static bool number_in(struct slice file, const char *like, uint64_t *out)
{
    enum { DIGITS_MAX = 18 };
    const char *dot = strrchr(like, '.');
    size_t      base = dot != NULL ? (size_t)(dot - like) + 1 : 0;
    uint64_t    n = 0;

    if (base == 0 || file.len <= base || file.len - base > DIGITS_MAX ||
        memcmp(file.ptr, like, base) != 0)
        return false;
    for (size_t i = base; i < file.len; i++) {
        if (file.ptr[i] < '0' || file.ptr[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(file.ptr[i] - '0');
    }
    *out = n;
    return true;
}

enum wait_result wait_for_place(const struct query_env *env, struct slice file, uint64_t offset)
{
    struct binlogs_file   end;
    struct channel_status status = { 0 };
    uint64_t              asked;
    uint64_t              reached;

    if (env->status != NULL)
        env->status(env->status_arg, &status);
    bool stopped = env->status != NULL && status.state == CHANNEL_STOPPED;
    if (!binlogs_end(env->store, &end))
        return stopped ? WAIT_NEVER : WAIT_NOT_YET;
    const char *name = end.source_file;
    if (!number_in(file, name, &asked)) {
        name = end.name;
        if (!number_in(file, name, &asked))
            return WAIT_NEVER;
    }
    if (!number_in(slice_of_text(name), name, &reached))
        return WAIT_NEVER;
    if (asked < reached || (asked == reached && offset <= end.size))
        return WAIT_THERE;
    return stopped ? WAIT_NEVER : WAIT_NOT_YET;
}
