/* What the source said of itself at the last attach, kept for the time when it is away. */
#include <stdio.h>
#include <string.h>
#include "relay/upstream/follow_core.h"
#include "storage/catalog.h"

enum { FACTS_BYTES_MAX = 16 * 1024, VARIABLES_BYTES_MAX = 1024 * 1024 };
static const char variables_name[] = "source.variables"; /* in the catalog */

/* To the catalog only when they differ from what was known. */
int follow_keep_facts(struct follow *f, const struct server_facts *facts, struct err *e)
{
    struct buf before, now;
    int        rc = 0;

    buf_init(&before, FACTS_BYTES_MAX);
    buf_init(&now, FACTS_BYTES_MAX);
    source_facts_put(facts, &now);
    (void)pthread_mutex_lock(&f->lock);
    if (f->facts.known)
        source_facts_put(&f->facts, &before);
    f->facts = *facts;
    (void)pthread_mutex_unlock(&f->lock);
    if (buf_check(&now, "facts of the source", e) != 0)
        rc = -1;
    else if (!slice_equal(buf_slice(&before), buf_slice(&now)))
        rc = catalog_put_value(store_catalog(f->store), SOURCE_FACTS_NAME, buf_text(&now), e);
    buf_done(&before);
    buf_done(&now);
    return rc;
}

/* To the catalog only when they differ from what was known. Takes `now` over. */
static int replace_variables(struct follow *f, struct remembered_list *now, struct err *e)
{
    struct buf before, text;
    int        rc = 0;

    buf_init(&before, VARIABLES_BYTES_MAX);
    buf_init(&text, VARIABLES_BYTES_MAX);
    remembered_put(f->variables, &before);
    remembered_put(now, &text);
    (void)pthread_mutex_lock(&f->lock);
    struct remembered_list *old = f->variables;
    f->variables = now;
    (void)pthread_mutex_unlock(&f->lock);
    remembered_release(old);
    if (buf_check(&text, "variables of the source", e) != 0)
        rc = -1;
    else if (!slice_equal(buf_slice(&before), buf_slice(&text)))
        rc = catalog_put_value(store_catalog(f->store), variables_name, buf_text(&text), e);
    buf_done(&before);
    buf_done(&text);
    return rc;
}

/* A source that does not tell is followed all the same. */
int follow_keep_variables(struct follow *f, struct client *c, struct err *e)
{
    struct remembered_list *now = NULL;
    struct err              why = { 0 };

    if (remembered_learn(c, &now, &why) == 0)
        return replace_variables(f, now, e);
    if (why.kind == E_REFUSED || why.kind == E_PROTOCOL || why.kind == E_LIMIT)
        return 0;
    *e = why;
    return -1;
}

static int load_variables(struct follow *f, struct err *e)
{
    struct buf text;

    buf_init(&text, VARIABLES_BYTES_MAX);
    int rc = catalog_get_value(store_catalog(f->store), variables_name, &text, e);
    if (rc > 0)
        rc = remembered_parse(buf_slice(&text), &f->variables, e);
    buf_done(&text);
    return rc < 0 ? -1 : 0;
}

int follow_load_facts(struct follow *f, struct err *e)
{
    if (source_facts_load(store_catalog(f->store), &f->facts, e) < 0)
        return -1;
    return load_variables(f, e);
}
