/* Users of the configuration and the method each has to log in by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "relay/downstream/users.h"

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

static struct users *make(void)
{
    struct config config = { .users = config_users, .user_count = 3 };
    struct users *u = NULL;
    struct err    e = { 0 };
    assert_int_equal(users_new(&config, &u, &e), 0);
    return u;
}

static void users_are_found_by_their_whole_name(void **state)
{
    (void)state;
    struct users *u = make();
    assert_string_equal(users_find(u, slice_of_text("any"))->name, "any");
    assert_true(users_find(u, slice_of_text("sha2"))->require_tls);
    assert_null(users_find(u, slice_of_text("an")));
    assert_null(users_find(u, slice_of_text("anyone")));
    assert_null(users_find(u, slice_of_text("ANY")));
    assert_null(users_find(u, slice_empty()));
    users_free(u);
}

static void a_user_bound_to_a_method_must_use_it(void **state)
{
    (void)state;
    struct users *u = make();
    struct user  *any = users_find(u, slice_of_text("any"));
    struct user  *sha2 = users_find(u, slice_of_text("sha2"));
    struct user  *native = users_find(u, slice_of_text("native"));
    struct slice  by_native = slice_of_text("mysql_native_password");
    struct slice  by_sha2 = slice_of_text("caching_sha2_password");
    assert_int_equal(users_method(sha2, by_native, AUTH_NATIVE), AUTH_CACHING_SHA2);
    assert_int_equal(users_method(native, by_sha2, AUTH_CACHING_SHA2), AUTH_NATIVE);
    assert_int_equal(users_method(any, by_native, AUTH_CACHING_SHA2), AUTH_NATIVE);
    assert_int_equal(users_method(any, by_sha2, AUTH_NATIVE), AUTH_CACHING_SHA2);
    users_free(u);
}

static void a_method_nobody_knows_becomes_the_offered_one(void **state)
{
    (void)state;
    struct slice gssapi = slice_of_text("auth_gssapi_client");
    assert_int_equal(users_method(NULL, gssapi, AUTH_NATIVE), AUTH_NATIVE);
    assert_int_equal(users_method(NULL, slice_empty(), AUTH_CACHING_SHA2), AUTH_CACHING_SHA2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_found_by_their_whole_name),
        cmocka_unit_test(a_user_bound_to_a_method_must_use_it),
        cmocka_unit_test(a_method_nobody_knows_becomes_the_offered_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
