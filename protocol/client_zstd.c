#include "protocol/client_zstd.h"
#include <stdlib.h>
#include <zstd.h>
#include "protocol/client_library.h"

enum { COMPRESSION_PLUGIN = 104, INTERFACE_VERSION = 0x0100, LEVEL_DEFAULT = 3 };

/* The library only hands it on. */
typedef struct {
    ZSTD_CCtx *pack;
    ZSTD_DCtx *unpack;
    int        level;
} context;

/*
 * MARIADB_COMPRESSION_PLUGIN of mysql/client_plugin.h, which can't be included: it asks for a
 * header that the packages leave out. Part of the library's stable interface to plugins.
 */
struct compression_plugin {
    MYSQL_CLIENT_PLUGIN_HEADER
    context *(*init_ctx)(int level);
    void (*free_ctx)(context *c);
    my_bool (*compress)(context *c, void *to, size_t *to_len, void *from, size_t from_len);
    my_bool (*decompress)(context *c, void *to, size_t *to_len, void *from, size_t *from_len);
};

static void context_free(context *c)
{
    if (c == NULL)
        return;
    (void)ZSTD_freeCCtx(c->pack);
    (void)ZSTD_freeDCtx(c->unpack);
    free(c);
}

static context *context_new(int level)
{
    context *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->pack = ZSTD_createCCtx();
    c->unpack = ZSTD_createDCtx();
    c->level = level > 0 ? level : LEVEL_DEFAULT;
    if (c->pack != NULL && c->unpack != NULL)
        return c;
    context_free(c);
    return NULL;
}

/* Both answer 1 for a failure; what does not get smaller is one, and goes as it is. */
static my_bool pack(context *c, void *to, size_t *to_len, void *from, size_t from_len)
{
    size_t n = ZSTD_compressCCtx(c->pack, to, *to_len, from, from_len, c->level);
    if (ZSTD_isError(n))
        return 1;
    *to_len = n;
    return 0;
}

static my_bool unpack(context *c, void *to, size_t *to_len, void *from, size_t *from_len)
{
    size_t n = ZSTD_decompressDCtx(c->unpack, to, *to_len, from, *from_len);
    if (ZSTD_isError(n))
        return 1;
    *to_len = n;
    return 0;
}

void client_zstd_register(void)
{
    static struct compression_plugin plugin = {
        .type = COMPRESSION_PLUGIN,
        .interface_version = INTERFACE_VERSION,
        .name = "zstd",
        .author = "binrelay",
        .desc = "zstd compression",
        .version = { 1, 0, 0 },
        .license = "Apache-2.0",
        .init_ctx = context_new,
        .free_ctx = context_free,
        .compress = pack,
        .decompress = unpack,
    };
    MYSQL *m = mysql_init(NULL);
    /* A library that has one of its own, or knows no such plugins, refuses it. */
    if (m != NULL)
        (void)mysql_client_register_plugin(m, (struct st_mysql_client_plugin *)(void *)&plugin);
    mysql_close(m);
}
