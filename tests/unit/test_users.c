/* Users of the configuration and of the users file, before and after they are read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "relay/downstream/users.h"
#include "relay/log.h"

static char name_any[] = "any", name_sha2[] = "sha2", name_native[] = "native";
static char secret[] = "secret";

static struct config_user config_users[] = {
    { .name = name_any, .password = secret, .auth = CONFIG_AUTH_ANY },
    { .name = name_sha2,
      .password = secret,
      .auth = CONFIG_AUTH_CACHING_SHA2,
      .require_tls = true },
    { .name = name_native, .password = secret, .auth = CONFIG_AUTH_NATIVE },
};

/* The sections above and a file in a folder of its own. */
struct place {
    char          folder[64], path[96];
    struct config config;
    struct users *users;
};

static int begin(void **state)
{
    static struct place p;
    struct err          e = { 0 };
    log_set_level(LOG_ERROR);
    p = (struct place){ .folder = "/tmp/test_users.XXXXXX" };
    assert_non_null(mkdtemp(p.folder));
    (void)snprintf(p.path, sizeof p.path, "%s/users", p.folder);
    p.config = (struct config){ .users = config_users, .user_count = 3 };
    p.config.relay.data = p.folder;
    assert_int_equal(users_new(&p.config, &p.users, &e), 0);
    *state = &p;
    return 0;
}

static int end(void **state)
{
    struct place *p = *state;
    users_free(p->users);
    (void)unlink(p->path);
    return rmdir(p->folder);
}

static void write_users(const struct place *p, const struct account *list, size_t count)
{
    struct accounts a = { 0 };
    struct err      e = { 0 };
    for (size_t i = 0; i < count; i++)
        assert_int_equal(accounts_put(&a, &list[i], &e), 0);
    assert_int_equal(accounts_write(p->path, &a, &e), 0);
    accounts_done(&a);
}

static struct account account(const char *name, bool native, bool sha2)
{
    struct account a = account_default();
    struct err     e = { 0 };
    (void)snprintf(a.name, sizeof a.name, "%s", name);
    assert_int_equal(auth_hashes_make(slice_of_text("secret"), native, sha2, &a.hashes, &e), 0);
    return a;
}

static struct user *hold(const struct place *p, const char *name)
{
    return users_hold(p->users, slice_of_text(name));
}

static void users_are_found_by_their_whole_name(void **state)
{
    struct place *p = *state;
    struct user  *any = hold(p, "any"), *sha2 = hold(p, "sha2");
    assert_string_equal(any->name, "any");
    assert_true(sha2->require_tls);
    assert_null(hold(p, "an"));
    assert_null(hold(p, "anyone"));
    assert_null(hold(p, "ANY"));
    assert_null(hold(p, ""));
    user_release(any);
    user_release(sha2);
}

static void a_user_bound_to_a_method_must_use_it(void **state)
{
    struct place *p = *state;
    struct user  *any = hold(p, "any"), *sha2 = hold(p, "sha2"), *native = hold(p, "native");
    struct slice  by_native = slice_of_text("mysql_native_password");
    struct slice  by_sha2 = slice_of_text("caching_sha2_password");
    assert_int_equal(users_method(sha2, by_native, AUTH_NATIVE), AUTH_CACHING_SHA2);
    assert_int_equal(users_method(native, by_sha2, AUTH_CACHING_SHA2), AUTH_NATIVE);
    assert_int_equal(users_method(any, by_native, AUTH_CACHING_SHA2), AUTH_NATIVE);
    assert_int_equal(users_method(any, by_sha2, AUTH_NATIVE), AUTH_CACHING_SHA2);
    user_release(any);
    user_release(sha2);
    user_release(native);
}

static void a_method_without_a_hash_is_switched_from(void **state)
{
    struct place  *p = *state;
    struct account list[] = { account("imported", false, true), account("old", true, false) };
    struct slice   by_native = slice_of_text("mysql_native_password");
    struct slice   by_sha2 = slice_of_text("caching_sha2_password");
    size_t         changed = 0;
    struct err     e = { 0 };
    write_users(p, list, 2);
    assert_int_equal(users_reload(p->users, &p->config, &changed, &e), 0);
    assert_int_equal(changed, 2);
    struct user *imported = hold(p, "imported"), *old = hold(p, "old");
    assert_int_equal(users_method(imported, by_native, AUTH_NATIVE), AUTH_CACHING_SHA2);
    assert_int_equal(users_method(old, by_sha2, AUTH_CACHING_SHA2), AUTH_NATIVE);
    user_release(imported);
    user_release(old);
}

