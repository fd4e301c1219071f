#include "protocol/charset.h"
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <strings.h>

enum charset_index {
    CS_NONE,
    CS_BIG5,
    CS_LATIN2,
    CS_DEC8,
    CS_CP850,
    CS_HP8,
    CS_KOI8R,
    CS_LATIN1,
    CS_SWE7,
    CS_ASCII,
    CS_UJIS,
    CS_SJIS,
    CS_CP1251,
    CS_HEBREW,
    CS_TIS620,
    CS_EUCKR,
    CS_LATIN7,
    CS_KOI8U,
    CS_GB2312,
    CS_GREEK,
    CS_CP1250,
    CS_GBK,
    CS_CP1257,
    CS_LATIN5,
    CS_ARMSCII8,
    CS_UTF8MB3,
    CS_UCS2,
    CS_CP866,
    CS_KEYBCS2,
    CS_MACCE,
    CS_MACROMAN,
    CS_CP852,
    CS_UTF8MB4,
    CS_UTF16,
    CS_UTF16LE,
    CS_CP1256,
    CS_UTF32,
    CS_BINARY,
    CS_GEOSTD8,
    CS_CP932,
    CS_EUCJPMS,
    CS_GB18030,
    CS_COUNT
};

/* clang-format off */
static const struct charset charsets[CS_COUNT] = {
    [CS_BIG5]     = { "big5", "BIG5", false },          [CS_LATIN2]   = { "latin2", "ISO-8859-2", false },
    [CS_DEC8]     = { "dec8", "DEC-MCS", false },       [CS_CP850]    = { "cp850", "CP850", false },
    [CS_HP8]      = { "hp8", "HP-ROMAN8", false },      [CS_KOI8R]    = { "koi8r", "KOI8-R", false },
    [CS_LATIN1]   = { "latin1", "CP1252", false },      [CS_SWE7]     = { "swe7", "SEN_850200_B", false },
    [CS_ASCII]    = { "ascii", NULL, false },           [CS_UJIS]     = { "ujis", "EUC-JP", false },
    [CS_SJIS]     = { "sjis", "SJIS", false },          [CS_CP1251]   = { "cp1251", "CP1251", false },
    [CS_HEBREW]   = { "hebrew", "ISO-8859-8", false },  [CS_TIS620]   = { "tis620", "TIS-620", false },
    [CS_EUCKR]    = { "euckr", "EUC-KR", false },       [CS_LATIN7]   = { "latin7", "ISO-8859-13", false },
    [CS_KOI8U]    = { "koi8u", "KOI8-U", false },       [CS_GB2312]   = { "gb2312", "EUC-CN", false },
    [CS_GREEK]    = { "greek", "ISO-8859-7", false },   [CS_CP1250]   = { "cp1250", "CP1250", false },
    [CS_GBK]      = { "gbk", "GBK", false },            [CS_CP1257]   = { "cp1257", "CP1257", false },
    [CS_LATIN5]   = { "latin5", "ISO-8859-9", false },  [CS_ARMSCII8] = { "armscii8", "ARMSCII-8", false },
    [CS_UTF8MB3]  = { "utf8mb3", NULL, false },         [CS_UCS2]     = { "ucs2", "UCS-2BE", false },
    [CS_CP866]    = { "cp866", "CP866", false },        [CS_KEYBCS2]  = { "keybcs2", "KEYBCS2", false },
    [CS_MACCE]    = { "macce", "MAC-CENTRALEUROPE", false }, [CS_MACROMAN] = { "macroman", "MACINTOSH", false },
    [CS_CP852]    = { "cp852", "CP852", false },        [CS_UTF8MB4]  = { "utf8mb4", NULL, false },
    [CS_UTF16]    = { "utf16", "UTF-16BE", false },     [CS_UTF16LE]  = { "utf16le", "UTF-16LE", false },
    [CS_CP1256]   = { "cp1256", "CP1256", false },      [CS_UTF32]    = { "utf32", "UTF-32BE", false },
    [CS_BINARY]   = { "binary", NULL, true },           [CS_GEOSTD8]  = { "geostd8", "GEORGIAN-PS", false },
    [CS_CP932]    = { "cp932", "CP932", false },        [CS_EUCJPMS]  = { "eucjpms", "EUC-JP-MS", false },
    [CS_GB18030]  = { "gb18030", "GB18030", false },
};

