#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <cmocka.h>
#include "relay/config/config.h"

/* A folder of its own for each test: config files, password files, a place for data. */
struct place {
    char           folder[64];
    char           path[96];
    char           said[16 * 1024]; /* all sentences, a line each */
    struct config *config;
    struct err     e;
};

static void say(void *arg, const char *sentence)
{
    struct place *p = arg;
    size_t        used = strlen(p->said);
    (void)snprintf(p->said + used, sizeof p->said - used, "%s\n", sentence);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* DIR in the text stands for the folder. */
static int read_text(struct place *p, const char *text)
{
    char   whole[64 * 1024];
    size_t used = 0;

    p->said[0] = '\0';
    config_free(p->config);
    p->config = NULL;
    while (*text != '\0') {
        assert_true(used + sizeof p->folder < sizeof whole);
        if (strncmp(text, "DIR", 3) == 0) {
            used += (size_t)snprintf(whole + used, sizeof whole - used, "%s", p->folder);
            text += 3;
        } else {
            whole[used++] = *text++;
        }
    }
    whole[used] = '\0';
    write_file(p->path, whole, 0600);
    return config_read(p->path, say, p, &p->config, &p->e);
}

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/test_config.XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->path, sizeof p->path, "%s/c", p->folder);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    char          password[128];

    config_free(p->config);
    (void)snprintf(password, sizeof password, "%s/password", p->folder);
    (void)unlink(password);
    (void)unlink(p->path);
    (void)rmdir(p->folder);
    free(p);
    return 0;
}

#define GOOD                                                                                       \
    "[relay]\ndata = DIR/data\n"                                                                   \
    "[source a]\nuser = u\nserver_id = 7\n"

static void assert_says(struct place *p, const char *text, const char *sentence)
{
    assert_int_equal(read_text(p, text), -1);
    assert_int_equal(p->e.kind, E_CONFIG);
    if (strstr(p->said, sentence) == NULL)
        fail_msg("not said: %s\nsaid: %s", sentence, p->said);
    assert_null(p->config);
}

static void absent_keys_and_sections_have_their_defaults(void **state)
{
    struct place *p = *state;

    assert_int_equal(read_text(p, GOOD), 0);
    assert_string_equal(p->said, "");
    const struct config *c = p->config;
    assert_false(c->relay.sync.never);
    assert_int_equal(c->relay.sync.interval_ms, 0);
    assert_int_equal(c->relay.loops, 1);
    assert_int_equal(c->listener_count, 1);
    assert_string_equal(c->listeners[0].name, "");
    assert_string_equal(c->listeners[0].address, "127.0.0.1");
    assert_int_equal(c->listeners[0].port, 3307);
    assert_int_equal(c->source_count, 1);
    assert_string_equal(c->sources[0].name, "a");
    assert_string_equal(c->sources[0].host, "127.0.0.1");
    assert_int_equal(c->sources[0].start.kind, START_OLDEST);
    assert_int_equal(c->sources[0].tls, CLIENT_TLS_PREFERRED);
    assert_int_equal(c->sources[0].retry_max, 30);
    assert_int_equal(c->user_count, 0);
}

static void every_kind_of_value_is_understood(void **state)
{
    struct place *p = *state;

    assert_int_equal(
        read_text(p,
                  "\xef\xbb\xbf# a comment\n"
                  "[relay]\n  data = DIR/data ; behind it\n\tsync = os\nlog_level = debug\n"
                  "[ source  main.1 ]\nuser=u\nserver_id = 4294967295\nheartbeat = 2m\n"
                  "start = mysql-bin.000638:1099511627775\ntls = verify-identity\n"
                  "[user some one]\npassword = p=q:r\nrequire_tls = YES\nauth = "
                  "mysql_native_password\n"
                  "[publisher p]\nsink = stdout\ntopic.prefix = t\ntombstones.on.delete = off\n"
                  "table.include.list = a\\.b\ntable.include.list = c\\.d,e\\.f\nstart = newest\n"),
        0);
    const struct config *c = p->config;
    assert_true(c->relay.sync.never);
    assert_int_equal(c->relay.log_level, LOG_DEBUG);
    assert_string_equal(c->sources[0].name, "main.1");
    assert_int_equal(c->sources[0].server_id, 4294967295u);
    assert_int_equal(c->sources[0].heartbeat, 120);
    assert_int_equal(c->sources[0].start.kind, START_AT);
    assert_string_equal(c->sources[0].start.file, "mysql-bin.000638");
    assert_int_equal(c->sources[0].start.position, 1099511627775);
    assert_int_equal(c->sources[0].tls, CLIENT_TLS_VERIFY_IDENTITY);
    assert_string_equal(c->users[0].name, "some one");
    assert_string_equal(c->users[0].password, "p=q:r");
    assert_true(c->users[0].require_tls);
    assert_int_equal(c->users[0].auth, CONFIG_AUTH_NATIVE);
    assert_int_equal(c->publishers[0].sink, CONFIG_SINK_STDOUT);
    assert_false(c->publishers[0].options.tombstones);
    assert_string_equal(c->publishers[0].options.table_include, "a\\.b,c\\.d,e\\.f");
    assert_int_equal(c->publishers[0].start.kind, ORIGIN_NEWEST);
}

