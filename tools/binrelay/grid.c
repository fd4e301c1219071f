#include "tools/binrelay/grid.h"
#include <stdarg.h>
#include <stdlib.h>

void grid_init(struct grid *g, const char *const *titles, size_t columns)
{
    assert(columns >= 1 && columns <= GRID_COLUMNS_MAX);
    *g = (struct grid){ .columns = columns };
    buf_init(&g->cells, GRID_BYTES_MAX);
    for (size_t i = 0; i < columns; i++)
        g->titles[i] = titles[i];
}

void grid_done(struct grid *g)
{
    buf_done(&g->cells);
}

void grid_put(struct grid *g, const char *fmt, ...)
{
    char   *text = NULL;
    va_list args;

    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0) {
        g->cells.failed = BUF_NO_MEMORY;
        return;
    }
    for (int i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = '?';
    buf_put(&g->cells, (struct slice){ (const uint8_t *)text, (size_t)n + 1 });
    free(text);
    g->count++;
}

/* Characters, not bytes: what continues a UTF-8 character takes no room. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_cell(FILE *to, const char *text, int width, bool right, bool last)
{
    int pad = width - width_of(text);
    if (right)
        (void)fprintf(to, "%*s%s", pad, "", text);
    else
        (void)fprintf(to, "%s%*s", text, last ? 0 : pad, "");
    (void)fputs(last ? "\n" : "  ", to);
}

int grid_print(const struct grid *g, FILE *to, struct err *e)
{
    int  widths[GRID_COLUMNS_MAX];
    bool right[GRID_COLUMNS_MAX];

    assert(g->count % g->columns == 0);
    TRY(buf_check(&g->cells, "table", e));
    for (size_t i = 0; i < g->columns; i++) {
        right[i] = g->titles[i][0] == '>';
        widths[i] = width_of(g->titles[i] + (right[i] ? 1 : 0));
    }
    const char *cell = (const char *)g->cells.ptr;
    for (size_t i = 0; i < g->count; i++, cell += strlen(cell) + 1)
        if (width_of(cell) > widths[i % g->columns])
            widths[i % g->columns] = width_of(cell);

    for (size_t i = 0; i < g->columns; i++)
        print_cell(to, g->titles[i] + (right[i] ? 1 : 0), widths[i], right[i], i + 1 == g->columns);
    cell = (const char *)g->cells.ptr;
    for (size_t i = 0; i < g->count; i++, cell += strlen(cell) + 1)
        print_cell(to, cell, widths[i % g->columns], right[i % g->columns],
                   (i + 1) % g->columns == 0);
    return 0;
}
