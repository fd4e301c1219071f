/* The stored forms of passwords, as a real server wrote them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/auth_hash.h"

/* authentication_string of MySQL 9.7.1 accounts, in hexadecimal digits. */
static const struct {
    const char *password, *hash;
} real[] = {
    { "secret", "244124303041240F163738262A0A2753775127662D4A462A4146217444374334503059"
                "72723775624F574744646258417964506E356356383265523433614456436631347333" },
    { "a", "244124303041243A466508036F0B6C74221D016741383B660B637376736966786C3361"
           "66634D482E416D36476748706D655A44576D4F6C6577372E42774F5A4C393746742F32" },
    { "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
      "24412430304124092E130C5B52102B714A2D091C451A0C27717062493270546B2E2F50"
      "73727336713035314D4542757539446E4C5576687A50316F2E62445464774C2E506231" },
    { "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
      "2441243030412470440F0C233A1B0D2A4507152C67032E450845014531457263766956"
      "6970712E3771474749784B656A376372712E4171695A416F3630477A49424B6E386D2F" },
    { "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
      "244124303041245569027C160F5F1C1F371A61181C575947154878624837596F756134"
      "546548583056695573303268746F3534772F35744E462E414938577268496463353843" },
    { "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"
      "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"
      "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww",
      "244124303041240D027B4E18076F081D76755A1A487F495647526159776A5431547764"
      "375941677657643762324F796165672E4B5A5A355959786276537463376F5043396F44" },
    { "p\xc3\xa4 \xc3\x9f",
      "244124303041247B4A7A4D644A7C412E516E4765150F5664011D51596C42526F666944"
      "396C77752F49624C764C7A655549306F695A49515A56626143786A38586E6949433633" },
};

static bool fits(const struct auth_hashes *h, const char *password)
{
    struct err e = { 0 };
    bool       fits = false;
    assert_int_equal(auth_hashes_check_sha2(h, slice_of_text(password), &fits, &e), 0);
    return fits;
}

static void a_servers_own_hashes_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof real / sizeof real[0]; i++) {
        struct auth_hashes h = { 0 };
        struct err         e = { 0 };
        assert_int_equal(auth_hashes_take(&h, slice_of_text(real[i].hash), &e), 0);
        assert_true(h.has_sha2 && !h.has_native);
        assert_true(fits(&h, real[i].password));
        assert_false(fits(&h, "something else"));
    }
}

static void hashes_are_written_as_they_were_read(void **state)
{
    (void)state;
    struct auth_hashes h = { 0 }, again = { 0 };
    struct err         e = { 0 };
    struct buf         text;
    buf_init(&text, 256);
    assert_int_equal(auth_hashes_make(slice_of_text("secret"), true, true, &h, &e), 0);
    auth_hashes_put_sha2(&h, &text);
    assert_int_equal(text.len, 70);
    assert_memory_equal(text.ptr, "$A$005$", 7);
    for (size_t i = 0; i < text.len; i++) /* ours can be printed */
        assert_true(text.ptr[i] > 0x20 && text.ptr[i] < 0x7f);
    assert_int_equal(auth_hashes_take(&again, buf_slice(&text), &e), 0);
    buf_clear(&text);
    auth_hashes_put_native(&h, &text);
    assert_string_equal(buf_text(&text), "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7");
    assert_int_equal(auth_hashes_take(&again, buf_slice(&text), &e), 0);
    assert_true(auth_hashes_equal(&h, &again));
    assert_true(fits(&again, "secret"));
    buf_done(&text);
}

static void a_hash_that_is_not_there_fits_nothing(void **state)
{
    (void)state;
    struct auth_hashes h = { 0 };
    struct err         e = { 0 };
    assert_false(fits(&h, "secret"));
    assert_int_equal(auth_hashes_make(slice_of_text("secret"), true, false, &h, &e), 0);
    assert_false(fits(&h, "secret"));
    assert_int_equal(auth_hashes_make(slice_empty(), true, true, &h, &e), -1);
}

static void texts_that_are_no_hash_are_refused_and_change_nothing(void **state)
{
    (void)state;
    static const char good[] =
        "$A$005$aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    struct auth_hashes h = { 0 }, none = { 0 };
    struct err         e = { 0 };
    assert_int_equal(auth_hashes_take(&h, slice_of_text(good), &e), 0);
    h = none;
    for (size_t n = 0; n < sizeof good - 1; n++)
        assert_int_equal(auth_hashes_take(&h, (struct slice){ (const uint8_t *)good, n }, &e), -1);
    static const struct {
        size_t at;
        char   c;
    } changes[] = { { 0, 'A' }, { 1, 'B' }, { 3, 'x' },        { 5, '4' },  { 4, '7' },
                    { 6, '0' }, { 7, 0 },   { 8, (char)0x80 }, { 27, '$' }, { 69, '\n' } };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char bad[sizeof good];
        memcpy(bad, good, sizeof good);
        bad[changes[i].at] = changes[i].c;
        struct slice text = { (const uint8_t *)bad, sizeof good - 1 };
        assert_int_equal(auth_hashes_take(&h, text, &e), -1);
    }
    assert_int_equal(
        auth_hashes_take(&h, slice_of_text("*14E65567ABDB5135D0CFD9A70B3032C179A49EE"), &e), -1);
    assert_int_equal(
        auth_hashes_take(&h, slice_of_text("*14E65567ABDB5135D0CFD9A70B3032C179A49EEG"), &e), -1);
    assert_memory_equal(&h, &none, sizeof h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_servers_own_hashes_are_understood),
        cmocka_unit_test(hashes_are_written_as_they_were_read),
        cmocka_unit_test(a_hash_that_is_not_there_fits_nothing),
        cmocka_unit_test(texts_that_are_no_hash_are_refused_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
