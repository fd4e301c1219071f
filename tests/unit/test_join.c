/* Which transactions of another server are held, told by letters: each stands for a fingerprint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "protocol/checksum.h"
#include "protocol/join.h"

enum { MANY = 20000 };

static struct fingerprint named(uint64_t name)
{
    struct fingerprint f;
    struct slice       bytes = { (const uint8_t *)&name, sizeof name };

    for (size_t i = 0; i < FINGERPRINT_BYTES; i += 4) {
        uint32_t crc = checksum_crc32((uint32_t)i + 1, bytes);
        memcpy(f.bytes + i, &crc, sizeof crc);
    }
    return f;
}

static size_t spell(const char *letters, struct fingerprint *into)
{
    size_t n = strlen(letters);
    for (size_t i = 0; i < n; i++)
        into[i] = named((uint64_t)letters[i]);
    return n;
}

/* `expected` has 'h' for a held one of theirs and 'n' for a new one. */
static struct join must_join(const char *held, const char *theirs, const char *expected)
{
    struct fingerprint h[64], t[64];
    bool               is_held[64];
    enum join_found    found = JOIN_NONE;
    struct join        j;
    struct err         e = { 0 };
    size_t             hn = spell(held, h), tn = spell(theirs, t);

    assert_int_equal(join_find(h, hn, t, tn, is_held, &found, &j, &e), 0);
    assert_int_equal(found, JOIN_FOUND);
    for (size_t i = 0; i < tn; i++)
        if (is_held[i] != (expected[i] == 'h'))
            fail_msg("'%s' and '%s': their number %zu", held, theirs, i);
    return j;
}

static enum join_found found_of(const char *held, const char *theirs)
{
    struct fingerprint h[64], t[64];
    bool               is_held[64];
    enum join_found    found = JOIN_FOUND;
    struct join        j;
    struct err         e = { 0 };

    assert_int_equal(join_find(h, spell(held, h), t, spell(theirs, t), is_held, &found, &j, &e), 0);
    return found;
}

static void what_follows_the_held_ones_is_new(void **state)
{
    (void)state;
    struct join j = must_join("abcdef", "cdefxy", "hhhhnn");
    assert_int_equal(j.first_new, 4);
    assert_int_equal(j.lacking, 0);
    assert_int_equal(j.held_after_first_new, 0);
    j = must_join("def", "abcdef", "hhhhhh");
    assert_int_equal(j.first_new, 6);
}

static void a_server_that_is_behind_lacks_some(void **state)
{
    (void)state;
    struct join j = must_join("abcdef", "abcd", "hhhh");
    assert_int_equal(j.lacking, 2);
    assert_int_equal(j.first_lacking, 4);
    j = must_join("abcdef", "abcdxy", "hhhhnn");
    assert_int_equal(j.lacking, 2);
}

static void another_order_is_no_difference(void **state)
{
    (void)state;
    struct join j = must_join("abcdefgh", "abdcehgfxy", "hhhhhhhhnn");
    assert_int_equal(j.lacking, 0);
}

static void one_that_only_they_have_is_seen_between_held_ones(void **state)
{
    (void)state;
    struct join j = must_join("abcdef", "abcXdefy", "hhhnhhhn");
    assert_int_equal(j.first_new, 3);
    assert_int_equal(j.held_after_first_new, 3);
    assert_int_equal(j.lacking, 0);
}

static void one_that_only_is_held_is_a_ghost(void **state)
{
    (void)state;
    struct join j = must_join("abcGdef", "abcdefy", "hhhhhhn");
    assert_int_equal(j.lacking, 1);
    assert_int_equal(j.first_lacking, 3);
}

static void equal_ones_are_counted(void **state)
{
    (void)state;
    struct join j = must_join("abssss", "absssssy", "hhhhhhnn");
    assert_int_equal(j.lacking, 0);
    j = must_join("abssss", "abssy", "hhhhn");
    assert_int_equal(j.lacking, 2);
    assert_int_equal(j.first_lacking, 4);
}

static void without_a_place_in_common_nothing_is_guessed(void **state)
{
    (void)state;
    assert_int_equal(found_of("abc", "xyz"), JOIN_NONE);
    assert_int_equal(found_of("abc", ""), JOIN_NONE);
    assert_int_equal(found_of("", "xyz"), JOIN_NONE);
    assert_int_equal(found_of("ssss", "sssss"), JOIN_AMBIGUOUS);
    assert_int_equal(found_of("asss", "sssss"), JOIN_AMBIGUOUS);
}

/* Long histories, of which theirs is a later part, shuffled as a parallel replica would. */
static void long_histories_join_whatever_their_order(void **state)
{
    struct fingerprint *held = calloc(MANY, sizeof *held), *theirs = calloc(MANY, sizeof *theirs);
    bool               *is_held = calloc(MANY, sizeof *is_held);
    enum join_found     found = JOIN_NONE;
    struct join         j;
    struct err          e = { 0 };
    unsigned            random = 1;

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        held[i] = named(i % 100 < 20 ? i / 100 * 100 : i); /* a fifth are alike, by the hundred */
    for (size_t i = 0; i < MANY; i++)
        theirs[i] = i + 5000 < MANY ? held[i + 5000] : named(1000000 + i);
    for (size_t i = 0; i + 5000 + 32 < MANY; i++) {
        random = random * 1103515245 + 12345;
        size_t             k = i + (random >> 16) % 32;
        struct fingerprint kept = theirs[i];
        theirs[i] = theirs[k];
        theirs[k] = kept;
    }
    assert_int_equal(join_find(held, MANY, theirs, MANY, is_held, &found, &j, &e), 0);
    assert_int_equal(found, JOIN_FOUND);
    assert_int_equal(j.first_new, MANY - 5000);
    assert_int_equal(j.held_after_first_new, 0);
    assert_int_equal(j.lacking, 0);
    free(held);
    free(theirs);
    free(is_held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_follows_the_held_ones_is_new),
        cmocka_unit_test(a_server_that_is_behind_lacks_some),
        cmocka_unit_test(another_order_is_no_difference),
        cmocka_unit_test(one_that_only_they_have_is_seen_between_held_ones),
        cmocka_unit_test(one_that_only_is_held_is_a_ghost),
        cmocka_unit_test(equal_ones_are_counted),
        cmocka_unit_test(without_a_place_in_common_nothing_is_guessed),
        cmocka_unit_test(long_histories_join_whatever_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
