/* The catalog's text of the source's variables: what parses comes out again as it went in. */
#include "relay/upstream/remembered.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t    empty[1];
    struct slice            text = { size > 0 ? data : empty, size };
    struct remembered_list *list = NULL;
    struct remembered_list *again = NULL;
    struct err              e = { 0 };
    struct buf              out;

    if (remembered_parse(text, &list, &e) != 0)
        return 0;
    buf_init(&out, 1 << 20);
    remembered_put(list, &out);
    if (out.failed == BUF_FINE && out.len > 0) {
        assert(remembered_parse(buf_slice(&out), &again, &e) == 0);
        assert(remembered_count(again) == remembered_count(list));
    }
    for (size_t i = 0; i < remembered_count(list); i++)
        assert(remembered_find(list, slice_of_text(remembered_at(list, i)->name)) != NULL);
    remembered_release(again);
    remembered_release(list);
    buf_done(&out);
    return 0;
}
