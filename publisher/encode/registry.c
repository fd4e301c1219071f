#include "publisher/encode/registry.h"
#include <ctype.h>
#include <curl/curl.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "publisher/encode/avro.h"

#define MEDIA_TYPE "application/vnd.schemaregistry.v1+json"
enum {
    CONNECT_S = 10,
    ANSWER_S = 30,
    ANSWER_BYTES_MAX = 1 << 20,
    REQUEST_BYTES_MAX = 64 << 20,
    URL_BYTES_MAX = 16 << 10,
    SAID_BYTES = 300,
};

/* What was answered: a table that changes and keeps its key brings the same question again. */
struct answered {
    char    *question; /* subject, a zero byte, text */
    size_t   len;
    uint32_t id;
};

struct registry {
    const struct options *options;
    bool (*is_interrupted)(void *arg);
    void              *arg;
    CURL              *curl;
    struct curl_slist *headers;
    struct buf         url, body, answer, question;
    struct answered   *answered;
    size_t             answered_count;
    char               why[CURL_ERROR_SIZE];
};

/* ---- made ---------------------------------------------------------------------------------- */

static void begin_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t take_answer(char *bytes, size_t one, size_t count, void *arg)
{
    struct registry *r = arg;

    buf_put(&r->answer, (struct slice){ (const uint8_t *)bytes, one * count });
    return r->answer.failed == BUF_FINE ? one * count : 0;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct registry *r = arg;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return r->is_interrupted(r->arg);
}

static void set_text(CURL *curl, CURLoption option, const char *text)
{
    if (*text != 0)
        (void)curl_easy_setopt(curl, option, text);
}

static void set_up(struct registry *r)
{
    const struct options *o = r->options;
    CURL                 *c = r->curl;

    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)ANSWER_S);
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, r->headers);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_answer);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
    (void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, r);
    (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, r->why);
    set_text(c, CURLOPT_USERPWD, o->registry_user);
    if (*o->registry_token != 0) {
        (void)curl_easy_setopt(c, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        set_text(c, CURLOPT_XOAUTH2_BEARER, o->registry_token);
    }
    set_text(c, CURLOPT_CAINFO, o->registry_ca);
    set_text(c, CURLOPT_SSLCERT, o->registry_cert);
    set_text(c, CURLOPT_SSLKEY, o->registry_key);
}

int registry_new(const struct options *o, bool (*is_interrupted)(void *arg), void *arg,
                 struct registry **out, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct registry      *r = calloc(1, sizeof *r);

    if (r == NULL)
        return err_set(e, E_NOMEM, "no memory for a schema registry");
    (void)pthread_once(&once, begin_curl);
    r->options = o;
    r->is_interrupted = is_interrupted;
    r->arg = arg;
    buf_init(&r->url, URL_BYTES_MAX);
    buf_init(&r->body, REQUEST_BYTES_MAX);
    buf_init(&r->answer, ANSWER_BYTES_MAX);
    buf_init(&r->question, REQUEST_BYTES_MAX);
    r->curl = curl_easy_init();
    r->headers = curl_slist_append(NULL, "Content-Type: " MEDIA_TYPE);
    struct curl_slist *more =
        r->headers != NULL
            ? curl_slist_append(r->headers, "Accept: " MEDIA_TYPE ", application/json")
            : NULL;
    if (r->curl == NULL || more == NULL) {
        registry_free(r);
        return err_set(e, E_NOMEM, "no memory for a schema registry");
    }
    set_up(r);
    *out = r;
    return 0;
}

void registry_free(struct registry *r)
{
    if (r == NULL)
        return;
    curl_easy_cleanup(r->curl);
    curl_slist_free_all(r->headers);
    buf_done(&r->url);
    buf_done(&r->body);
    buf_done(&r->answer);
    buf_done(&r->question);
    for (size_t i = 0; i < r->answered_count; i++)
        free(r->answered[i].question);
    free(r->answered);
    free(r);
}

/* ---- questions ----------------------------------------------------------------------------- */