static void every_error_is_said_with_its_line(void **state)
{
    struct place *p = *state;

    assert_says(p, GOOD "hots = x\n", "/c:6: [source] has no key 'hots'; did you mean 'host'?");
    assert_says(p, GOOD "[lisener]\n",
                "/c:6: there is no section [lisener]; did you mean 'listener'?");
    assert_says(p, GOOD "[publisher q]\nsink = file\npath = DIR/x\n",
                "/c:6: [publisher q] needs 'topic.prefix'");
    assert_says(p, GOOD "port = 0\n", "/c:6: '0' is no value for 'port': allowed is a port");
    assert_says(p, GOOD "port = 65536\n", "/c:6: ");
    assert_says(p, GOOD "port = 33o6\n", "/c:6: ");
    assert_says(p, GOOD "server_id = 8\n", "/c:6: 'server_id' again: it stands already in line 5");
    assert_says(p, GOOD "[user x]\npassword = p\n[user x]\npassword = p\n",
                "/c:8: [user x] again: it stands already in line 6");
    assert_says(p, GOOD "failover = yes\n", "/c:6: [source] has no key 'failover'");
    assert_says(p, GOOD "admin_user = root\n", "/c:6: admin_user needs relay_user");
    assert_says(p, GOOD "relay_host = a,b\n", "/c:6: relay_host: only one address");
    assert_says(p, GOOD "relay_host = a:b\n", "/c:6: relay_host: 'a:b' is no address");
    assert_says(p, "[relay]\ndata = DIR/data\n", "there is no [source NAME] section");
    assert_says(p, "[relay]\ndata = DIR/none/data\n[source a]\nuser = u\nserver_id = 1\n",
                "/c:2: data: the folder");
    assert_says(p, "[relay]\ndata = DIR/c\n[source a]\nuser = u\nserver_id = 1\n", "/c:2: data: ");
    assert_says(p, GOOD "tls_ca = DIR/none\n", "/c:6: tls_ca: ");
    assert_says(p, GOOD "tls_cert = DIR/c\n", "/c:6: tls_cert and tls_key go together");
    assert_says(p, GOOD "tls = verify-ca\n", "/c:6: tls = verify-ca needs tls_ca");
    assert_says(p,
                "[source a]\nuser = u\nserver_id = 7\nsemi_sync = on\n"
                "[relay]\ndata = DIR/data\nsync = os\n",
                "/c:4: semi_sync with sync = os");
    assert_says(p, GOOD "compress = yes\nsemi_sync = on\n",
                "/c:6: compress and semi_sync exclude each other");
    assert_says(p, GOOD "start = binlog.000001\n", "/c:6: ");
    assert_says(p, GOOD "start = ../binlog.000001:4\n", "/c:6: ");
    assert_says(p, GOOD "start = binlog.000001:3\n", "/c:6: ");
    assert_says(p, GOOD "retry_min = 60\n", "retry_max is less than retry_min");
    assert_says(p, GOOD "nonsense\n", "/c:6: expected KEY = VALUE");
    assert_says(p, GOOD "nonsense", "/c:6: expected KEY = VALUE");
    assert_says(p, "x = 1\n" GOOD, "/c:1: 'x' stands before any section");
    assert_says(p, GOOD "[user a\n", "/c:6: a section begins with [NAME]: ']' is missing");
    assert_says(p, GOOD "[user a]\n", "/c:6: [user a] needs 'password' or 'password_file'");
    assert_says(p, GOOD "[user a]\npassword = p\nhosts = 10.0.0.0/8\nhosts = db\n",
                "/c:9: hosts: 'db' is no address");
    assert_says(p, GOOD "[user a]\npassword = p\nbandwidth = 100\n", "/c:8: bandwidth: at least");
    assert_says(p, GOOD "[user a]\npassword = p\nrights = super\n", "/c:8: 'super' is no value");
    assert_says(p, GOOD "[user a]\npassword = p\nmax_connections = 0\n", "/c:8: '0' is no value");
    assert_says(p, GOOD "[user a]\npassword = p\nrequire_certificate = yes\n",
                "/c:8: require_certificate needs tls_ca");
    assert_says(p, GOOD "[listener]\ntls_ca = DIR/none\n", "/c:7: tls_ca: '");
    assert_says(p,
                GOOD "[publisher p]\npath = /x\ntopic.prefix = t\n"
                     "[publisher q]\npath = /x\ntopic.prefix = t\n",
                "/c:9: [publisher p] already writes there");
}

