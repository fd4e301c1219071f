#include "publisher/fields/field.h"
#include <stdlib.h>

int field_failed(const struct field *f, const char *why, struct cell *out, struct err *e)
{
    if (!f->failure_is_null)
        return err_set(e, E_CONFIG,
                       "%s can't be written (in this time.precision.mode, if it is a time); set "
                       "event.converting.failure.handling.mode = warn to have null",
                       why);
    /* Numbers, times of day among them, begin at zero. */
    bool is_number =
        f->schema != NULL && (f->schema->type == SCHEMA_INT32 || f->schema->type == SCHEMA_INT64);
    *out = f->nullable || f->needs_value || !is_number ? cell_null() : cell_integer(0);
    if (!f->nullable && f->schema != NULL && f->schema->has_fallback)
        *out = f->schema->fallback;
    return 0;
}

int field_has_no_value(struct err *e)
{
    return err_set(e, E_CONFIG,
                   "there is no value that it can have here, and it is NOT NULL: Debezium makes no "
                   "event of that; without strict.compatibility there is one, and with "
                   "event.processing.failure.handling.mode = warn the row is left out");
}

static struct schema *schema_of(struct field *f, const struct options *o,
                                const struct definition_column *column,
                                const struct table_map_column *told, struct err *e)
{
    struct schema *s = field_number_schema(f, o, column, told, e);

    if (f->convert == NULL)
        s = field_text_schema(f, o, column, told, e);
    if (f->convert == NULL)
        s = field_time_schema(f, o->times, column, told, e);
    if (f->convert == NULL)
        s = field_place_schema(f, column, e);
    if (f->convert == NULL)
        (void)err_set(e, E_CONFIG,
                      "column %s is a %s, which can't be published; leave its table out with "
                      "table.include.list",
                      column->name, field_type_name(told->type));
    return s;
}

static int decorate(struct field *f, const struct field_context *ctx, bool is_key, bool comments,
                    const struct definition *d, const struct definition_column *column,
                    const struct table_map_column *told, struct err *e)
{
    const struct options *o = ctx->options;

    if (column->charset != NULL && column->charset->iconv != NULL)
        TRY(charset_converter_new(column->charset, &f->converter, e));
    TRY(field_set_default(f, o, column, told, e));
    if (comments && column->comment != NULL && *column->comment != 0)
        TRY(schema_set_doc(f->schema, column->comment, e));
    if (!is_key)
        f->rule = rules_find(ctx->rules, d, column);
    return f->rule != NULL ? rule_decorate(f->rule, column, comments, f->schema, e) : 0;
}

int field_init(struct field *f, const struct field_context *ctx, enum format_family family,
               bool is_key, const struct definition *d, const struct definition_column *column,
               const struct table_map_column *told, struct err *e)
{
    bool         nullable = told->nullable || column->optional;
    struct field made = { .nullable = nullable,
                          .zero_is_null = family == FAMILY_MYSQL,
                          .adjusts_years = ctx->options->adjust_years,
                          .wraps = ctx->options->strict && family == FAMILY_MARIADB,
                          .failure_is_null = ctx->options->converting_failure != FAILURES_FAIL,
                          .room = ctx->room,
                          .members = column->members,
                          .member_count = column->member_count,
                          .length = column->length };

    /* Debezium's MariaDB connector tells comments unasked. */
    bool comments = ctx->options->include_comments || family == FAMILY_MARIADB;
    made.schema = schema_of(&made, ctx->options, column, told, e);
    if (made.schema == NULL)
        return -1;
    if (decorate(&made, ctx, is_key, comments, d, column, told, e) != 0) {
        field_done(&made);
        return -1;
    }
    made.needs_value = ctx->options->strict && !nullable && !made.schema->has_fallback;
    *f = made;
    return 0;
}

void field_done(struct field *f)
{
    charset_converter_free(f->converter);
    schema_free(f->schema);
    if (f->unpacked != NULL)
        buf_done(f->unpacked);
    free(f->unpacked);
    *f = (struct field){ .convert = NULL };
}
