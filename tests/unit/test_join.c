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

struct side {
    struct fingerprint prints[64];
    uint32_t           seconds[64];
    struct join_side   is;
};

/* Each in a second of its own; a '|' in front: more is in front of it that is not seen. */
static void spell(const char *letters, struct side *s)
{
    s->is = (struct join_side){ .prints = s->prints, .seconds = s->seconds, .whole = true };
    if (*letters == '|') {
        s->is.whole = false;
        letters++;
    }
    s->is.count = strlen(letters);
    for (size_t i = 0; i < s->is.count; i++) {
        s->prints[i] = named((uint64_t)letters[i]);
        s->seconds[i] = (uint32_t)letters[i];
    }
}

/* `expected` has 'h' for a held one of theirs and 'n' for a new one. */
static struct join must_join(const char *held, const char *theirs, const char *expected)
{
    struct side     h, t;
    bool            is_held[64], is_lacking[64];
    enum join_found found = JOIN_NONE;
    struct join     j;
    struct err      e = { 0 };
    size_t          lacking = 0;

    spell(held, &h);
    spell(theirs, &t);
    assert_int_equal(join_find(&h.is, &t.is, is_held, is_lacking, &found, &j, &e), 0);
    assert_int_equal(found, JOIN_FOUND);
    for (size_t i = 0; i < h.is.count; i++)
        lacking += is_lacking[i];
    assert_int_equal(lacking, j.lacking);
    assert_true(lacking == 0 || is_lacking[j.first_lacking]);
    for (size_t i = 0; i < t.is.count; i++)
        if (is_held[i] != (expected[i] == 'h'))
            fail_msg("'%s' and '%s': their number %zu", held, theirs, i);
    return j;
}

static enum join_found found_of(const char *held, const char *theirs)
{
    struct side     h, t;
    bool            is_held[64], is_lacking[64];
    enum join_found found = JOIN_FOUND;
    struct join     j;
    struct err      e = { 0 };

    spell(held, &h);
    spell(theirs, &t);
    assert_int_equal(join_find(&h.is, &t.is, is_held, is_lacking, &found, &j, &e), 0);
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

/* The list begins in the middle of equal ones: that one of them stands in it alone says nothing. */
static void one_that_may_have_others_in_front_is_no_anchor(void **state)
{
    (void)state;
    assert_int_equal(found_of("|s", "|sx"), JOIN_AMBIGUOUS);
    assert_int_equal(found_of("abs", "|sxy"), JOIN_AMBIGUOUS);
    assert_int_equal(found_of("|s", "abssx"), JOIN_AMBIGUOUS);
    struct join j = must_join("|abcdefghi", "|abcdefghixy", "hhhhhhhhhnn");
    assert_true(j.anchor_held > 4);
    (void)must_join("s", "sx", "hn");
}

/* Before the anchor, too, which stands late where the lists begin anywhere. */
static void what_one_side_alone_has_is_seen_in_front_of_the_anchor(void **state)
{
    (void)state;
    struct join j = must_join("ssabcdefgh", "ssXabcdefghy", "hhnhhhhhhhhn");
    assert_int_equal(j.lacking, 0);
    j = must_join("ssGabcdefgh", "ssabcdefghy", "hhhhhhhhhhn");
    assert_int_equal(j.lacking, 1);
    assert_int_equal(j.first_lacking, 2);
    j = must_join("abcdef", "Oabcdefy", "hhhhhhhn"); /* older than what is held */
    assert_int_equal(j.lacking, 0);
}

/* Long histories, of which theirs is a later part, shuffled as a parallel replica would. */
static void long_histories_join_whatever_their_order(void **state)
{
    struct fingerprint *held = calloc(MANY, sizeof *held), *theirs = calloc(MANY, sizeof *theirs);
    uint32_t           *seconds = calloc(MANY, sizeof *seconds);
    bool *is_held = calloc(MANY, sizeof *is_held), *is_lacking = calloc(MANY, sizeof *is_lacking);
    enum join_found found = JOIN_NONE;
    struct join     j;
    struct err      e = { 0 };
    unsigned        random = 1;

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
    struct join_side h = { .prints = held, .seconds = seconds, .count = MANY, .whole = true };
    struct join_side t = { .prints = theirs, .seconds = seconds, .count = MANY, .whole = true };
    assert_int_equal(join_find(&h, &t, is_held, is_lacking, &found, &j, &e), 0);
    assert_int_equal(found, JOIN_FOUND);
    assert_int_equal(j.first_new, MANY - 5000);
    assert_int_equal(j.held_after_first_new, 0);
    assert_int_equal(j.lacking, 0);
    free(held);
    free(theirs);
    free(seconds);
    free(is_held);
    free(is_lacking);
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
        cmocka_unit_test(one_that_may_have_others_in_front_is_no_anchor),
        cmocka_unit_test(what_one_side_alone_has_is_seen_in_front_of_the_anchor),
        cmocka_unit_test(long_histories_join_whatever_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
