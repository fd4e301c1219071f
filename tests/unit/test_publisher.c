#include "publisher/publisher.h"
#include "tests/sim/fixture.h"
#include "tests/unit/binlog_file.h"
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

/* A recorded binlog of a MySQL 9.7: 19 change events of g.cust in 11 transactions. */
static const char *const recorded = "tests/golden/debezium/mysql-05_dml_pk.binlog";
enum { RECORDED_LINES = 19, PATIENCE_MS = 20000, FILE_BYTES_MAX = 1 << 20 };

/* ---- a store with the recorded file, a publisher on it ---- */

static void fill_from(struct fixture *f, const char *path, const char *name,
                      enum format_family family)
{
    struct err          e = { 0 };
    struct store_source source = fixture_source("a", family);
    struct binlog_file  file = binlog_file_read(path);
    struct event        ev;

    assert_int_equal(writer_begin_file(f->writer, &source, name, 0, &e), 0);
    while (binlog_file_next(&file, true, &ev))
        if (writer_append(f->writer, &ev, &e) != 0)
            fail_msg("%s", e.text);
    fixture_publish(f);
    binlog_file_done(&file);
}

static void fill(struct fixture *f, const char *name)
{
    fill_from(f, recorded, name, FAMILY_MYSQL);
}

struct runner {
    struct publisher *publisher;
    pthread_t         thread;
    int               result;
    struct err        e;
    char              path[256];
};

/* Good until it is called again. */
static const struct options *options_of(const char *tables)
{
    static struct options o;
    struct err            e = { 0 };

    options_done(&o);
    if (options_init(&o, &e) != 0 || options_set(&o, "topic.prefix", "srv", &e) != 0 ||
        options_set(&o, "include.schema.changes", "false", &e) != 0 ||
        options_set(&o, "table.include.list", tables, &e) != 0)
        fail_msg("%s", e.text);
    return &o;
}

static void *run(void *arg)
{
    struct runner *r = arg;
    r->result = publisher_run(r->publisher, &r->e);
    return NULL;
}

static void begin(struct runner *r, struct fixture *f, const char *path)
{
    struct publisher_options o = {
        .name = "p",
        .path = path,
        .convert = { .options = options_of("g\\.cust") },
    };
    r->e = (struct err){ 0 };
    if (publisher_new(f->store, &o, &r->publisher, &r->e) != 0)
        fail_msg("%s", r->e.text);
    assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
}

static int end(struct runner *r)
{
    publisher_stop(r->publisher);
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    publisher_free(r->publisher);
    return r->result;
}

static struct publisher_status status_when(struct runner *r, enum publisher_state state)
{
    struct publisher_status s;
    for (int waited = 0; waited < PATIENCE_MS; waited++) {
        publisher_status(r->publisher, &s);
        if (s.state == state)
            return s;
        (void)usleep(1000);
    }
    fail_msg("state is %d, not %d: %s", s.state, state, s.problem);
    return s;
}

/* Until everything is written; then the orderly end. */
static void run_through(struct fixture *f, const char *path)
{
    struct runner r;
    begin(&r, f, path);
    (void)status_when(&r, PUBLISHER_IDLE);
    if (end(&r) != 0)
        fail_msg("%s", r.e.text);
}

/* ---- the output ---- */

struct output {
    char   bytes[FILE_BYTES_MAX];
    size_t size;
};

static void read_output(const char *path, struct output *o)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    o->size = fread(o->bytes, 1, sizeof o->bytes - 1, in);
    o->bytes[o->size] = 0;
    assert_int_equal(fclose(in), 0);
}

static void write_output(const char *path, const void *bytes, size_t size, const char *rest,
                         size_t rest_size)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fwrite(rest, 1, rest_size, out), rest_size);
    assert_int_equal(fclose(out), 0);
}

static size_t lines_in(const struct output *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->size; i++)
        n += o->bytes[i] == '\n';
    return n;
}

/* Where line `n` of the text ends before the clock of the moment it was written. */
static size_t comparable(const char *line)
{
    const char *end = strchr(line, '\n');
    const char *clock = strstr(line, ",\"transaction\":null");
    return (size_t)((clock != NULL && clock < end ? clock : end) - line);
}

/* The same events in the same order; the first `kept` bytes the same to the byte. */
static void assert_same_events(const struct output *before, const struct output *after, size_t kept)
{
    const char *a = before->bytes;
    const char *b = after->bytes;

    assert_memory_equal(a, b, kept);
    assert_int_equal(lines_in(after), lines_in(before));
    while (*a != 0) {
        assert_int_equal(comparable(a), comparable(b));
        assert_memory_equal(a, b, comparable(a));
        a = strchr(a, '\n') + 1;
        b = strchr(b, '\n') + 1;
    }
    assert_int_equal(*b, 0);
}

