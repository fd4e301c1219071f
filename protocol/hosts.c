#include "protocol/hosts.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { V4_BYTES = 4, V6_BYTES = 16, ENTRY_BYTES = 64 };

/* An address as bytes, and how many of them there are; 0 for none. */
struct address {
    size_t  bytes;
    uint8_t is[V6_BYTES];
};

static struct address address_of(const char *text)
{
    static const uint8_t mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    struct address       a = { 0 };

    if (inet_pton(AF_INET, text, a.is) == 1) {
        a.bytes = V4_BYTES;
    } else if (inet_pton(AF_INET6, text, a.is) == 1) {
        a.bytes = V6_BYTES;
        if (memcmp(a.is, mapped, sizeof mapped) == 0) {
            memmove(a.is, a.is + sizeof mapped, V4_BYTES);
            a.bytes = V4_BYTES;
        }
    }
    return a;
}

/* The next entry without the blanks around it; false behind the last. One that is too long is cut,
   and then is no entry of any kind. */
static bool next_entry(const char **list, char into[ENTRY_BYTES])
{
    const char *from = *list;

    if (*from == '\0')
        return false;
    size_t n = strcspn(from, ",");
    *list = from + n + (from[n] == ',' ? 1 : 0);
    while (n > 0 && (*from == ' ' || *from == '\t'))
        from++, n--;
    while (n > 0 && (from[n - 1] == ' ' || from[n - 1] == '\t'))
        n--;
    if (n >= ENTRY_BYTES) {
        n = ENTRY_BYTES - 1;
        from = "................................................................";
    }
    memcpy(into, from, n);
    into[n] = '\0';
    return true;
}

/* How many bits of the network count; -1 for what is no mask. */
static int mask_bits(const char *text, size_t address_bytes)
{
    struct address mask = address_of(text);
    int            bits = 0;

    if (mask.bytes == V4_BYTES && address_bytes == V4_BYTES) {
        uint32_t m = (uint32_t)mask.is[0] << 24 | (uint32_t)mask.is[1] << 16 |
                     (uint32_t)mask.is[2] << 8 | mask.is[3];
        for (; (m & 0x80000000u) != 0; m <<= 1)
            bits++;
        return m == 0 ? bits : -1;
    }
    size_t n = strlen(text);
    if (n == 0 || n > 3 || strspn(text, "0123456789") != n)
        return -1;
    for (; *text != '\0'; text++)
        bits = bits * 10 + (*text - '0');
    return bits <= (int)(8 * address_bytes) ? bits : -1;
}

struct network {
    struct address address;
    int            bits;
};

/* "ADDRESS" or "ADDRESS/MASK". */
static bool network_of(const char *entry, struct network *out)
{
    char  text[ENTRY_BYTES];
    char *slash;

    (void)snprintf(text, sizeof text, "%s", entry);
    slash = strchr(text, '/');
    if (slash != NULL)
        *slash++ = '\0';
    out->address = address_of(text);
    out->bits =
        slash != NULL ? mask_bits(slash, out->address.bytes) : (int)(8 * out->address.bytes);
    return out->address.bytes > 0 && out->bits >= 0;
}

static bool network_has(const struct network *n, const struct address *a)
{
    if (n->address.bytes != a->bytes)
        return false;
    for (int i = 0; i < n->bits; i++) {
        unsigned bit = 0x80u >> (i % 8);
        if (((n->address.is[i / 8] ^ a->is[i / 8]) & bit) != 0)
            return false;
    }
    return true;
}

static bool is_pattern(const char *entry)
{
    return strpbrk(entry, "%_") != NULL &&
           strspn(entry, "0123456789abcdefABCDEF.:%_") == strlen(entry);
}

/* LIKE, in time that grows with the product of both lengths at most. */
static bool is_like(const char *text, const char *pattern)
{
    const char *after_any = NULL, *tried = NULL;

    while (*text != '\0') {
        if (*pattern == '%') {
            after_any = ++pattern;
            tried = text;
        } else if (*pattern == '_' || *pattern == *text) {
            pattern++;
            text++;
        } else if (after_any != NULL) {
            pattern = after_any;
            text = ++tried;
        } else {
            return false;
        }
    }
    while (*pattern == '%')
        pattern++;
    return *pattern == '\0';
}

int hosts_check(const char *list, struct err *e)
{
    char           entry[ENTRY_BYTES];
    struct network ignored;

    if (strlen(list) > HOSTS_BYTES_MAX)
        return err_set(e, E_CONFIG, "hosts: at most %d bytes", HOSTS_BYTES_MAX);
    while (next_entry(&list, entry))
        if (!is_pattern(entry) && strcmp(entry, "localhost") != 0 && !network_of(entry, &ignored))
            return err_set(e, E_CONFIG,
                           "hosts: '%s' is no address: write an address, a network as 10.0.0.0/8, "
                           "a pattern as 192.168.%%, or localhost; names are not looked up",
                           entry);
    return 0;
}

static bool entry_allows(const char *entry, const char *text, const struct address *a)
{
    static const uint8_t loopback6[V6_BYTES] = { [V6_BYTES - 1] = 1 };
    struct network       n;

    if (strcmp(entry, "localhost") == 0)
        return a->bytes == V4_BYTES ? a->is[0] == 127
                                    : memcmp(a->is, loopback6, sizeof loopback6) == 0;
    if (is_pattern(entry))
        return is_like(text, entry);
    return network_of(entry, &n) && network_has(&n, a);
}

bool hosts_allow(const char *list, const char *address)
{
    struct address a = address_of(address);
    char           entry[ENTRY_BYTES], text[INET6_ADDRSTRLEN];
    bool           any = false;

    /* Written anew, so that patterns see each address in one form only. */
    bool fine = a.bytes > 0 && inet_ntop(a.bytes == V4_BYTES ? AF_INET : AF_INET6, a.is, text,
                                         sizeof text) != NULL;
    while (next_entry(&list, entry)) {
        any = true;
        if (strcmp(entry, "%") == 0 || (fine && entry_allows(entry, text, &a)))
            return true;
    }
    return !any;
}
