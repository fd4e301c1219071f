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
    assert_int_equal(found_of("|ssss", "|sssss"), JOIN_AMBIGUOUS);
    assert_int_equal(found_of("asss", "|sssss"), JOIN_AMBIGUOUS);
}

/* The list begins in the middle of equal ones: that one of them stands in it alone says nothing. */
static void one_that_may_have_others_in_front_says_nothing(void **state)
{
    (void)state;
    assert_int_equal(found_of("|s", "|sx"), JOIN_AMBIGUOUS);
    assert_int_equal(found_of("abs", "|sxy"), JOIN_AMBIGUOUS);
    assert_int_equal(found_of("|s", "abssx"), JOIN_AMBIGUOUS);
    struct join j = must_join("|abcdefghi", "|abcdefghixy", "hhhhhhhhhnn");
    assert_int_equal(j.lacking, 0);
    (void)must_join("s", "sx", "hn");
}

/* Behind the first that both have. */
static void what_one_side_alone_has_is_seen_wherever_it_stands(void **state)
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

/* ---- any history ----------------------------------------------------------------------------- */

enum { HISTORY = 600, SEEDS = 3000 };

struct world {
    uint64_t random;
    size_t   count, received; /* transactions of the source, of which so many were received */
    size_t   replicated;      /* and so many by the other server */
    uint64_t names[2 * HISTORY];
    uint32_t seconds[2 * HISTORY];
    /* Theirs: which one of the source's, or one behind them of their own. */
    size_t theirs[2 * HISTORY];
    size_t theirs_count;
};

static uint64_t up_to(struct world *w, uint64_t n)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (w->random >> 33) % n;
}

/* Bursts of equal transactions in one second, and others. */
static void make_history(struct world *w)
{
    uint64_t kinds = 1 + up_to(w, 3), per_second = 1 + up_to(w, 60), second = 100;

    w->count = 50 + up_to(w, HISTORY - 50);
    for (size_t i = 0; i < w->count; i++) {
        if (up_to(w, per_second) == 0)
            second += 1 + up_to(w, 3);
        w->seconds[i] = (uint32_t)second;
        w->names[i] = up_to(w, 3) == 0 ? 1000000 + i : second * 10 + up_to(w, kinds);
    }
    w->received = 20 + up_to(w, w->count - 19);
}

/* As a parallel replica logs them, and with what it wrote itself: all, or behind the history. */
static void make_theirs(struct world *w)
{
    size_t reorder = up_to(w, 3) == 0 ? 1 + up_to(w, 8) : 1, own = w->count;

    w->theirs_count = 0;
    w->replicated = up_to(w, 3) == 0 ? w->count - up_to(w, 10) : w->count;
    for (size_t i = 0; i < w->replicated; i++)
        w->theirs[w->theirs_count++] = i;
    for (size_t i = 0; i + reorder < w->replicated; i++) {
        size_t k = i + up_to(w, reorder), kept = w->theirs[i];
        w->theirs[i] = w->theirs[k];
        w->theirs[k] = kept;
    }
    for (size_t n = up_to(w, 20); n > 0; n--) {
        w->seconds[own] = w->seconds[w->count - 1] + 1 + (uint32_t)up_to(w, 3);
        w->names[own] = 5000000 + up_to(w, 3);
        w->theirs[w->theirs_count++] = own++;
    }
}

struct seen {
    struct fingerprint prints[2 * HISTORY];
    uint32_t           seconds[2 * HISTORY];
    bool               marks[2 * HISTORY];
    struct join_side   side;
};

static void see(const struct world *w, const size_t *which, size_t from, size_t to, struct seen *s)
{
    s->side = (struct join_side){
        .prints = s->prints, .seconds = s->seconds, .count = to - from, .whole = from == 0
    };
    for (size_t i = from; i < to; i++) {
        size_t k = which != NULL ? which[i] : i;
        s->prints[i - from] = named(w->names[k]);
        s->seconds[i - from] = w->seconds[k];
    }
}

/* Of equal ones it does not matter which are taken for held, but how many. */
static void check_counts(const struct world *w, size_t from, const struct seen *theirs,
                         uint64_t seed)
{
    for (size_t i = 0; i < theirs->side.count; i++) {
        long balance = 0;
        for (size_t k = 0; k < theirs->side.count; k++)
            if (fingerprint_equal(&theirs->prints[i], &theirs->prints[k]))
                balance += (long)theirs->marks[k] - (w->theirs[from + k] < w->received);
        if (balance != 0)
            fail_msg("seed %llu: of number %zu there are %ld held too many",
                     (unsigned long long)seed, i, balance);
    }
}

static void whatever_is_found_is_right(void **state)
{
    static struct world w;
    static struct seen  held, theirs;
    unsigned            found_often = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        enum join_found found;
        struct join     j;
        struct err      e = { 0 };

        w.random = seed * 7919;
        make_history(&w);
        make_theirs(&w);
        size_t held_from = up_to(&w, 2) == 0 ? 0 : up_to(&w, w.received);
        size_t theirs_from = up_to(&w, 2) == 0 ? 0 : up_to(&w, w.theirs_count);
        see(&w, NULL, held_from, w.received, &held);
        see(&w, w.theirs, theirs_from, w.theirs_count, &theirs);
        assert_int_equal(
            join_find(&held.side, &theirs.side, theirs.marks, held.marks, &found, &j, &e), 0);
        if (found != JOIN_FOUND)
            continue;
        found_often++;
        check_counts(&w, theirs_from, &theirs, seed);
        size_t lacking = w.received > w.replicated ? w.received - w.replicated : 0;
        if (j.lacking != lacking)
            fail_msg("seed %llu: %zu are lacking, found %zu", (unsigned long long)seed, lacking,
                     j.lacking);
    }
    assert_true(found_often > SEEDS / 3);
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
        cmocka_unit_test(one_that_may_have_others_in_front_says_nothing),
        cmocka_unit_test(what_one_side_alone_has_is_seen_wherever_it_stands),
        cmocka_unit_test(whatever_is_found_is_right),
        cmocka_unit_test(long_histories_join_whatever_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