static void without_a_channel_section_there_is_one_in_the_data_folder(void **state)
{
    struct place *p = *state;
    char          folder[128];

    assert_int_equal(read_text(p, "[relay]\ndata = DIR/data\nkeep_age = 2h\nsync = os\n"
                                  "[source a]\nuser = u\nserver_id = 7\n"
                                  "[user x]\npassword = p\n"
                                  "[publisher q]\npath = /x\ntopic.prefix = t\n"),
                     0);
    const struct config *c = p->config;
    assert_false(c->has_channels);
    assert_int_equal(c->channel_count, 1);
    assert_string_equal(c->channels[0].name, "main");
    (void)snprintf(folder, sizeof folder, "%s/data", p->folder);
    assert_string_equal(c->channels[0].folder, folder);
    assert_int_equal(c->channels[0].keep_age, 7200);
    assert_true(c->channels[0].sync.never);
    assert_string_equal(c->sources[0].channel, "main");
    assert_string_equal(c->users[0].channel, "main");
    assert_string_equal(c->publishers[0].channel, "main");
    assert_string_equal(c->listeners[0].channel, "main");
}

static void sources_of_a_channel_keep_their_order(void **state)
{
    struct place *p = *state;

    if (read_text(p, "[relay]\ndata = DIR/data\nfailover = auto\nfailover_after = 5\n"
                     "[source b]\nuser = u\nserver_id = 7\n"
                     "[source a]\nuser = u\nserver_id = 7\nadmin_user = root\nrelay_user = r\n"
                     "relay_host = relay:3310\n"
                     "[source c]\nuser = u\nserver_id = 7\n") != 0)
        fail_msg("%s", p->said);
    const struct config *c = p->config;
    assert_int_equal(c->source_count, 3);
    assert_string_equal(c->sources[0].name, "b");
    assert_string_equal(c->sources[1].name, "a");
    assert_string_equal(c->sources[2].name, "c");
    assert_string_equal(c->sources[1].admin_user, "root");
    assert_string_equal(c->sources[0].admin_user, "");
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(c->sources[i].channel, "main");
    assert_int_equal(c->channels[0].failover, FAILOVER_AUTO);
    assert_int_equal(c->channels[0].failover_after, 5);
    assert_int_equal(c->channels[0].failover_fence, 3600);
    assert_int_equal(c->channels[0].fork, FORK_STOP);
}

#define TWO                                                                                        \
    "[relay]\ndata = DIR/data\nkeep_bytes = 10G\nhold_age = 3h\n"                                  \
    "[channel a]\n[channel b]\nkeep_bytes = 1G\nsync = interval:20\n"                              \
    "[source s]\nchannel = a\nuser = u\nserver_id = 7\n"                                           \
    "[source t]\nchannel = b\nuser = u\nserver_id = 7\n"

