/* Geometries (SRID in four bytes, then WKB, always little-endian) and vectors. */
#include "publisher/fields/field.h"

enum { POINT_MEMBERS = 4, GEOMETRY_MEMBERS = 2 };

static double take_double(struct cursor *c)
{
    uint64_t bits = cursor_u64(c);
    double   v = 0;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* The cells of a struct or array lie in the room; it keeps their alignment by holding nothing
   else. */
static struct cell list_in_room(const struct field *f, const struct cell *cells, uint32_t count)
{
    buf_clear(f->room);
    buf_put(f->room, (struct slice){ (const uint8_t *)cells, count * sizeof *cells });
    return cell_list((const struct cell *)(const void *)f->room->ptr, count);
}

static struct cell srid_cell(uint32_t srid)
{
    return srid != 0 ? cell_integer(srid) : cell_null();
}

static int geometry(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    struct cursor c = cursor_over(v->bytes);
    uint32_t      srid = cursor_u32(&c);

    if (c.failed) /* what a server takes for a missing one where sql_mode is lenient */
        return field_failed(f, "an empty geometry", out, e);
    struct cell cells[GEOMETRY_MEMBERS] = { cell_bytes(cursor_rest(&c)), srid_cell(srid) };
    *out = list_in_room(f, cells, GEOMETRY_MEMBERS);
    return buf_check(f->room, "a geometry", e);
}

static int point(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    enum { WKB_POINT = 1 };
    struct cursor c = cursor_over(v->bytes);
    uint32_t      srid = cursor_u32(&c);
    struct slice  wkb = { c.at, c.left };
    uint8_t       order = cursor_u8(&c);
    uint32_t      kind = cursor_u32(&c);
    double        x = take_double(&c);
    double        y = take_double(&c);

    if (c.failed || order != 1 || kind != WKB_POINT)
        return field_failed(f, "a POINT that is none", out, e);
    struct cell cells[POINT_MEMBERS] = { cell_double(x), cell_double(y), cell_bytes(wkb),
                                         srid_cell(srid) };
    *out = list_in_room(f, cells, POINT_MEMBERS);
    return buf_check(f->room, "a POINT", e);
}

static int vector(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    struct cursor c = cursor_over(v->bytes);
    uint32_t      count = (uint32_t)(v->bytes.len / sizeof(float));

    if (v->bytes.len % sizeof(float) != 0)
        return err_set(e, E_PROTOCOL, "a VECTOR of %zu bytes", v->bytes.len);
    buf_clear(f->room);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t    bits = cursor_u32(&c);
        struct cell item = { .kind = CELL_FLOAT };
        memcpy(&item.single, &bits, sizeof item.single);
        buf_put(f->room, (struct slice){ (const uint8_t *)&item, sizeof item });
    }
    TRY(buf_check(f->room, "a VECTOR", e));
    *out = cell_list((const struct cell *)(const void *)f->room->ptr, count);
    return 0;
}

static int fill_point(struct schema *s, struct err *e)
{
    TRY(schema_set_doc(s, "Geometry (POINT)", e));
    TRY(schema_add_plain(s, "x", SCHEMA_DOUBLE, false, e));
    TRY(schema_add_plain(s, "y", SCHEMA_DOUBLE, false, e));
    TRY(schema_add_plain(s, "wkb", SCHEMA_BYTES, true, e));
    return schema_add_plain(s, "srid", SCHEMA_INT32, true, e);
}

static int fill_geometry(struct schema *s, struct err *e)
{
    TRY(schema_set_doc(s, "Geometry", e));
    TRY(schema_add_plain(s, "wkb", SCHEMA_BYTES, false, e));
    return schema_add_plain(s, "srid", SCHEMA_INT32, true, e);
}

static int fill_vector(struct schema *s, struct err *e)
{
    return schema_add_plain(s, "", SCHEMA_FLOAT, false, e);
}

static struct schema *filled(struct schema *s, int (*fill)(struct schema *s, struct err *e),
                             struct err    *e)
{
    if (s == NULL || fill(s, e) == 0)
        return s;
    schema_free(s);
    return NULL;
}

struct schema *field_place_schema(struct field *f, const struct definition_column *column,
                                  struct err *e)
{
    if (column->type == FIELD_VECTOR) {
        f->convert = vector;
        return filled(schema_new(SCHEMA_ARRAY, f->nullable, "io.debezium.data.FloatVector", 1, e),
                      fill_vector, e);
    }
    if (column->type != FIELD_GEOMETRY)
        return NULL;
    if (column->form == FORM_POINT) {
        f->convert = point;
        return filled(
            schema_new(SCHEMA_STRUCT, f->nullable, "io.debezium.data.geometry.Point", 1, e),
            fill_point, e);
    }
    f->convert = geometry;
    /* Debezium's geometries may be null whatever the column says. */
    return filled(schema_new(SCHEMA_STRUCT, true, "io.debezium.data.geometry.Geometry", 1, e),
                  fill_geometry, e);
}
