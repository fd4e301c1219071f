/* Whole statements of a hostile client: each gets exactly one answer in whole packets. The first
 * byte chooses the source's family and version and the client's capabilities. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "protocol/handshake.h"
#include "relay/sql/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char                folder[] = "/tmp/binrelay-fuzz-XXXXXX";
static struct disk        *disk;
static struct store       *store;
static struct server_facts facts[] = {
    { .known = true,
      .family = FAMILY_MYSQL,
      .version = "9.7.4",
      .version_number = 90704,
      .binlog_checksum = "CRC32",
      .gtid_mode = "ON" },
    { .known = true, .family = FAMILY_MYSQL, .version = "5.5.34", .version_number = 50534 },
    { .known = true,
      .family = FAMILY_MARIADB,
      .version = "10.11.19-MariaDB",
      .version_number = 101119,
      .binlog_checksum = "CRC32" },
    { .known = false },
};

static void clean_up(void)
{
    static const char *const files[] = { "catalog.db", "catalog.db-wal", "catalog.db-shm", "lock" };
    char                     path[100];

    store_close(store);
    disk->free(disk);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static void open_once(void)
{
    struct err e = { 0 };

    if (store != NULL)
        return;
    if (mkdtemp(folder) == NULL || disk_real_new(folder, &disk, &e) != 0)
        abort();
    struct store_options options = { .folder = folder, .disk = disk };
    if (store_open(&options, &store, &e) != 0 || atexit(clean_up) != 0)
        abort();
}

static enum query_kill kill_nobody(void *arg, uint32_t thread_id, bool query)
{
    (void)query;
    (void)arg;
    return thread_id % 2 == 0 ? QUERY_KILL_UNKNOWN : QUERY_KILL_DENIED;
}

static void assert_whole_packets(const struct buf *out, uint8_t sequence)
{
    size_t  at = 0;
    uint8_t count = 0;
    while (at < out->len) {
        assert(out->len - at >= PACKET_HEADER_BYTES && out->ptr[at + 3] == count);
        at += PACKET_HEADER_BYTES + packet_payload_bytes(out->ptr + at);
        count++;
    }
    assert(at == out->len && out->len > 0 && count == sequence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct query_session session;
    struct buf           out;
    uint8_t              sequence = 0;

    if (size < 1)
        return 0;
    open_once();
    query_session_init(&session);
    buf_init(&out, 1 << 16);
    struct query_env env = { .facts = &facts[data[0] % 4],
                             .store = store,
                             .relay_server_id = 1,
                             .relay_uuid = "f718ee6f-e587-11f1-ae02-02fc00000001",
                             .thread_id = 2,
                             .user = "u",
                             .host = "h",
                             .session = &session,
                             .kill = kill_nobody };
    struct reply     r = { .out = &out,
                           .sequence = &sequence,
                           .capabilities = (data[0] & 4) != 0 ? CAP_DEPRECATE_EOF : 0 };
    /* Twice, since the first one may have set something. */
    for (int i = 0; i < 2; i++) {
        buf_clear(&out);
        sequence = 0;
        query_answer(&env, (struct slice){ data + 1, size - 1 }, &r);
        assert_whole_packets(&out, sequence);
        assert(session.variable_count <= QUERY_VARIABLES_MAX);
        assert(session.variable_bytes <= QUERY_SQL_BYTES);
    }
    query_session_done(&session);
    buf_done(&out);
    return 0;
}
