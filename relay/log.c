#include "relay/log.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "protocol/base/json.h"

enum { SENTENCE_BYTES = 1024, LINE_BYTES = 8 * SENTENCE_BYTES };

static _Atomic(int)              most_level = LOG_INFO;
static _Atomic(int)              line_format = LOG_PAIRS;
static _Atomic(bool)             into_journal;
static _Thread_local const char *about = "";

void log_set_level(enum log_level most)
{
    atomic_store(&most_level, (int)most);
}

void log_set_format(enum log_format format)
{
    atomic_store(&line_format, (int)format);
}

void log_about(const char *channel)
{
    about = channel;
}

void log_find_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    uintmax_t   device = 0, inode = 0;
    char       *end;

    if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
        return;
    /* DEVICE:INODE of the journal's stream: stderr may be somewhere else all the same. */
    device = strtoumax(stream, &end, 10);
    if (*end == ':')
        inode = strtoumax(end + 1, &end, 10);
    atomic_store(&into_journal, *end == '\0' && inode != 0 && device == (uintmax_t)st.st_dev &&
                                    inode == (uintmax_t)st.st_ino);
}

/* A line stays a line whatever a peer put into a name. */
static void tame(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
}

struct line {
    enum log_level level;
    const char    *area, *kind; /* kind: of an error, "" for none */
    char           time[64];    /* "": the journal knows */
    const char    *sentence;
};

static const char *const level_names[] = { "error", "warning", "info", "debug" };

static void put_quoted(struct buf *out, const char *text)
{
    struct json j = json_into(out);
    json_text(&j, text); /* JSON's quoting is that of pairs, too */
}

static void put_pairs(struct buf *out, const struct line *l)
{
    if (*l->time != '\0')
        buf_printf(out, "time=%s ", l->time);
    buf_printf(out, "level=%s area=%s ", level_names[l->level], l->area);
    if (*about != '\0')
        buf_printf(out, "channel=%s ", about);
    if (*l->kind != '\0')
        buf_printf(out, "kind=%s ", l->kind);
    buf_put_text(out, "msg=");
    put_quoted(out, l->sentence);
}

static void put_member(struct json *j, const char *name, const char *text)
{
    if (*text == '\0')
        return;
    json_name(j, name);
    json_text(j, text);
}

static void put_json(struct buf *out, const struct line *l)
{
    struct json j = json_into(out);

    json_open_object(&j);
    put_member(&j, "time", l->time);
    put_member(&j, "level", level_names[l->level]);
    put_member(&j, "area", l->area);
    put_member(&j, "channel", about);
    put_member(&j, "kind", l->kind);
    put_member(&j, "msg", l->sentence);
    json_close_object(&j);
}

static void put_plain(struct buf *out, const struct line *l)
{
    buf_printf(out, "%s%s%-5s %s: %s", l->time, *l->time != '\0' ? " " : "",
               l->level == LOG_WARNING ? "warn" : level_names[l->level], l->area, l->sentence);
    if (*l->kind != '\0')
        buf_printf(out, " [%s]", l->kind);
}

static void put_time(char into[64])
{
    struct timespec now;
    struct tm       utc;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(into, 64, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(into + used, 64 - used, ".%03ldZ", now.tv_nsec / 1000000);
}

static void write_line(struct line *l)
{
    /* Of syslog: errors, warnings, information, debugging. */
    static const char *const priorities[] = { "<3>", "<4>", "<6>", "<7>" };
    struct buf               out;

    buf_init(&out, LINE_BYTES);
    if (atomic_load(&into_journal))
        buf_put_text(&out, priorities[l->level]);
    else
        put_time(l->time);
    switch ((enum log_format)atomic_load(&line_format)) {
    case LOG_PAIRS:
        put_pairs(&out, l);
        break;
    case LOG_JSON:
        put_json(&out, l);
        break;
    case LOG_PLAIN:
        put_plain(&out, l);
        break;
    }
    buf_put_u8(&out, '\n');
    /* One write, so that lines of several threads don't mix; if stderr is gone nobody reads it. */
    if (out.failed == BUF_FINE)
        (void)!write(STDERR_FILENO, out.ptr, out.len);
    buf_done(&out);
}

void log_write(enum log_level level, const char *area, const char *fmt, ...)
{
    char        sentence[SENTENCE_BYTES];
    struct line l = { .level = level, .area = area, .kind = "", .sentence = sentence };
    va_list     args;

    if ((int)level > atomic_load(&most_level))
        return;
    va_start(args, fmt);
    (void)vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    tame(sentence);
    write_line(&l);
}

void log_err(const char *area, const char *what, const struct err *e)
{
    char        sentence[SENTENCE_BYTES];
    struct line l = {
        .level = LOG_ERROR, .area = area, .kind = err_kind_name(e->kind), .sentence = sentence
    };

    (void)snprintf(sentence, sizeof sentence, "%s: %s", what, e->text);
    tame(sentence);
    write_line(&l);
}
