/* Statements of a hostile client, on the level of words: reading always ends and stays inside. */
#include "relay/sql/sql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_tokens(struct slice text)
{
    struct sql     s = sql_over(text);
    const uint8_t *last = text.ptr;
    struct buf     out;

    buf_init(&out, text.len + 1);
    for (; s.now.kind != SQL_END && s.now.kind != SQL_BAD; sql_step(&s)) {
        struct slice whole = s.now.whole;
        assert(whole.len > 0 && whole.ptr >= last);
        last = whole.ptr + whole.len;
        assert(last <= text.ptr + text.len);
        assert(s.now.body.ptr >= whole.ptr && s.now.body.ptr + s.now.body.len <= last);
        if (s.now.kind == SQL_TEXT || s.now.kind == SQL_NAME || s.now.kind == SQL_USER) {
            buf_clear(&out);
            sql_put_text(&s.now, &out);
            assert(out.failed == BUF_FINE); /* escapes only ever shrink */
        }
    }
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t empty[1];
    struct slice         text = { size > 0 ? data : empty, size };
    struct sql           s = sql_over(text);
    struct sql_refusal   no;

    read_tokens(text);
    (void)sql_at_end(&s);
    (void)sql_match(&s, "SHOW [GLOBAL|SESSION] VARIABLES");
    (void)sql_refuse_syntax(&no, &s, FAMILY_MYSQL);
    assert(strlen(no.text) < sizeof no.text);
    /* The first half as a pattern for the second. */
    (void)sql_like((struct slice){ text.ptr, size / 2 },
                   (struct slice){ text.ptr + size / 2, size - size / 2 });
    return 0;
}