static void channels_have_their_own_folders_and_limits(void **state)
{
    struct place *p = *state;
    char          folder[128];

    if (read_text(p, TWO "[listener]\n[listener two]\nport = 3308\nchannel = b\n"
                         "[user x]\npassword = p\nchannel = a\n[user y]\npassword = p\n") != 0)
        fail_msg("%s", p->said);
    const struct config *c = p->config;
    assert_true(c->has_channels);
    assert_int_equal(c->channel_count, 2);
    (void)snprintf(folder, sizeof folder, "%s/data/b", p->folder);
    assert_string_equal(c->channels[1].folder, folder);
    assert_int_equal(c->channels[0].keep_bytes, 10ull << 30);
    assert_int_equal(c->channels[1].keep_bytes, 1ull << 30);
    assert_int_equal(c->channels[0].sync.interval_ms, 0);
    assert_int_equal(c->channels[1].sync.interval_ms, 20);
    assert_int_equal(c->channels[1].hold_age, 3 * 3600);
    assert_int_equal(c->listener_count, 2);
    assert_string_equal(c->listeners[0].channel, "");
    assert_string_equal(c->listeners[1].name, "two");
    assert_string_equal(c->listeners[1].channel, "b");
    assert_string_equal(c->users[0].channel, "a");
    assert_string_equal(c->users[1].channel, "");
}

