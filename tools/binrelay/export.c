/* binrelay export: plain binlog files of a range. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "protocol/base/json.h"
#include "protocol/base/own.h"
#include "tools/binrelay/export_head.h"
#include "tools/binrelay/export_sift.h"
#include "tools/binrelay/progress.h"
#include "tools/binrelay/range_options.h"
#include "tools/binrelay/text.h"
#include "tools/binrelay/view.h"

enum { ANSWER_BYTES_MAX = 256 * 1024 * 1024 };

struct exporter {
    const struct call   *call;
    struct range_options options;
    struct view          view;
    struct range         range;
    struct export_job    job;
    struct export_wish   wish;
    struct progress      progress;
    const char          *at_work; /* the file's name */
    uint64_t             bytes;
    uint32_t             files, whole;
    struct buf           list; /* JSON of the files */
    struct json          json;
};

static void on_progress(void *arg, uint64_t bytes)
{
    struct exporter *x = arg;
    progress_add(&x->progress, bytes, x->at_work);
}

/* The part of this file that is in the range. */
static void part_of(const struct range *r, const struct store_file *f, uint64_t *from, uint64_t *to)
{
    *from =
        f->ordinal == store_pos_ordinal(r->begin) ? store_pos_offset(r->begin) : BINLOG_MAGIC_BYTES;
    *to = f->ordinal == store_pos_ordinal(r->end) ? store_pos_offset(r->end) : f->size;
}

static bool nothing_in(const struct range *r)
{
    return r->begin == r->end;
}

/* ---- before anything is written ---- */

static int check_folder(const struct exporter *x, struct err *e)
{
    struct stat st;

    if (mkdir(x->job.directory, 0750) == 0)
        return 0;
    if (errno != EEXIST)
        return err_sys(e, "make the folder '%s'", x->job.directory);
    if (stat(x->job.directory, &st) != 0 || !S_ISDIR(st.st_mode))
        return err_set(e, E_CONFIG, "'%s' is no folder", x->job.directory);
    return 0;
}

/* All of them first: none is written when one could not be. */
static int check_names(const struct exporter *x, struct err *e)
{
    OWN_FD int folder = open(x->job.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0)
        return err_sys(e, "open the folder '%s'", x->job.directory);
    for (uint32_t n = store_pos_ordinal(x->range.begin); n <= store_pos_ordinal(x->range.end);
         n++) {
        struct store_file f;
        TRY(store_file_by_ordinal(x->view.store, n, &f, e));
        if (!x->job.force && faccessat(folder, f.name, F_OK, 0) == 0)
            return err_set(e, E_CONFIG,
                           "'%s/%s' is there already: choose another folder, or --force",
                           x->job.directory, f.name);
    }
    return 0;
}

static int sync_folder(const struct exporter *x, struct err *e)
{
    OWN_FD int folder = open(x->job.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0 || fsync(folder) != 0)
        return err_sys(e, "sync the folder '%s'", x->job.directory);
    return 0;
}

/* ---- one file ---- */

static int write_part(struct exporter *x, const struct store_file *f, uint64_t from, uint64_t to,
                      bool sifts, struct export_file *out, struct err *e)
{
    struct format format;

    if (from > BINLOG_MAGIC_BYTES)
        TRY(export_head(x->view.store, f, from, out, e));
    if (sifts)
        TRY(export_sift(x->view.store, f, to, &x->wish, out, e));
    else
        TRY(export_file_keep(out, to, e));
    if (to == f->size)
        return 0;
    TRY(store_format(x->view.store, f->ordinal, &format, e));
    return export_stop(out, &format, f->source.server_id, (uint32_t)f->last_s, e);
}

static void note_file(struct exporter *x, const struct store_file *f, uint64_t from, uint64_t to,
                      uint64_t bytes, bool whole)
{
    struct json *j = &x->json;

    x->files++;
    x->whole += whole ? 1 : 0;
    x->bytes += bytes;
    json_open_object(j);
    json_name(j, "name");
    json_text(j, f->name);
    json_name(j, "from");
    json_uint(j, from);
    json_name(j, "to");
    json_uint(j, to);
    json_name(j, "bytes");
    json_uint(j, bytes);
    json_name(j, "byte_for_byte");
    json_bool(j, whole);
    json_close_object(j);
}

static int export_one(struct exporter *x, const struct store_file *f, struct err *e)
{
    struct export_file *out = NULL;
    uint64_t            from, to;
    bool                takes_all = false;

    part_of(&x->range, f, &from, &to);
    TRY(range_takes_all(x->view.store, &x->range, f->ordinal, &takes_all, e));
    bool sifts = !takes_all || !selection_is_all(x->wish.selection);
    x->at_work = f->name;
    TRY(export_file_begin(&x->job, f->name, &out, e));
    int result = write_part(x, f, from, to, sifts, out, e);
    if (result == 0)
        result = export_file_complete(out, e);
    if (result == 0)
        note_file(x, f, from, to, export_file_at(out),
                  from == BINLOG_MAGIC_BYTES && to == f->size && !sifts);
    export_file_close(out);
    if (result == 0)
        progress_line(&x->progress, f->name);
    return result;
}

