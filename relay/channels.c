#include "relay/channels.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "protocol/base/own.h"

/* The folder around those of the channels is one daemon's, too: its control socket is there. */
static int lock_folder(struct channels *c, const char *folder, struct err *e)
{
    OWN_MEM char *path = NULL;

    if (mkdir(folder, S_IRWXU | S_IRGRP | S_IXGRP) != 0 && errno != EEXIST)
        return err_sys(e, "make the folder '%s'", folder);
    if (asprintf(&path, "%s/lock", folder) < 0) {
        path = NULL;
        return err_set(e, E_NOMEM, "no memory for the channels");
    }
    OWN_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return err_sys(e, "open '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return err_set(e, E_CONFIG,
                           "the folder '%s' is in use by another binrelayd: stop that one, or give "
                           "this one a folder of its own",
                           folder);
        return err_sys(e, "lock '%s'", path);
    }
    c->lock_fd = take_fd(&fd);
    return 0;
}

/* A channel that can't be opened is no reason for the others not to run. */
static int open_all(struct channels *c, const struct config *config, struct err *e)
{
    struct err first = { 0 };
    size_t     opened = 0;

    for (size_t i = 0; i < config->channel_count; i++) {
        struct channel_slot *s = &c->slots[c->count++];
        struct err           why = { 0 };
        s->config = &config->channels[i];
        if (channel_new(config, s->config, &s->channel, &why) == 0) {
            opened++;
            continue;
        }
        (void)snprintf(s->problem, sizeof s->problem, "%s", why.text);
        if (first.kind == E_OK)
            first = why;
        if (config->channel_count > 1) {
            char what[128];
            (void)snprintf(what, sizeof what, "channel '%s' can't be opened, it stays away",
                           s->config->name);
            log_err("channel", what, &why);
        }
    }
    if (opened > 0)
        return 0;
    *e = first;
    return -1;
}

int channels_new(const struct config *config, struct channels **out, struct err *e)
{
    struct channels *c = calloc(1, sizeof *c);

    assert(config->channel_count > 0 && config->channel_count <= CONFIG_CHANNELS_MAX);
    if (c == NULL)
        return err_set(e, E_NOMEM, "no memory for the channels");
    c->lock_fd = -1;
    if ((config->has_channels && lock_folder(c, config->relay.data, e) != 0) ||
        open_all(c, config, e) != 0) {
        channels_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

int channels_start(struct channels *c, struct err *e)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->slots[i].channel != NULL)
            TRY(channel_start(c->slots[i].channel, e));
    return 0;
}

void channels_stop_switching(struct channels *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->slots[i].channel != NULL)
            channel_stop_switching(c->slots[i].channel);
}

void channels_stop(struct channels *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->slots[i].channel != NULL)
            channel_stop(c->slots[i].channel);
}

void channels_free(struct channels *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->count; i++)
        channel_free(c->slots[i].channel);
    if (c->lock_fd >= 0)
        (void)close(c->lock_fd);
    free(c);
}

int channels_find(const struct channels *c, const char *name, size_t *out, struct err *e)
{
    char   names[512] = "";
    size_t used = 0;

    if (name == NULL && c->count == 1) {
        *out = 0;
        return 0;
    }
    for (size_t i = 0; i < c->count; i++) {
        if (name != NULL && strcmp(c->slots[i].config->name, name) == 0) {
            *out = i;
            return 0;
        }
        int n = snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                         c->slots[i].config->name);
        used += n > 0 && (size_t)n < sizeof names - used ? (size_t)n : 0;
    }
    if (name != NULL)
        return err_set(e, E_CONFIG, "there is no channel '%.100s' here, but %s", name, names);
    return err_set(e, E_CONFIG, "there are several channels: choose one of %s by --channel", names);
}
