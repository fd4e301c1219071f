#include "storage/place.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include "storage/locate.h"

int place_parse_number(const char *text, uint64_t *out)
{
    char *end = NULL;

    if (!isdigit((unsigned char)*text))
        return -1;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return -1;
    *out = n;
    return 0;
}

int place_parse(const char *text, struct place *out, struct err *e)
{
    struct place p = { 0 };
    const char  *colon = strrchr(text, ':');

    if (gtid_parse(slice_of_text(text), &p.gtid)) {
        p.is_gtid = true;
    } else {
        size_t file_bytes = colon != NULL ? (size_t)(colon - text) : 0;
        if (file_bytes == 0 || file_bytes >= sizeof p.file ||
            place_parse_number(colon + 1, &p.position) != 0)
            return err_set(e, E_CONFIG,
                           "'%.200s' is no place: give FILE:POSITION, SOURCE:FILE:POSITION, or one "
                           "GTID",
                           text);
        memcpy(p.file, text, file_bytes);
    }
    *out = p;
    return 0;
}

int place_locate(struct store *s, const struct place *p, store_pos *begin, store_pos *end,
                 struct err *e)
{
    if (p->is_gtid)
        return locate_gtid_one(s, &p->gtid, begin, end, e);
    TRY(locate_position(s, p->file, p->position, begin, e));
    *end = 0;
    return 0;
}
