/* The users file: what is written is read again, and nothing else is taken for a user. */
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
#include "storage/accounts.h"
#include "storage/private_file.h"

#define SECRET_HASH "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7"
#define HASH        "\"mysql_native_password\":\"" SECRET_HASH "\""

static struct account account(const char *name)
{
    struct account a = account_default();
    struct err     e = { 0 };
    (void)snprintf(a.name, sizeof a.name, "%s", name);
    assert_int_equal(auth_hashes_make(slice_of_text("secret"), true, true, &a.hashes, &e), 0);
    return a;
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    char            path[] = "/tmp/test_accounts.XXXXXX/users";
    char           *slash = strrchr(path, '/');
    struct accounts a = { 0 }, back = { 0 };
    struct err      e = { 0 };
    struct stat     st;
    struct buf      first, second;
    bool            exposed = true;

    *slash = '\0';
    assert_non_null(mkdtemp(path));
    *slash = '/';
    assert_int_equal(accounts_read(path, &back, &exposed, &e), 0); /* none yet */
    assert_int_equal(back.count, 0);
    assert_int_equal(e.kind, E_OK);

    struct account one = account("one"), two = account("zwei \xc3\xa4 \"quoted\"");
    (void)snprintf(two.hosts, sizeof two.hosts, "10.0.0.0/8, localhost");
    (void)snprintf(two.require_certificate, sizeof two.require_certificate, "/CN=two");
    (void)snprintf(two.channel, sizeof two.channel, "shop");
    two.rights = RIGHT_ADMIN | RIGHT_WRITE;
    two.require_tls = true;
    two.max_connections = 7;
    two.bandwidth = 1ull << 40;
    two.auth = ACCOUNT_AUTH_CACHING_SHA2;
    two.hashes.has_native = false;
    for (size_t i = 0; i < AUTH_SALT_BYTES; i++) /* as a server may draw it */
        two.hashes.salt[i] = (uint8_t)(i + 1);
    assert_int_equal(accounts_put(&a, &one, &e), 0);
    assert_int_equal(accounts_put(&a, &two, &e), 0);
    assert_int_equal(accounts_write(path, &a, &e), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    if (accounts_read(path, &back, &exposed, &e) != 0)
        fail_msg("%s", e.text);
    assert_false(exposed);
    assert_int_equal(back.count, 2);
    const struct account *b = accounts_find(&back, two.name);
    assert_non_null(b);
    assert_string_equal(b->hosts, two.hosts);
    assert_string_equal(b->require_certificate, "/CN=two");
    assert_int_equal(b->rights, two.rights);
    assert_true(b->bandwidth == two.bandwidth && b->max_connections == 7 && b->require_tls);
    assert_true(auth_hashes_equal(&b->hashes, &two.hashes));

    buf_init(&first, ACCOUNTS_BYTES_MAX);
    buf_init(&second, ACCOUNTS_BYTES_MAX);
    accounts_put_text(&a, &first);
    accounts_put_text(&back, &second);
    assert_string_equal(buf_text(&first), buf_text(&second));
    buf_done(&first);
    buf_done(&second);

    assert_int_equal(chmod(path, 0640), 0);
    accounts_done(&back);
    assert_int_equal(accounts_read(path, &back, &exposed, &e), 0);
    assert_true(exposed);
    assert_true(accounts_remove(&a, "one"));
    assert_false(accounts_remove(&a, "one"));
    assert_int_equal(accounts_write(path, &a, &e), 0); /* and it is private again */
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    accounts_done(&a);
    accounts_done(&back);
    assert_int_equal(unlink(path), 0);
    *slash = '\0';
    assert_int_equal(rmdir(path), 0);
}

static void only_the_name_and_a_hash_must_be_there(void **state)
{
    (void)state;
    struct accounts a = { 0 };
    struct err      e = { 0 };
    const char     *text = "# a comment\n\n{\"name\":\"u\"," HASH "}\r\n{\"name\":\"v\"," HASH "}";
    if (accounts_parse(slice_of_text(text), &a, &e) != 0)
        fail_msg("%s", e.text);
    assert_int_equal(a.count, 2);
    assert_int_equal(a.list[0].rights, RIGHTS_DEFAULT);
    assert_string_equal(a.list[0].require_certificate, "no");
    accounts_done(&a);
}

static void everything_else_is_refused_with_its_line(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{\"name\":\"u\"}",
        "{" HASH "}",
        "{\"name\":\"\"," HASH "}",
        "{\"name\":\"a\\nb\"," HASH "}",
        "{\"name\":\"a\\u0000b\"," HASH "}",
        "{\"name\":7," HASH "}",
        "{\"name\":\"u\"," HASH ",\"future\":1}",
        "{\"name\":\"u\"," HASH ",\"rights\":\"super\"}",
        "{\"name\":\"u\"," HASH ",\"hosts\":\"db.example.com\"}",
        "{\"name\":\"u\"," HASH ",\"require_tls\":1}",
        "{\"name\":\"u\"," HASH ",\"max_connections\":-1}",
        "{\"name\":\"u\"," HASH ",\"max_connections\":4294967296}",
        "{\"name\":\"u\"," HASH ",\"max_connections\":1.5}",
        "{\"name\":\"u\"," HASH ",\"bandwidth\":100}",
        "{\"name\":\"u\"," HASH ",\"auth\":\"caching_sha2_password\"}",
        "{\"name\":\"u\"," HASH ",\"auth\":\"ldap\"}",
        "{\"name\":\"u\"," HASH ",\"require_certificate\":\"\"}",
        "{\"name\":\"u\",\"caching_sha2_password\":\"" SECRET_HASH "\"}",
        "{\"name\":\"u\"," HASH "} x",
        "{\"name\":\"u\"," HASH "}{}",
        "{\"name\":\"u\"," HASH,
        "[]",
        "7",
        "name = u",
        "{\"name\":\"0123456789012345678901234567890123456789012345678901234567890123\"," HASH "}",
        "{\"name\":\"same\"," HASH "}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct accounts a = { 0 };
        struct err      e = { 0 };
        char            text[512];
        (void)snprintf(text, sizeof text, "{\"name\":\"same\"," HASH "}\n%s\n", wrong[i]);
        if (accounts_parse(slice_of_text(text), &a, &e) == 0)
            fail_msg("taken: %s", wrong[i]);
        assert_int_equal(e.kind, E_CONFIG);
        assert_memory_equal(e.text, "line 2: ", 8);
        assert_null(a.list);
    }
}

static void a_file_of_secrets_is_replaced_at_once_or_not_at_all(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct buf text;
    bool       exposed = false;
    buf_init(&text, 16);
    assert_int_equal(private_file_write("/nonexistent/folder/x", slice_of_text("x"), &e), -1);
    assert_int_equal(private_file_read("/nonexistent/folder/x", &text, &exposed, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    assert_int_equal(private_file_read("/", &text, &exposed, &e), -1);
    assert_int_equal(private_file_read("/proc/self/maps", &text, &exposed, &e), -1);
    assert_int_equal(e.kind, E_LIMIT);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(only_the_name_and_a_hash_must_be_there),
        cmocka_unit_test(everything_else_is_refused_with_its_line),
        cmocka_unit_test(a_file_of_secrets_is_replaced_at_once_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
