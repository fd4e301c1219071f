#include "publisher/kafka/adopt.h"
#include "publisher/kafka/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Records that somebody else may have put into Kafka's topics. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t empty[1];
    struct slice         in = { size > 0 ? data : empty, size };
    struct err           e = { 0 };
    struct checkpoint    c;
    struct adopt_offset  o;

    if (checkpoint_parse(in, &c, &e) == 0) {
        assert(c.file != NULL && c.gtids != NULL && c.relay != NULL);
        checkpoint_done(&c);
    }
    if (adopt_parse(in, &o, &e) == 0) {
        assert(*o.file != 0 && o.position > 0);
        adopt_offset_done(&o);
    }
    (void)adopt_is_key(in, "shop");
    return 0;
}