static void a_method_nobody_knows_becomes_the_offered_one(void **state)
{
    (void)state;
    struct slice gssapi = slice_of_text("auth_gssapi_client");
    assert_int_equal(users_method(NULL, gssapi, AUTH_NATIVE), AUTH_NATIVE);
    assert_int_equal(users_method(NULL, slice_empty(), AUTH_CACHING_SHA2), AUTH_CACHING_SHA2);
}

static void names_that_are_not_there_ask_for_methods_that_are(void **state)
{
    struct place *p = *state;
    struct slice  by_native = slice_of_text("mysql_native_password");
    unsigned      seen[AUTH_METHODS] = { 0 };
    char          name[16];
    for (int i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof name, "nobody%d", i);
        struct user *one = users_decoy(p->users, slice_of_text(name));
        struct user *again = users_decoy(p->users, slice_of_text(name));
        assert_ptr_equal(one, again);
        seen[users_method(one, by_native, AUTH_NATIVE)]++;
        user_release(one);
        user_release(again);
    }
    assert_true(seen[AUTH_NATIVE] > 50 && seen[AUTH_CACHING_SHA2] > 50);
}

static void what_is_known_of_a_password_outlives_a_reload(void **state)
{
    struct place  *p = *state;
    struct account list[] = { account("kept", true, true), account("other", true, true) };
    size_t         changed = 0;
    struct err     e = { 0 };
    write_users(p, list, 2);
    assert_int_equal(users_reload(p->users, &p->config, &changed, &e), 0);
    static const char *const names[] = { "any", "kept", "other" };
    struct user             *before[3];
    for (size_t i = 0; i < 3; i++) {
        before[i] = hold(p, names[i]);
        before[i]->verifier.cached = AUTH_CACHE_VALID; /* as after a full exchange */
        before[i]->live->connections = 7;
    }
    list[1] = account("other", true, true); /* with another salt */
    list[0].rights = RIGHT_ADMIN;
    write_users(p, list, 2);
    assert_int_equal(users_reload(p->users, &p->config, &changed, &e), 0);
    assert_int_equal(changed, 2);
    for (size_t i = 0; i < 3; i++) {
        struct user *now = hold(p, names[i]);
        assert_ptr_not_equal(now, before[i]);
        assert_ptr_equal(now->live, before[i]->live);
        assert_int_equal(now->verifier.cached == AUTH_CACHE_VALID, i < 2);
        user_release(now);
    }
    struct user *kept = hold(p, "kept");
    assert_true(user_may(kept, RIGHT_ADMIN) && !user_may(kept, RIGHT_REPLICATE));
    user_release(kept);

    write_users(p, list, 1);
    assert_int_equal(users_reload(p->users, &p->config, &changed, &e), 0);
    assert_int_equal(changed, 1);
    assert_null(hold(p, "other"));
    for (size_t i = 0; i < 3; i++)
        user_release(before[i]); /* the removed one was held till now */
}

static void a_list_that_is_no_good_changes_nothing(void **state)
{
    struct place  *p = *state;
    struct account twice = account("any", true, true);
    size_t         changed = 77;
    struct err     e = { 0 };
    write_users(p, &twice, 1);
    assert_int_equal(users_reload(p->users, &p->config, &changed, &e), -1);
    assert_int_equal(e.kind, E_CONFIG);
    assert_non_null(strstr(e.text, "'any'"));
    assert_int_equal(users_count(p->users), 3);
    FILE *f = fopen(p->path, "we");
    assert_non_null(f);
    assert_true(fputs("nonsense\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(users_reload(p->users, &p->config, &changed, &e), -1);
    assert_non_null(strstr(e.text, "line 1"));
    assert_int_equal(users_count(p->users), 3);
    assert_int_equal(changed, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(users_are_found_by_their_whole_name, begin, end),
        cmocka_unit_test_setup_teardown(a_user_bound_to_a_method_must_use_it, begin, end),
        cmocka_unit_test_setup_teardown(a_method_without_a_hash_is_switched_from, begin, end),
        cmocka_unit_test(a_method_nobody_knows_becomes_the_offered_one),
        cmocka_unit_test_setup_teardown(names_that_are_not_there_ask_for_methods_that_are, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_is_known_of_a_password_outlives_a_reload, begin, end),
        cmocka_unit_test_setup_teardown(a_list_that_is_no_good_changes_nothing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