static void forget_checkpoint(struct fixture *f, uint64_t sink_bytes)
{
    struct err                e = { 0 };
    struct catalog_checkpoint start = { .next = store_start(f->store), .sink_bytes = sink_bytes };
    assert_int_equal(catalog_put_checkpoint(store_catalog(f->store), "p", &start, &e), 0);
}

struct scene {
    struct fixture f;
    char           path[256];
    struct output  before, after;
};

static void scene_begin(struct scene *s, bool filled)
{
    fixture_begin(&s->f, NULL);
    (void)snprintf(s->path, sizeof s->path, "%s/events.jsonl", s->f.folder);
    if (filled)
        fill(&s->f, "mysql-bin.000005");
}

/* ---- promises ---- */

static void each_change_is_a_line_and_stays_one_over_restarts(void **state)
{
    struct scene *s = *state;

    scene_begin(s, true);
    run_through(&s->f, s->path);
    read_output(s->path, &s->before);
    assert_int_equal(lines_in(&s->before), RECORDED_LINES);
    run_through(&s->f, s->path);
    read_output(s->path, &s->after);
    assert_int_equal(s->after.size, s->before.size);
    assert_memory_equal(s->after.bytes, s->before.bytes, s->before.size);
    fill(&s->f, "mysql-bin.000006");
    run_through(&s->f, s->path);
    read_output(s->path, &s->after);
    assert_int_equal(lines_in(&s->after), 2 * RECORDED_LINES);
    fixture_done(&s->f);
}

static void what_a_crash_left_is_kept_line_by_line(void **state)
{
    struct scene *s = *state;

    scene_begin(s, true);
    run_through(&s->f, s->path);
    read_output(s->path, &s->before);
    for (size_t cut = 1; cut <= s->before.size; cut += cut % 97 == 0 ? 1 : 89) {
        size_t whole = cut;
        while (whole > 0 && s->before.bytes[whole - 1] != '\n')
            whole--;
        write_output(s->path, s->before.bytes, cut, "", 0);
        forget_checkpoint(&s->f, 0);
        run_through(&s->f, s->path);
        read_output(s->path, &s->after);
        assert_same_events(&s->before, &s->after, whole);
    }
    fixture_done(&s->f);
}

static void zero_bytes_after_a_power_cut_are_cut_off(void **state)
{
    struct scene *s = *state;
    char          zeros[5000] = { 0 };

    scene_begin(s, true);
    run_through(&s->f, s->path);
    read_output(s->path, &s->before);
    size_t half =
        (size_t)(strchr(s->before.bytes + s->before.size / 2, '\n') + 1 - s->before.bytes);
    write_output(s->path, s->before.bytes, half, zeros, sizeof zeros);
    forget_checkpoint(&s->f, 0);
    run_through(&s->f, s->path);
    read_output(s->path, &s->after);
    assert_same_events(&s->before, &s->after, half);
    fixture_done(&s->f);
}

static void what_others_wrote_before_stays(void **state)
{
    struct scene *s = *state;

    scene_begin(s, true);
    write_output(s->path, "not ours\n", 9, "", 0);
    run_through(&s->f, s->path);
    read_output(s->path, &s->before);
    assert_memory_equal(s->before.bytes, "not ours\n", 9);
    assert_int_equal(lines_in(&s->before), RECORDED_LINES + 1);
    forget_checkpoint(&s->f, 9);
    run_through(&s->f, s->path);
    read_output(s->path, &s->after);
    assert_same_events(&s->before, &s->after, s->before.size);
    fixture_done(&s->f);
}

static void a_file_that_lost_written_lines_is_refused_an_empty_one_begun(void **state)
{
    struct scene *s = *state;
    struct runner r;

    scene_begin(s, true);
    run_through(&s->f, s->path);
    read_output(s->path, &s->before);
    write_output(s->path, s->before.bytes, s->before.size - 1, "", 0);
    begin(&r, &s->f, s->path);
    struct publisher_status status = status_when(&r, PUBLISHER_FAILED);
    assert_non_null(strstr(status.problem, "move it away"));
    assert_int_equal(end(&r), -1);
    assert_int_equal(r.e.kind, E_CORRUPT);
    assert_int_equal(unlink(s->path), 0);
    fill(&s->f, "mysql-bin.000006");
    run_through(&s->f, s->path);
    read_output(s->path, &s->after);
    assert_int_equal(lines_in(&s->after), RECORDED_LINES);
    fixture_done(&s->f);
}

static void a_file_has_one_publisher(void **state)
{
    struct scene *s = *state;
    struct runner first;
    struct runner second;

    scene_begin(s, true);
    begin(&first, &s->f, s->path);
    (void)status_when(&first, PUBLISHER_IDLE);
    begin(&second, &s->f, s->path);
    (void)status_when(&second, PUBLISHER_FAILED);
    assert_int_equal(end(&second), -1);
    assert_int_equal(second.e.kind, E_CONFIG);
    assert_int_equal(end(&first), 0);
    fixture_done(&s->f);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    struct scene *s = *state;
    struct runner r;

    scene_begin(s, true);
    begin(&r, &s->f, "/nowhere/at/all/events.jsonl");
    struct publisher_status status = status_when(&r, PUBLISHER_FAILED);
    assert_non_null(strstr(status.problem, "/nowhere/at/all/events.jsonl"));
    assert_int_equal(end(&r), -1);
    fixture_done(&s->f);
}

