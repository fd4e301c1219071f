#include "tools/binrelay/folder.h"
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <sys/stat.h>

static int take_data(void *arg, const char *section, const char *name, const char *value)
{
    struct buf *out = arg;
    if (strcmp(section, "relay") == 0 && strcmp(name, "data") == 0 && value != NULL) {
        buf_clear(out);
        buf_put_text(out, value);
    }
    return 1;
}

int folder_from_config(const char *path, struct buf *out, struct err *e)
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

int folder_check(const char *folder, const char *config, struct err *e)
{
    struct stat st;
    struct buf  path;

    buf_init(&path, 4096);
    buf_printf(&path, "%s/catalog.db", folder);
    int result = stat(buf_text(&path), &st);
    int why = errno;
    if (result != 0 && why == ENOENT) { /* a lost catalog can be made again */
        buf_clear(&path);
        buf_printf(&path, "%s/lock", folder);
        result = stat(buf_text(&path), &st);
    }
    buf_done(&path);
    if (result == 0)
        return 0;
    if (why == EACCES)
        return err_set(e, E_IO, "may not read '%s': run this as root or as the relay's user",
                       folder);
    return err_set(e, E_CONFIG,
                   "'%s' holds no relay's data yet: start binrelayd once, or give another folder "
                   "by %s",
                   folder, config != NULL ? "--config or --data" : "--data");
}
