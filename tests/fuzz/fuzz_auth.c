/* Packets of a login behind the handshake response: none may be let in, whatever they say. The
 * first byte chooses method and transport; each packet begins with its length. */
#include "protocol/auth.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct auth_key      *key;
static struct auth_verifier *verifier(void)
{
    static struct auth_verifier v;
    struct err                  e = { 0 };
    if (key == NULL) {
        static const char password[] = "a password no fuzzer finds";
        if (auth_key_new(&key, &e) != 0 ||
            auth_verifier_from_password(slice_of_text(password), &v, &e) != 0)
            abort();
    }
    return &v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t      scramble[SCRAMBLE_BYTES] = "abcdefghijklmnopqrs";
    static const uint8_t      empty[1];
    struct cursor             c = cursor_over((struct slice){ size > 0 ? data : empty, size });
    uint8_t                   how = cursor_u8(&c);
    struct handshake_response hello = { .capabilities = CAP_OFFERED };
    struct auth_exchange      x;
    struct buf                reply;
    enum auth_step            step = AUTH_DENIED;
    struct err                e = { 0 };
    struct auth_verifier     *v = (how & 4) != 0 ? verifier() : NULL;

    (void)verifier();
    hello.user = hello.database = hello.attributes = slice_empty();
    hello.plugin = cursor_lenenc_slice(&c);
    hello.answer = cursor_lenenc_slice(&c);
    buf_init(&reply, 4096);
    if (auth_begin(&x, (enum auth_method)(how & 1), (how & 2) != 0, scramble, &hello, v, &reply,
                   &step, &e) != 0)
        abort();
    while (step == AUTH_SEND && c.left > 0) {
        assert(reply.len > 0);
        buf_clear(&reply);
        if (auth_continue(&x, cursor_lenenc_slice(&c), v, key, &reply, &step, &e) != 0)
            abort();
    }
    assert(step != AUTH_SEND_AND_GRANTED);
    buf_done(&reply);
    return 0;
}