/* Collations 1 to 99: history's order. Above that come ranges. */
static const uint8_t first_collations[100] = {
    [1] = CS_BIG5,     [2] = CS_LATIN2,   [3] = CS_DEC8,     [4] = CS_CP850,    [5] = CS_LATIN1,
    [6] = CS_HP8,      [7] = CS_KOI8R,    [8] = CS_LATIN1,   [9] = CS_LATIN2,   [10] = CS_SWE7,
    [11] = CS_ASCII,   [12] = CS_UJIS,    [13] = CS_SJIS,    [14] = CS_CP1251,  [15] = CS_LATIN1,
    [16] = CS_HEBREW,  [18] = CS_TIS620,  [19] = CS_EUCKR,   [20] = CS_LATIN7,  [21] = CS_LATIN2,
    [22] = CS_KOI8U,   [23] = CS_CP1251,  [24] = CS_GB2312,  [25] = CS_GREEK,   [26] = CS_CP1250,
    [27] = CS_LATIN2,  [28] = CS_GBK,     [29] = CS_CP1257,  [30] = CS_LATIN5,  [31] = CS_LATIN1,
    [32] = CS_ARMSCII8, [33] = CS_UTF8MB3, [34] = CS_CP1250, [35] = CS_UCS2,    [36] = CS_CP866,
    [37] = CS_KEYBCS2, [38] = CS_MACCE,   [39] = CS_MACROMAN, [40] = CS_CP852,  [41] = CS_LATIN7,
    [42] = CS_LATIN7,  [43] = CS_MACCE,   [44] = CS_CP1250,  [45] = CS_UTF8MB4, [46] = CS_UTF8MB4,
    [47] = CS_LATIN1,  [48] = CS_LATIN1,  [49] = CS_LATIN1,  [50] = CS_CP1251,  [51] = CS_CP1251,
    [52] = CS_CP1251,  [53] = CS_MACROMAN, [54] = CS_UTF16,  [55] = CS_UTF16,   [56] = CS_UTF16LE,
    [57] = CS_CP1256,  [58] = CS_CP1257,  [59] = CS_CP1257,  [60] = CS_UTF32,   [61] = CS_UTF32,
    [62] = CS_UTF16LE, [63] = CS_BINARY,  [64] = CS_ARMSCII8, [65] = CS_ASCII,  [66] = CS_CP1250,
    [67] = CS_CP1256,  [68] = CS_CP866,   [69] = CS_DEC8,    [70] = CS_GREEK,   [71] = CS_HEBREW,
    [72] = CS_HP8,     [73] = CS_KEYBCS2, [74] = CS_KOI8R,   [75] = CS_KOI8U,   [76] = CS_UTF8MB3,
    [77] = CS_LATIN2,  [78] = CS_LATIN5,  [79] = CS_LATIN7,  [80] = CS_CP850,   [81] = CS_CP852,
    [82] = CS_SWE7,    [83] = CS_UTF8MB3, [84] = CS_BIG5,    [85] = CS_EUCKR,   [86] = CS_GB2312,
    [87] = CS_GBK,     [88] = CS_SJIS,    [89] = CS_TIS620,  [90] = CS_UCS2,    [91] = CS_UJIS,
    [92] = CS_GEOSTD8, [93] = CS_GEOSTD8, [94] = CS_LATIN1,  [95] = CS_CP932,   [96] = CS_CP932,
    [97] = CS_EUCJPMS, [98] = CS_EUCJPMS, [99] = CS_CP1250,
};

