/* Texts, binaries, ENUM, SET, JSON, UUID and addresses. */
#include "protocol/inflate.h"
#include "publisher/fields/document.h"
#include "publisher/fields/field.h"
#include "publisher/fields/number.h"
#include "publisher/fields/patch.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>

#define JSON_SCHEMA "io.debezium.data.Json"

/* ---- texts --------------------------------------------------------------------------------- */

static int text(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    (void)f;
    (void)e;
    *out = cell_text(v->bytes);
    return 0;
}

static int text_converted(const struct field *f, const struct value *v, struct cell *out,
                          struct err *e)
{
    struct slice converted = slice_empty();

    TRY(charset_convert(f->converter, v->bytes, &converted, e));
    *out = cell_text(converted);
    return 0;
}

static void put_member(const char *member, struct buf *out)
{
    for (; *member != 0; member++) {
        if (*member == ',')
            buf_put_u8(out, '\\');
        buf_put_u8(out, (uint8_t)*member);
    }
}

static int enum_member(const struct field *f, const struct value *v, struct cell *out,
                       struct err *e)
{
    const char *member =
        v->natural >= 1 && v->natural <= f->member_count ? f->members[v->natural - 1] : "";

    (void)e;
    if (strchr(member, ',') == NULL) {
        *out = cell_string(member);
        return 0;
    }
    buf_clear(f->room); /* escaped as in the schema's `allowed` */
    put_member(member, f->room);
    *out = cell_text(buf_slice(f->room));
    return 0;
}

static int set_members(const struct field *f, const struct value *v, struct cell *out,
                       struct err *e)
{
    bool more = false;

    (void)e;
    buf_clear(f->room);
    for (uint32_t i = 0; i < f->member_count && i < 64; i++) {
        if ((v->natural >> i & 1) == 0)
            continue;
        if (more)
            buf_put_u8(f->room, ',');
        buf_put_text(f->room, f->members[i]);
        more = true;
    }
    *out = cell_text(buf_slice(f->room));
    return 0;
}

/* A document without bytes is what a server stores for one that was never set. */
static int document(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    if (v->kind == VALUE_TEXT) {
        *out = cell_text(v->bytes);
        return 0;
    }
    if (v->bytes.len == 0) {
        *out = f->nullable ? cell_null() : cell_string("{}");
        return 0;
    }
    buf_clear(f->room);
    TRY(document_put_text(v->bytes, f->room, e));
    TRY(buf_check(f->room, "a JSON value", e));
    *out = cell_text(buf_slice(f->room));
    return 0;
}

int field_patch(const struct field *f, const struct value *base, const struct value *v,
                struct cell *out, struct err *e)
{
    if (base == NULL || base->kind != VALUE_BYTES) {
        *out = cell_null();
        return 0;
    }
    buf_clear(f->room);
    TRY(patch_put_text(base->bytes, v->bytes, f->room, e));
    TRY(buf_check(f->room, "a JSON value", e));
    *out = cell_text(buf_slice(f->room));
    return 0;
}

/* ---- binaries ------------------------------------------------------------------------------ */

static void put_hex(struct buf *out, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t          *p = buf_extend(out, bytes.len * 2);

    for (size_t i = 0; p != NULL && i < bytes.len; i++) {
        *p++ = (uint8_t)digits[bytes.ptr[i] >> 4];
        *p++ = (uint8_t)digits[bytes.ptr[i] & 15];
    }
}

static struct cell as_binary(const struct field *f, struct slice bytes, struct buf *room)
{
    size_t from = room->len;

    switch (f->binaries) {
    case BINARIES_BYTES:
        return cell_bytes(bytes);
    case BINARIES_HEX:
        put_hex(room, bytes);
        break;
    default:
        number_put_base64(room, bytes);
        for (size_t i = from; f->binaries == BINARIES_BASE64_URL && i < room->len; i++)
            room->ptr[i] = room->ptr[i] == '+' ? '-' : room->ptr[i] == '/' ? '_' : room->ptr[i];
        break;
    }
    return cell_text((struct slice){ room->ptr + from, room->len - from });
}

static int binary(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    enum { FIXED_BYTES_MAX = 1024 };
    uint8_t      padded[FIXED_BYTES_MAX] = { 0 };
    struct slice bytes = v->bytes;

    /* The server strips the zero bytes at the end of a BINARY(n). */
    if (bytes.len < f->fixed_bytes && f->fixed_bytes <= sizeof padded) {
        memcpy(padded, bytes.ptr, bytes.len);
        bytes = (struct slice){ padded, f->fixed_bytes };
    }
    buf_clear(f->room);
    if (bytes.ptr == padded && f->binaries == BINARIES_BYTES) {
        buf_put(f->room, bytes);
        bytes = buf_slice(f->room);
    }
    *out = as_binary(f, bytes, f->room);
    return buf_check(f->room, "a binary value", e);
}

