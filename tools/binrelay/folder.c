#include "tools/binrelay/folder.h"
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "protocol/base/own.h"

static int take_data(void *arg, const char *section, const char *name, const char *value)
{
    struct buf *out = arg;
    if (strcmp(section, "relay") == 0 && strcmp(name, "data") == 0 && value != NULL) {
        buf_clear(out);
        buf_put_text(out, value);
    }
    return 1;
}

static int from_config(const char *path, struct buf *out, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return err_sys(e,
                       "can't read the configuration '%s' (give the right one by --config, or the "
                       "data folder by --data)",
                       path);
    buf_clear(out);
    /* Lines that don't parse are the daemon's business: it says them by `binrelayd --check`. */
    (void)ini_parse_file(f, take_data, out);
    (void)fclose(f);
    TRY(buf_check(out, "data folder", e));
    if (out->len == 0)
        return err_set(e, E_CONFIG, "'%s' names no data folder (key 'data' in section [relay])",
                       path);
    return 0;
}

static int no_data(const char *folder, bool by_config, int why, struct err *e)
{
    if (why == EACCES)
        return err_set(e, E_IO, "may not read '%s': run this as root or as the relay's user",
                       folder);
    return err_set(e, E_CONFIG,
                   "'%s' holds no relay's data yet: start binrelayd once, or give another folder "
                   "by %s",
                   folder, by_config ? "--config or --data" : "--data");
}

/* Sets errno when it is not there, or can't be looked at. */
static bool has(const char *folder, const char *name)
{
    struct buf  path;
    struct stat st;

    buf_init(&path, 8192);
    buf_printf(&path, "%s/%s", folder, name);
    int result = path.failed == BUF_FINE ? stat(buf_text(&path), &st) : -1;
    int why = errno;
    buf_done(&path);
    errno = why;
    return result == 0;
}

/* A lost catalog can be made again: so the lock will do. */
static bool is_store(const char *folder)
{
    return has(folder, "catalog.db") || (errno == ENOENT && has(folder, "lock"));
}

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

enum { CHANNELS_MAX = 64 };

/* Appends the names of the folders in `data` that are stores; returns how many. */
static size_t find_channels(const char *data, struct buf *out)
{
    DIR           *d = opendir(data);
    struct dirent *entry;
    char          *names[CHANNELS_MAX];
    size_t         n = 0;
    struct buf     path;

    buf_init(&path, 8192);
    while (d != NULL && n < CHANNELS_MAX && (entry = readdir(d)) != NULL) {
        if (strchr(entry->d_name, '.') != NULL)
            continue; /* files of a store, and hidden ones */
        buf_clear(&path);
        buf_printf(&path, "%s/%s", data, entry->d_name);
        if (path.failed == BUF_FINE && is_store(buf_text(&path)) &&
            (names[n] = strdup(entry->d_name)) != NULL)
            n++;
    }
    buf_done(&path);
    if (d != NULL)
        (void)closedir(d);
    qsort(names, n, sizeof names[0], by_name);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s%s", i > 0 ? ", " : "", names[i]);
        free(names[i]);
    }
    return n;
}

static int take_copy(const char *text, char **out, struct err *e)
{
    *out = strdup(text);
    return *out != NULL ? 0 : err_set(e, E_NOMEM, "no memory for the name of a folder");
}

static int take_store(struct folder *f, const char *name, struct err *e)
{
    if (asprintf(&f->store, "%s/%s", f->data, name) < 0) {
        f->store = NULL;
        return err_set(e, E_NOMEM, "no memory for the name of a folder");
    }
    return 0;
}

/* `data` is the relay's own folder. */
static int choose(struct folder *f, size_t count, const char *channel, bool by_config,
                  struct err *e)
{
    bool own = has(f->data, "catalog.db") || count == 0;

    if (channel != NULL && strpbrk(channel, "/.") == NULL && *channel != '\0' &&
        has(f->data, channel))
        return take_copy(channel, &f->channel, e) == 0 ? take_store(f, channel, e) : -1;
    if (channel != NULL && !(own && strcmp(channel, "main") == 0))
        return err_set(e, E_CONFIG, "there is no channel '%s' in '%s'; there %s %s", channel,
                       f->data, own || count == 1 ? "is only" : "are",
                       own ? "'main'" : f->channels);
    if (own && !is_store(f->data))
        return no_data(f->data, by_config, errno, e);
    if (own)
        return take_copy(f->data, &f->store, e);
    /* The daemon is not told to mean this one: it may have others, which could not be opened. */
    return count == 1 ? take_store(f, f->channels, e) : 0;
}

/* A channel's folder may be given, too: then its relay's is the one around it. */
static int choose_inner(struct folder *f, const char *store, bool *done, struct err *e)
{
    OWN_MEM char *real = realpath(store, NULL);
    char         *slash = real != NULL ? strrchr(real, '/') : NULL;

    *done = false;
    if (slash == NULL || slash == real || has(store, "control.sock") || !is_store(store))
        return 0;
    *slash = '\0';
    if (!has(real, "control.sock") || has(real, "catalog.db"))
        return 0;
    *done = true;
    TRY(take_copy(real, &f->data, e));
    TRY(take_copy(slash + 1, &f->channel, e));
    TRY(take_copy(slash + 1, &f->channels, e));
    return take_copy(store, &f->store, e);
}

static int find(const char *data, bool by_config, const char *channel, struct folder *f,
                struct err *e)
{
    struct buf names;
    bool       done = false;

    if (!by_config && channel == NULL)
        TRY(choose_inner(f, data, &done, e));
    if (done)
        return 0;
    buf_init(&names, 8192);
    size_t count = find_channels(data, &names);
    int    result = take_copy(data, &f->data, e);
    if (result == 0)
        result = take_copy(buf_text(&names), &f->channels, e);
    buf_done(&names);
    TRY(result);
    return choose(f, count, channel, by_config, e);
}

int folder_find_data(const char *data, const char *config, struct folder *out, struct err *e)
{
    struct folder f = { 0 };
    struct buf    from;
    int           result = 0;

    buf_init(&from, 4096);
    if (data == NULL)
        result = from_config(config, &from, e);
    if (result == 0)
        result = take_copy(data != NULL ? data : buf_text(&from), &f.data, e);
    buf_done(&from);
    if (result == 0)
        *out = f;
    return result;
}

int folder_find(const char *data, const char *config, const char *channel, struct folder *out,
                struct err *e)
{
    struct buf from;
    int        result = 0;

    *out = (struct folder){ 0 };
    buf_init(&from, 4096);
    if (data == NULL)
        result = from_config(config, &from, e);
    if (result == 0)
        result = find(data != NULL ? data : buf_text(&from), data == NULL, channel, out, e);
    buf_done(&from);
    if (result != 0)
        folder_done(out);
    return result;
}

void folder_done(struct folder *f)
{
    free(f->data);
    free(f->channel);
    free(f->store);
    free(f->channels);
    *f = (struct folder){ 0 };
}