static const struct collation_range {
    uint16_t first, last;
    uint8_t  charset;
} collation_ranges[] = {
    { 101, 127, CS_UTF16 },    { 128, 159, CS_UCS2 },     { 160, 191, CS_UTF32 },
    { 192, 223, CS_UTF8MB3 },  { 224, 247, CS_UTF8MB4 },  { 248, 250, CS_GB18030 },
    { 255, 399, CS_UTF8MB4 },
    /* MariaDB's later ones */
    { 576, 607, CS_UTF8MB3 },  { 608, 639, CS_UTF8MB4 },  { 640, 671, CS_UCS2 },
    { 672, 703, CS_UTF16 },    { 736, 767, CS_UTF32 },
    { 2048, 2303, CS_UTF8MB3 }, { 2304, 2559, CS_UTF8MB4 }, { 2560, 2815, CS_UCS2 },
    { 2816, 3071, CS_UTF16 },  { 3072, 3327, CS_UTF32 },
};
/* clang-format on */

enum { MARIADB_NOPAD = 1024 }; /* added to a collation's number by its variant without padding */

static const struct charset *charset_at(uint8_t index)
{
    return index == CS_NONE ? NULL : &charsets[index];
}

const struct charset *charset_of_collation(uint16_t id)
{
    if (id >= MARIADB_NOPAD && id < 2 * MARIADB_NOPAD)
        id = (uint16_t)(id - MARIADB_NOPAD);
    if (id < sizeof first_collations)
        return charset_at(first_collations[id]);
    for (size_t i = 0; i < sizeof collation_ranges / sizeof *collation_ranges; i++)
        if (id >= collation_ranges[i].first && id <= collation_ranges[i].last)
            return charset_at(collation_ranges[i].charset);
    return NULL;
}

const struct charset *charset_of_name(const char *name)
{
    if (strcasecmp(name, "utf8") == 0)
        return &charsets[CS_UTF8MB3];
    for (size_t i = CS_NONE + 1; i < CS_COUNT; i++)
        if (strcasecmp(charsets[i].name, name) == 0)
            return &charsets[i];
    return NULL;
}

struct charset_converter {
    iconv_t    state;
    struct buf text; /* the last converted one */
};

enum { KEPT_BYTES = 1 << 20 }; /* a larger buffer is given back before the next text */

int charset_converter_new(const struct charset *from, struct charset_converter **out, struct err *e)
{
    if (from->iconv == NULL) {
        *out = NULL;
        return 0;
    }
    struct charset_converter *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(e, E_NOMEM, "no memory for a converter");
    c->state = iconv_open("UTF-8", from->iconv);
    if (c->state == (iconv_t)-1) { /* NOLINT(performance-no-int-to-ptr): iconv's own error value */
        free(c);
        return err_set(e, E_CONFIG, "this system's iconv can't convert from %s (%s) to UTF-8",
                       from->name, from->iconv);
    }
    buf_init(&c->text, CHARSET_TEXT_MAX);
    *out = c;
    return 0;
}

void charset_converter_free(struct charset_converter *c)
{
    if (c == NULL)
        return;
    (void)iconv_close(c->state);
    buf_done(&c->text);
    free(c);
}

static void convert_into(iconv_t state, struct slice text, struct buf *out)
{
    /* iconv only reads its input; the parameter's type is history. */
    char  *in = (char *)(uintptr_t)text.ptr;
    size_t in_left = text.len;

    (void)iconv(state, NULL, NULL, NULL, NULL);
    while (in_left > 0) {
        /* No set has a character that takes more than four times its bytes in UTF-8. */
        size_t   room = in_left < SIZE_MAX / 4 - 16 ? in_left * 4 + 16 : in_left;
        uint8_t *start = buf_extend(out, room);
        if (start == NULL)
            return;
        char  *to = (char *)start;
        size_t to_left = room;
        size_t done = iconv(state, &in, &in_left, &to, &to_left);
        out->len -= to_left;
        if (done == (size_t)-1 && errno != E2BIG) {
            buf_put_text(out, "\xef\xbf\xbd");
            in++;
            in_left--;
        }
    }
}

int charset_convert(struct charset_converter *c, struct slice text, struct slice *out,
                    struct err *e)
{
    if (c->text.size > KEPT_BYTES)
        buf_done(&c->text);
    buf_clear(&c->text);
    convert_into(c->state, text, &c->text);
    TRY(buf_check(&c->text, "a converted text", e));
    *out = buf_slice(&c->text);
    return 0;
}