static void a_full_disk_is_waited_for(void **state)
{
    struct scene           *s = *state;
    struct runner           r;
    struct publisher_status status = { 0 };

    scene_begin(s, true);
    begin(&r, &s->f, "/dev/full");
    for (int waited = 0; waited < PATIENCE_MS && status.problem[0] == 0; waited++) {
        publisher_status(r.publisher, &status);
        (void)usleep(1000);
    }
    assert_int_equal(status.state, PUBLISHER_WAITING);
    assert_non_null(strstr(status.problem, "No space left"));
    assert_int_equal(end(&r), 0);
    fixture_done(&s->f);
}

/* The source answers at the third time. */
static int come_late(void *arg, const char *database, const char *table, struct buf *json,
                     struct err *e)
{
    int *asked = arg;

    (void)database;
    (void)table;
    if (++*asked < 3)
        return err_set(e, E_IO, "the source is away");
    buf_put_text(json, "{\"columns\":[{\"name\":\"a\",\"type\":3},{\"name\":\"b\",\"type\":15,"
                       "\"charset\":\"latin1\"}],\"key\":[0]}");
    return 0;
}

static void a_source_that_is_away_is_waited_for(void **state)
{
    struct scene            *s = *state;
    int                      asked = 0;
    struct runner            r = { .result = 0 };
    struct publisher_status  status = { 0 };
    struct publisher_options o = {
        .name = "p",
        .path = s->path,
        .fetch = come_late,
        .fetch_arg = &asked,
        .convert = { .options = options_of("g[.]t") },
    };

    scene_begin(s, false);
    fill_from(&s->f, "tests/golden/binlog/mariadb-10.2-statements.binlog", "binlog.000001",
              FAMILY_MARIADB);
    /* Behind the statement that makes the table, so that nobody but the source knows it. */
    struct catalog_checkpoint behind = {
        .next =
            store_pos_at(1, binlog_file_behind("tests/golden/binlog/mariadb-10.2-statements.binlog",
                                               true, "create table g.t"))
    };
    assert_int_equal(catalog_put_checkpoint(store_catalog(s->f.store), "p", &behind, &r.e), 0);
    assert_int_equal(publisher_new(s->f.store, &o, &r.publisher, &r.e), 0);
    assert_int_equal(pthread_create(&r.thread, NULL, run, &r), 0);
    for (int waited = 0; waited < PATIENCE_MS && status.problem[0] == 0; waited++) {
        publisher_status(r.publisher, &status);
        (void)usleep(1000);
    }
    assert_int_equal(status.state, PUBLISHER_WAITING);
    assert_non_null(strstr(status.problem, "away"));
    status = status_when(&r, PUBLISHER_IDLE);
    assert_true(status.events > 0);
    assert_string_equal(status.problem, "");
    assert_int_equal(end(&r), 0);
    fixture_done(&s->f);
}

static void it_waits_for_a_store_that_has_nothing_yet(void **state)
{
    struct scene *s = *state;
    struct runner r;

    scene_begin(s, false);
    begin(&r, &s->f, s->path);
    (void)usleep(20000);
    fill(&s->f, "mysql-bin.000005");
    (void)status_when(&r, PUBLISHER_IDLE);
    for (int waited = 0; waited < PATIENCE_MS; waited++) {
        struct publisher_status status;
        publisher_status(r.publisher, &status);
        if (status.events == RECORDED_LINES)
            break;
        (void)usleep(1000);
    }
    assert_int_equal(end(&r), 0);
    read_output(s->path, &s->after);
    assert_int_equal(lines_in(&s->after), RECORDED_LINES);
    fixture_done(&s->f);
}

static int new_scene(void **state)
{
    *state = calloc(1, sizeof(struct scene));
    return *state != NULL ? 0 : -1;
}
static int free_scene(void **state)
{
    free(*state);
    return 0;
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, new_scene, free_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(each_change_is_a_line_and_stays_one_over_restarts),
        PROMISE(what_a_crash_left_is_kept_line_by_line),
        PROMISE(zero_bytes_after_a_power_cut_are_cut_off),
        PROMISE(what_others_wrote_before_stays),
        PROMISE(a_file_that_lost_written_lines_is_refused_an_empty_one_begun),
        PROMISE(a_file_has_one_publisher),
        PROMISE(a_folder_that_is_not_there_is_named),
        PROMISE(a_full_disk_is_waited_for),
        PROMISE(a_source_that_is_away_is_waited_for),
        PROMISE(it_waits_for_a_store_that_has_nothing_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