static void put_escaped(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (isalnum(c) || (c != 0 && strchr("-._~", c) != NULL))
            buf_put_u8(out, c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

/* One of the list's addresses with the path of the question. */
static int put_url(struct registry *r, struct slice base, struct slice topic, bool is_key,
                   const struct schema *root, struct err *e)
{
    struct buf subject;

    while (base.len > 0 && base.ptr[base.len - 1] == '/')
        base.len--;
    buf_init(&subject, URL_BYTES_MAX);
    avro_put_subject(r->options, topic, is_key, root, &subject);
    buf_clear(&r->url);
    buf_put(&r->url, base);
    buf_put_text(&r->url, "/subjects/");
    put_escaped(&r->url, buf_slice(&subject));
    buf_put_text(&r->url, r->options->registry_registers ? "/versions?normalize=false"
                                                         : "?normalize=false&deleted=false");
    buf_done(&subject);
    return buf_check(&r->url, "an address of the schema registry", e);
}

/* The registry's name in messages: an address may hold a password. */
static struct slice host_of(struct slice base)
{
    const uint8_t *at = memrchr(base.ptr, '@', base.len);
    size_t         skip = at != NULL ? (size_t)(at - base.ptr) + 1 : 0;
    return (struct slice){ base.ptr + skip, base.len - skip };
}

static struct json_object *parse(const struct registry *r)
{
    struct json_tokener *parser = json_tokener_new();
    struct json_object  *root = NULL;

    if (parser != NULL && r->answer.len > 0)
        root = json_tokener_parse_ex(parser, (const char *)r->answer.ptr, (int)r->answer.len);
    if (parser != NULL)
        json_tokener_free(parser);
    return root;
}

static int take_number(const struct registry *r, struct slice host, uint32_t *id, struct err *e)
{
    struct json_object *root = parse(r), *number = NULL;
    int64_t             n = -1;

    if (json_object_object_get_ex(root, "id", &number) &&
        json_object_is_type(number, json_type_int))
        n = json_object_get_int64(number);
    json_object_put(root);
    if (n < 0 || n > UINT32_MAX)
        return err_set(e, E_IO, "schema registry %.*s gave no number for a schema", (int)host.len,
                       (const char *)host.ptr);
    *id = (uint32_t)n;
    return 0;
}

static int refuse(const struct registry *r, struct slice host, long status, struct slice topic,
                  struct err *e)
{
    struct json_object *root = parse(r), *message = NULL;
    char                said[SAID_BYTES] = "";

    if (json_object_object_get_ex(root, "message", &message))
        (void)snprintf(said, sizeof said, ": %s", json_object_get_string(message));
    json_object_put(root);
    enum err_kind kind = status == 401 || status == 403                    ? E_AUTH
                         : status == 409 || status == 422 || status == 404 ? E_REFUSED
                                                                           : E_IO;
    return err_set(e, kind, "schema registry %.*s does not take a schema of topic '%.*s' (%ld%s)",
                   (int)host.len, (const char *)host.ptr, (int)topic.len, (const char *)topic.ptr,
                   status, said);
}

static int ask(struct registry *r, struct slice host, struct slice topic, uint32_t *id,
               struct err *e)
{
    long status = 0;

    buf_clear(&r->answer);
    r->why[0] = 0;
    (void)curl_easy_setopt(r->curl, CURLOPT_URL, buf_text(&r->url));
    (void)curl_easy_setopt(r->curl, CURLOPT_POSTFIELDS, buf_text(&r->body));
    (void)curl_easy_setopt(r->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    CURLcode code = curl_easy_perform(r->curl);
    if (code != CURLE_OK)
        return err_set(e, E_IO, "schema registry %.*s: %s", (int)host.len, (const char *)host.ptr,
                       r->why[0] != 0 ? r->why : curl_easy_strerror(code));
    (void)curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
    return status == 200 ? take_number(r, host, id, e) : refuse(r, host, status, topic, e);
}

static bool recall(const struct registry *r, uint32_t *id)
{
    for (size_t i = 0; i < r->answered_count; i++) {
        const struct answered *a = &r->answered[i];
        if (a->len == r->question.len && memcmp(a->question, r->question.ptr, a->len) == 0) {
            *id = a->id;
            return true;
        }
    }
    return false;
}

static int remember(struct registry *r, uint32_t id, struct err *e)
{
    struct answered *grown = realloc(r->answered, (r->answered_count + 1) * sizeof *grown);

    if (grown == NULL)
        return err_set(e, E_NOMEM, "no memory for a schema's number");
    r->answered = grown;
    struct answered a = { .question = malloc(r->question.len), .len = r->question.len, .id = id };
    if (a.question == NULL)
        return err_set(e, E_NOMEM, "no memory for a schema's number");
    memcpy(a.question, r->question.ptr, a.len);
    r->answered[r->answered_count++] = a;
    return 0;
}

static int ask_all(struct registry *r, struct slice topic, bool is_key, const struct schema *root,
                   uint32_t *id, struct err *e)
{
    const char *list = r->options->registry_url;
    int         result = -1;

    buf_clear(&r->body);
    avro_put_registration(root, &r->body);
    TRY(buf_check(&r->body, "a schema", e));
    /* The next address is for when one is down, not for another opinion. */
    while (result != 0 && *list != 0) {
        list += strspn(list, ", ");
        struct slice base = { (const uint8_t *)list, strcspn(list, ", ") };
        if (base.len == 0)
            break;
        list += base.len;
        TRY(put_url(r, base, topic, is_key, root, e));
        result = ask(r, host_of(base), topic, id, e);
        if (result != 0 && e->kind != E_IO)
            break;
    }
    return result;
}

int registry_find(struct registry *r, struct slice topic, bool is_key, const struct schema *root,
                  uint32_t *id, struct err *e)
{
    uint32_t found = 0;

    buf_clear(&r->question);
    avro_put_subject(r->options, topic, is_key, root, &r->question);
    buf_put_u8(&r->question, 0);
    buf_put(&r->question, avro_text(root));
    TRY(buf_check(&r->question, "a schema", e));
    if (recall(r, id))
        return 0;
    TRY(ask_all(r, topic, is_key, root, &found, e));
    *id = found;
    return remember(r, found, e);
}