static void mistakes_with_channels_are_said_with_their_lines(void **state)
{
    struct place *p = *state;
    char          path[128];

    assert_says(p, TWO "[user x]\npassword = p\nchannel = bb\n",
                "/c:19: channel: there is no [channel bb]; did you mean 'b'?");
    assert_says(p, TWO "[user x]\npassword = p\n", "/c:17: [user x] needs 'channel'");
    assert_says(p, TWO "[publisher q]\npath = /x\ntopic.prefix = t\n",
                "/c:17: [publisher q] needs 'channel': which one of a, b");
    assert_says(p, TWO "[source v]\nuser = u\nserver_id = 7\n",
                "/c:17: [source v] needs 'channel': which one of a, b");
    assert_says(p, TWO "[channel c]\nfailover = sometimes\n",
                "/c:18: 'sometimes' is no value for 'failover': allowed is manual or auto");
    assert_says(p, TWO "[channel c]\n", "/c:17: [channel c] has no source");
    assert_says(p, TWO "[channel a.b]\n", "/c:17: 'a.b' can't be the name of a channel");
    assert_says(p, TWO "[channel users]\n", "/c:17: 'users' can't be the name of a channel");
    assert_says(p, TWO "[channel]\n", "/c:17: a channel needs a name: [channel NAME]");
    assert_says(p, TWO "[channel a]\n", "/c:17: [channel a] again: it stands already in line 5");
    assert_says(p, TWO "[listener]\n[listener l]\n",
                "/c:18: [listener] has this address and port already");
    assert_says(p, TWO "[listener]\n[listener]\n", "/c:18: [listener] again");
    assert_says(p, GOOD "[listener]\nchannel = b\n", "/c:7: channel: there is no [channel b]");
    assert_says(p,
                TWO "semi_sync = on\n[channel c]\nsync = os\n[source v]\nchannel = c\nuser = u\n"
                    "server_id = 1\nsemi_sync = on\n",
                "/c:24: semi_sync with sync = os");
    (void)snprintf(path, sizeof path, "%s/data", p->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/data/catalog.db", p->folder);
    write_file(path, "", 0600);
    assert_says(p, TWO, "/c:2: data: '");
    assert_non_null(strstr(p->said, "holds the binlogs of a relay without [channel NAME]"));
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/data", p->folder);
    assert_int_equal(rmdir(path), 0);
}

static void all_errors_are_said_at_once(void **state)
{
    struct place *p = *state;

    assert_says(p, "[relay]\nx = 1\ny = 2\n[source a]\nport = z\n", "/c:2: ");
    assert_non_null(strstr(p->said, "/c:3: "));
    assert_non_null(strstr(p->said, "/c:5: "));
    assert_non_null(strstr(p->said, "/c:1: [relay] needs 'data'"));
    assert_non_null(strstr(p->said, "/c:4: [source a] needs 'user'"));
    assert_non_null(strstr(p->said, "/c:4: [source a] needs 'server_id'"));
    assert_non_null(strstr(p->e.text, "6 errors"));
}

static void a_long_line_is_an_error_of_its_own_line(void **state)
{
    struct place *p = *state;
    char          text[2048] = GOOD "host = ";

    memset(text + strlen(text), 'x', 1000);
    (void)snprintf(text + strlen(text), 64, "\nport = 0\n");
    assert_says(p, text, "/c:6: the line is longer than");
    assert_non_null(strstr(p->said, "/c:7: "));
}

static void a_password_file_gives_its_first_line(void **state)
{
    struct place *p = *state;
    char          path[128];

    (void)snprintf(path, sizeof path, "%s/password", p->folder);
    write_file(path, "se cret;\r\nsecond line\n", 0600);
    assert_int_equal(read_text(p, GOOD "password_file = DIR/password\n"), 0);
    assert_string_equal(p->config->sources[0].password, "se cret;");
    assert_says(p, GOOD "password_file = DIR/password\npassword = x\n", "exclude each other");
    write_file(path, "", 0600);
    assert_says(p, GOOD "password_file = DIR/password\n", "/c:6: password_file: the first line");
    assert_says(p, GOOD "password_file = DIR/none\n", "/c:6: password_file: ");
}

static void a_readable_file_with_passwords_is_warned_of(void **state)
{
    struct place *p = *state;

    assert_int_equal(read_text(p, GOOD "password = x\n"), 0);
    assert_string_equal(p->said, "");
    assert_int_equal(chmod(p->path, 0644), 0);
    config_free(p->config);
    p->config = NULL;
    assert_int_equal(config_read(p->path, say, p, &p->config, &p->e), 0);
    assert_non_null(strstr(p->said, "warning: the file holds passwords"));
}

static void no_cut_of_a_good_file_confuses_the_parser(void **state)
{
    struct place     *p = *state;
    static const char whole[] = GOOD "start = b.000001:4\ntls = off\n[user x]\npassword = y\n"
                                     "[publisher z]\npath = /x\ntopic.prefix = t\n";
    char              cut[sizeof whole];

    for (size_t n = 0; n < sizeof whole; n++) {
        memcpy(cut, whole, n);
        cut[n] = '\0';
        int rc = read_text(p, cut);
        assert_int_equal(rc == 0, p->config != NULL);
        assert_int_equal(rc == 0, *p->said == '\0');
    }
}

/* What the sample has commented out is the default: with the comment marks gone it still reads. */
static void the_sample_reads_with_and_without_its_comment_marks(void **state)
{
    struct place *p = *state;
    struct buf    sample, text;
    char          path[128];

    (void)snprintf(path, sizeof path, "%s/password", p->folder);
    write_file(path, "secret\n", 0600);
    buf_init(&sample, 64 * 1024);
    buf_init(&text, 64 * 1024);
    config_put_sample(&sample);
    for (int bare = 0; bare < 2; bare++) {
        buf_clear(&text);
        const char *line = buf_text(&sample);
        while (*line != '\0') {
            size_t n = strcspn(line, "\n");
            bool   key = line[0] == '#' && line[1] != ' ';
            if (strncmp(line, "data =", 6) == 0)
                buf_put_text(&text, "data = DIR/data");
            else if (strncmp(line, "password_file =", 15) == 0)
                buf_put_text(&text, "password_file = DIR/password");
            else
                buf_put(&text,
                        (struct slice){ (const uint8_t *)line + (bare && key), n - (bare && key) });
            buf_put_text(&text, "\n");
            line += n + (line[n] == '\n');
        }
        int rc = read_text(p, buf_text(&text));
        if (rc != 0)
            fail_msg("%s", p->said);
        assert_int_equal(p->config->publisher_count, 1);
    }
    buf_done(&sample);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(absent_keys_and_sections_have_their_defaults, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_kind_of_value_is_understood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_error_is_said_with_its_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_channel_section_there_is_one_in_the_data_folder,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(sources_of_a_channel_keep_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(channels_have_their_own_folders_and_limits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(mistakes_with_channels_are_said_with_their_lines, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(all_errors_are_said_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_line_is_an_error_of_its_own_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_password_file_gives_its_first_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_readable_file_with_passwords_is_warned_of, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_cut_of_a_good_file_confuses_the_parser, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_sample_reads_with_and_without_its_comment_marks, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
