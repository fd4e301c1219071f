#include "storage/name.h"
#include <stdio.h>
#include <stdlib.h>

static const char *number_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL ? dot + 1 : NULL;
}

int name_check(const char *name, struct err *e)
{
    size_t      length = strlen(name);
    const char *number = number_of(name);

    if (length == 0 || length > NAME_BYTES || strchr(name, '/') != NULL || name[0] == '.')
        return err_set(e, E_PROTOCOL, "'%.64s' is no name of a binlog file", name);
    size_t digits = number != NULL ? strlen(number) : 0;
    if (digits == 0 || digits > 18 || strspn(number, "0123456789") != digits)
        return err_set(e, E_PROTOCOL, "binlog file name '%.64s' does not end with a number", name);
    return 0;
}

void name_next(const char *name, char *into)
{
    const char *number = number_of(name);
    assert(number != NULL);
    size_t   stem = (size_t)(number - name);
    int      digits = (int)strlen(number);
    uint64_t next = strtoull(number, NULL, 10) + 1;

    assert(stem <= NAME_BYTES);
    memcpy(into, name, stem);
    (void)snprintf(into + stem, STORE_NAME_BYTES + 1 - stem, "%0*llu", digits < 6 ? 6 : digits,
                   (unsigned long long)next);
}

bool name_is_before(const char *name, const char *than)
{
    const char *a = number_of(name), *b = number_of(than);

    assert(a != NULL && b != NULL);
    return a - name == b - than && memcmp(name, than, (size_t)(a - name)) == 0 &&
           strtoull(a, NULL, 10) <= strtoull(b, NULL, 10);
}

void name_sidecar(const char *name, char *into)
{
    assert(strlen(name) <= STORE_NAME_BYTES - 4);
    (void)snprintf(into, STORE_NAME_BYTES + 1, "%s.idx", name);
}