/* Debezium pads a UUID, whose zero bytes at the end are stripped too, at the wrong end. */
static int uuid(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    enum { BYTES = 16 };
    uint8_t u[BYTES] = { 0 };

    if (v->kind == VALUE_TEXT) {
        *out = cell_text(v->bytes);
        return 0;
    }
    if (v->bytes.len > BYTES)
        return err_set(e, E_PROTOCOL, "a UUID of %zu bytes", v->bytes.len);
    memcpy(u + BYTES - v->bytes.len, v->bytes.ptr, v->bytes.len);
    buf_clear(f->room);
    for (int i = 0; i < BYTES; i++)
        buf_printf(f->room, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", u[i]);
    *out = cell_text(buf_slice(f->room));
    return 0;
}

static int address(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    uint8_t bytes[sizeof(struct in6_addr)] = { 0 };
    char    form[INET6_ADDRSTRLEN];
    bool    is_4 = f->fixed_bytes == sizeof(struct in_addr);

    if (v->kind == VALUE_TEXT) {
        *out = cell_text(v->bytes);
        return 0;
    }
    if (v->bytes.len > f->fixed_bytes)
        return err_set(e, E_PROTOCOL, "an address of %zu bytes", v->bytes.len);
    memcpy(bytes, v->bytes.ptr, v->bytes.len);
    (void)inet_ntop(is_4 ? AF_INET : AF_INET6, bytes, form, sizeof form);
    buf_clear(f->room);
    buf_put_text(f->room, form);
    *out = cell_text(buf_slice(f->room));
    return 0;
}

/* MariaDB's COMPRESSED columns. */
static int unpack(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    enum { KEPT_BYTES = 1 << 20 };
    struct value plain = { .kind = VALUE_BYTES };

    if (f->unpacked->size > KEPT_BYTES)
        buf_done(f->unpacked);
    TRY(inflate_column(v->bytes, f->unpacked, &plain.bytes, e));
    return f->unpacked_convert(f, &plain, out, e);
}

/* ---- choosing ------------------------------------------------------------------------------ */

static struct schema *text_named(struct field *f, field_convert *convert, const char *name,
                                 struct err *e)
{
    f->convert = convert;
    return schema_new(SCHEMA_STRING, f->nullable, name, name != NULL ? 1 : 0, e);
}

/* Members joined by commas; one inside of a member is escaped. */
static struct schema *members_schema(struct field *f, field_convert *convert, const char *name,
                                     const struct definition_column *column, struct err *e)
{
    enum { ALLOWED_BYTES_MAX = 64 << 20 };
    struct schema *s = text_named(f, convert, name, e);
    struct buf     allowed;

    f->is_text = true;
    buf_init(&allowed, ALLOWED_BYTES_MAX);
    for (uint32_t i = 0; i < column->member_count; i++) {
        if (i > 0)
            buf_put_u8(&allowed, ',');
        put_member(column->members[i], &allowed);
    }
    if (s != NULL && (buf_check(&allowed, "the members of a column", e) != 0 ||
                      schema_add_parameter(s, "allowed", buf_text(&allowed), e) != 0)) {
        schema_free(s);
        s = NULL;
    }
    buf_done(&allowed);
    return s;
}

static struct schema *address_schema(struct field *f, uint32_t bytes, struct err *e)
{
    f->fixed_bytes = bytes;
    return text_named(f, address, NULL, e);
}

static struct schema *string_schema(struct field *f, const struct options *o,
                                    const struct definition_column *column,
                                    const struct table_map_column *told, struct err *e)
{
    if (column->form == FORM_UUID)
        return text_named(f, uuid, "io.debezium.data.Uuid", e);
    if (column->form == FORM_INET4)
        return address_schema(f, sizeof(struct in_addr), e);
    if (column->form == FORM_INET6)
        return address_schema(f, sizeof(struct in6_addr), e);
    if (column->charset == NULL)
        return NULL;
    if (!column->charset->is_binary) {
        /* MariaDB's JSON is a LONGTEXT, which only its declaration tells. */
        bool is_json = column->type_name != NULL && strcasecmp(column->type_name, "JSON") == 0;
        f->is_text = !is_json;
        return text_named(f, column->charset->iconv != NULL ? text_converted : text,
                          is_json ? JSON_SCHEMA : NULL, e);
    }
    /* Debezium pads to the declared length, and BINARY declares none. */
    if (told->type == FIELD_STRING && !(o->strict && column->length < 0))
        f->fixed_bytes = told->meta;
    f->binaries = o->binaries;
    f->convert = binary;
    return schema_new(o->binaries == BINARIES_BYTES ? SCHEMA_BYTES : SCHEMA_STRING, f->nullable,
                      NULL, 0, e);
}

static struct schema *compressed_schema(struct field *f, const struct options *o,
                                        const struct definition_column *column,
                                        const struct table_map_column *told, struct err *e)
{
    struct schema *s = string_schema(f, o, column, told, e);

    if (s == NULL)
        return NULL;
    f->unpacked = malloc(sizeof *f->unpacked);
    if (f->unpacked == NULL) {
        schema_free(s);
        (void)err_set(e, E_NOMEM, "no memory for column %s", column->name);
        return NULL;
    }
    buf_init(f->unpacked, INFLATED_MAX);
    f->unpacked_convert = f->convert;
    f->convert = unpack;
    return s;
}

struct schema *field_text_schema(struct field *f, const struct options *o,
                                 const struct definition_column *column,
                                 const struct table_map_column *told, struct err *e)
{
    switch (told->type) {
    case FIELD_VARCHAR:
    case FIELD_VAR_STRING:
    case FIELD_STRING:
    case FIELD_TINY_BLOB:
    case FIELD_MEDIUM_BLOB:
    case FIELD_LONG_BLOB:
    case FIELD_BLOB:
        return string_schema(f, o, column, told, e);
    case FIELD_MARIADB_BLOB_COMPRESSED:
    case FIELD_MARIADB_VARCHAR_COMPRESSED:
        return compressed_schema(f, o, column, told, e);
    case FIELD_ENUM:
        return column->member_count > 0
                   ? members_schema(f, enum_member, "io.debezium.data.Enum", column, e)
                   : NULL;
    case FIELD_SET:
        return column->member_count > 0
                   ? members_schema(f, set_members, "io.debezium.data.EnumSet", column, e)
                   : NULL;
    case FIELD_JSON:
        return text_named(f, document, JSON_SCHEMA, e);
    default:
        return NULL;
    }
}
