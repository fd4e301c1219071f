#include "relay/watch/page_file.h"
#include <assert.h>
#include <string.h>

/* The path counts from the top folder, where the compiler is started. */
__asm__(".pushsection .rodata\n"
        "binrelay_page_html:\n"
        ".incbin \"relay/watch/page.html\"\n"
        "binrelay_page_html_end:\n"
        ".byte 0\n"
        ".popsection\n");
extern const char binrelay_page_html[] __attribute__((visibility("hidden")));
extern const char binrelay_page_html_end[] __attribute__((visibility("hidden")));

void page_file_parts(struct slice *before, struct slice *after)
{
    static const char mark[] = "<!--content-->";
    const char       *at = strstr(binrelay_page_html, mark);

    assert(at != NULL);
    const char *rest = at + sizeof mark - 1;
    *before =
        (struct slice){ (const uint8_t *)binrelay_page_html, (size_t)(at - binrelay_page_html) };
    *after = (struct slice){ (const uint8_t *)rest, (size_t)(binrelay_page_html_end - rest) };
}
