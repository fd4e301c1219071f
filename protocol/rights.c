#include "protocol/rights.h"

enum { RIGHTS_ALL = RIGHT_REPLICATE | RIGHT_FORWARD | RIGHT_WRITE | RIGHT_ADMIN };

/* clang-format off */
static const struct {
    const char *word;
    unsigned    right;
} words[] = {
    { "replicate", RIGHT_REPLICATE },
    { "forward",   RIGHT_FORWARD },
    { "write",     RIGHT_WRITE },
    { "admin",     RIGHT_ADMIN },
};
/* clang-format on */
enum { WORDS = sizeof words / sizeof words[0] };

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Up to the next comma, without the blanks around; the rest stays in `text`. `more`: there was a
   comma. */
static struct slice next_word(struct slice *text, bool *more)
{
    struct slice   word = *text;
    const uint8_t *comma = memchr(text->ptr, ',', text->len);

    if (comma != NULL)
        word.len = (size_t)(comma - text->ptr);
    *more = comma != NULL;
    size_t used = word.len + (comma != NULL ? 1 : 0);
    text->ptr += used;
    text->len -= used;
    while (word.len > 0 && is_blank(word.ptr[0]))
        word = (struct slice){ word.ptr + 1, word.len - 1 };
    while (word.len > 0 && is_blank(word.ptr[word.len - 1]))
        word.len--;
    return word;
}

int rights_parse(struct slice text, unsigned *out, struct err *e)
{
    unsigned     rights = 0;
    struct slice rest = text;
    bool         more = false;
    struct slice word = next_word(&rest, &more);

    if (!more && slice_equal(word, slice_of_text("none"))) {
        *out = 0;
        return 0;
    }
    if (!more && slice_equal(word, slice_of_text("all"))) {
        *out = RIGHTS_ALL;
        return 0;
    }
    for (;;) {
        size_t i = 0;
        while (i < WORDS && !slice_equal(word, slice_of_text(words[i].word)))
            i++;
        if (i == WORDS)
            return err_set(e, E_CONFIG,
                           "'%.*s' is no right: allowed are replicate, forward, write, admin, or "
                           "all or none alone",
                           (int)(word.len < 40 ? word.len : 40), (const char *)word.ptr);
        rights |= words[i].right;
        if (!more)
            break;
        word = next_word(&rest, &more);
    }
    *out = rights;
    return 0;
}

void rights_put_text(unsigned rights, struct buf *out)
{
    const char *between = "";

    for (size_t i = 0; i < WORDS; i++) {
        if ((rights & words[i].right) == 0)
            continue;
        buf_put_text(out, between);
        buf_put_text(out, words[i].word);
        between = ",";
    }
    if (*between == '\0')
        buf_put_text(out, "none");
}