static int export_all(struct exporter *x, struct err *e)
{
    TRY(check_folder(x, e));
    if (nothing_in(&x->range))
        return 0;
    TRY(check_names(x, e));
    for (uint32_t n = store_pos_ordinal(x->range.begin); n <= store_pos_ordinal(x->range.end);
         n++) {
        struct store_file f;
        if (store_file_by_ordinal(x->view.store, n, &f, e) != 0 || export_one(x, &f, e) != 0)
            return x->files == 0 ? -1
                                 : err_note(e, "%" PRIu32 " files were written, then", x->files);
    }
    return sync_folder(x, e);
}

/* ---- the result ---- */

static int print_json(struct exporter *x, struct err *e)
{
    struct buf  out;
    struct json j = json_into(&out);

    json_close_array(&x->json);
    buf_init(&out, ANSWER_BYTES_MAX);
    json_open_object(&j);
    json_name(&j, "directory");
    json_text(&j, x->job.directory);
    int result = range_put_json(x->view.store, &x->range, &j, e);
    json_name(&j, "files");
    json_raw(&j, buf_slice(&x->list));
    json_name(&j, "bytes");
    json_uint(&j, x->bytes);
    json_name(&j, "transactions_left_out");
    json_uint(&j, x->wish.left_out);
    json_name(&j, "transactions_cut");
    json_uint(&j, x->wish.cut);
    json_name(&j, "ms");
    json_uint(&j, progress_elapsed_ms(&x->progress));
    json_close_object(&j);
    if (result == 0)
        result = buf_check(&out, "the result", e);
    if (result == 0)
        (void)puts(buf_text(&out));
    buf_done(&out);
    return result;
}

static int print_text(struct exporter *x, struct err *e)
{
    struct buf begin, end;
    char       size[TEXT_BYTES], rate[TEXT_BYTES], files[TEXT_BYTES];
    uint64_t   ms = progress_elapsed_ms(&x->progress);

    buf_init(&begin, ANSWER_BYTES_MAX);
    buf_init(&end, ANSWER_BYTES_MAX);
    int result = range_place(x->view.store, x->range.begin, &begin, e);
    if (result == 0)
        result = range_place(x->view.store, x->range.end, &end, e);
    if (result == 0 && nothing_in(&x->range))
        (void)printf("nothing is between --from and --to (%s): no file was written\n",
                     buf_text(&begin));
    else if (result == 0)
        (void)printf(
            "%s to %s: %s, %s (%s/s), %" PRIu32 " byte for byte, in '%s'\n", buf_text(&begin),
            buf_text(&end), text_of_count(x->files, "file", files), text_of_bytes(x->bytes, size),
            text_of_bytes(x->bytes * 1000 / (ms > 0 ? ms : 1), rate), x->whole, x->job.directory);
    if (result == 0 && x->wish.left_out + x->wish.cut > 0)
        (void)printf("%" PRIu64 " transactions were left out, %" PRIu64 " in part\n",
                     x->wish.left_out, x->wish.cut);
    buf_done(&begin);
    buf_done(&end);
    return result;
}

static int run(struct exporter *x, struct err *e)
{
    uint64_t bytes = 0;

    TRY(view_open(&x->call->at, &x->view, e));
    TRY(range_locate(x->view.store, &x->options.from, &x->options.to, &x->range, e));
    if (!nothing_in(&x->range))
        TRY(range_bytes(x->view.store, &x->range, &bytes, e));
    if (x->range.from_first && !x->call->json)
        (void)fputs("binrelay export: nothing is held from before --from; begins at the oldest\n",
                    stderr);
    x->wish =
        (struct export_wish){ .selection = &x->options.selection, .without = &x->range.without };
    progress_begin(&x->progress, bytes, x->call->json);
    int result = export_all(x, e);
    progress_end(&x->progress);
    TRY(result);
    return x->call->json ? print_json(x, e) : print_text(x, e);
}

enum command_exit export_run(const struct call *c, struct err *e)
{
    struct exporter x = { .call = c };

    if (range_options_read(c, &x.options, e) != 0) {
        range_options_done(&x.options);
        return COMMAND_MISUSED;
    }
    x.job = (struct export_job){ .folder = c->at.store,
                                 .directory = c->operands[0],
                                 .force = call_option(c, "force") != NULL,
                                 .progress = on_progress,
                                 .arg = &x };
    buf_init(&x.list, ANSWER_BYTES_MAX);
    x.json = json_into(&x.list);
    json_open_array(&x.json);
    int result = run(&x, e);
    range_done(&x.range);
    view_close(&x.view);
    range_options_done(&x.options);
    buf_done(&x.list);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
