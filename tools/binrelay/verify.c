/* binrelay verify: the whole store, checked, with a bar on a terminal and lines elsewhere. */
#include "storage/identity.h"
#include "storage/verify.h"
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "protocol/base/json.h"
#include "storage/repair.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/text.h"
#include "tools/binrelay/view.h"

enum { BAR_CELLS = 30, BAR_PAUSE_MS = 100, LINE_BYTES_MAX = 64 * 1024 };

struct report {
    bool     json, bar;
    bool     drawn;      /* the cursor stands behind a bar */
    int64_t  next_draw;  /* ms */
    uint32_t file_index; /* the last one told of */
};

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void erase_bar(struct report *r)
{
    if (r->drawn)
        (void)fputs("\r\033[K", stderr);
    r->drawn = false;
}

static void draw_bar(struct report *r, const struct verify_progress *p)
{
    char   done[TEXT_BYTES], total[TEXT_BYTES], bar[BAR_CELLS + 1];
    double part = p->bytes_total > 0 ? (double)p->bytes_done / (double)p->bytes_total : 1;
    int    cells = part >= 1 ? BAR_CELLS : (int)(part * BAR_CELLS);

    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', (size_t)cells);
    bar[BAR_CELLS] = '\0';
    (void)fprintf(stderr, "\r\033[K[%s] %3d%%  file %" PRIu32 " of %" PRIu32 "  %s of %s", bar,
                  (int)(part * 100), p->file_index + 1, p->file_count,
                  text_of_bytes(p->bytes_done, done), text_of_bytes(p->bytes_total, total));
    (void)fflush(stderr);
    r->drawn = true;
}

static void on_progress(void *arg, const struct verify_progress *p)
{
    struct report *r = arg;

    if (r->bar && now_ms() >= r->next_draw) {
        draw_bar(r, p);
        r->next_draw = now_ms() + BAR_PAUSE_MS;
    } else if (!r->bar && !r->json && p->file_index != r->file_index) {
        r->file_index = p->file_index;
        (void)printf("file %" PRIu32 " of %" PRIu32 "\n", p->file_index + 1, p->file_count);
    }
}

static void tell(struct report *r, const char *what, const char *text)
{
    erase_bar(r);
    if (!r->json) {
        (void)printf("%s: %s\n", what, text);
        return;
    }
    struct buf line;
    buf_init(&line, LINE_BYTES_MAX);
    struct json j = json_into(&line);
    json_open_object(&j);
    json_name(&j, what);
    json_text(&j, text);
    json_close_object(&j);
    (void)puts(buf_text(&line));
    buf_done(&line);
}

static void on_problem(void *arg, const char *text)
{
    tell(arg, "problem", text);
}

static void on_repair(void *arg, const char *text)
{
    tell(arg, "repaired", text);
}

/* Told as a problem; the check behind the repair finds and counts it again. */
static void on_cant(void *arg, const char *text)
{
    tell(arg, "not repaired", text);
}

/* As the daemon would, and so never beside one. */
static int repair(const char *folder, struct report *r, struct err *e)
{
    const struct repair_watch watch = {
        .did = on_repair, .cant = on_cant, .progress = on_progress, .arg = r
    };
    struct store_options options = { .folder = folder };
    struct store        *s;
    uint32_t             count;

    TRY(identity_become_owner(folder, e));
    TRY(disk_real_new(folder, &options.disk, e));
    int result = repair_catalog(folder, options.disk, &watch, e);
    if (result == 0)
        result = store_open(&options, &s, e);
    if (result == 0) {
        result = repair_sidecars(s, &watch, &count, e);
        store_close(s);
    }
    options.disk->free(options.disk);
    r->file_index = UINT32_MAX;
    return result;
}

static void print_result(const struct report *r, const struct verify_result *v)
{
    char files[TEXT_BYTES], bytes[TEXT_BYTES], events[TEXT_BYTES], transactions[TEXT_BYTES],
        problems[TEXT_BYTES];

    if (r->json) {
        (void)printf("{\"files\":%" PRIu32 ",\"bytes\":%" PRIu64 ",\"events\":%" PRIu64
                     ",\"transactions\":%" PRIu64 ",\"problems\":%" PRIu32 "}\n",
                     v->files, v->bytes, v->events, v->transactions, v->problems);
        return;
    }
    (void)printf("%s: %s, %s, %s, %s\n", v->problems == 0 ? "all is well" : "NOT well",
                 text_of_count(v->files, "file", files), text_of_bytes(v->bytes, bytes),
                 text_of_count(v->events, "event", events),
                 text_of_count(v->transactions, "transaction", transactions));
    if (v->problems > 0)
        (void)printf("%s found; keep a copy of the folder before anything else is done with it\n",
                     text_of_count(v->problems, "problem", problems));
}

enum command_exit verify_run(const struct call *c, struct err *e)
{
    struct report        r = { .json = c->json,
                               .bar = !c->json && isatty(STDERR_FILENO) == 1,
                               .file_index = UINT32_MAX };
    struct verify_result result = { 0 };
    struct view          v;

    if (call_option(c, "repair") != NULL && repair(c->at.store, &r, e) != 0) {
        erase_bar(&r);
        return COMMAND_FAILED;
    }
    if (view_open(&c->at, &v, e) != 0)
        return COMMAND_FAILED;
    int code = verify_store(v.store, on_problem, on_progress, &r, &result, e);
    erase_bar(&r);
    view_close(&v);
    if (code != 0)
        return COMMAND_FAILED;
    print_result(&r, &result);
    return result.problems == 0 ? COMMAND_OK : COMMAND_FAILED;
}
