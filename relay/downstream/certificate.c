#include "relay/downstream/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include "relay/downstream/kept_pem.h"

enum { RSA_BITS = 2048, SERIAL_BYTES = 16, YEARS = 10 };
static const long year_s = 365L * 24 * 3600;

static int trouble(struct err *e, enum err_kind kind)
{
    unsigned long code = ERR_get_error();
    const char   *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return err_set(e, kind, "%s", reason != NULL ? reason : "it holds no certificate");
}

/* ---- what is there -------------------------------------------------------------------------- */

static int check_pem(void *arg, struct slice pem, struct err *e)
{
    (void)arg;
    BIO      *in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *key = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
    X509     *x = key != NULL ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
    int       rc = 0;

    if (x == NULL || X509_check_private_key(x, key) != 1)
        rc = trouble(e, E_CONFIG);
    else if (X509_cmp_current_time(X509_get0_notAfter(x)) <= 0)
        rc = err_set(e, E_CONFIG, "it has expired");
    X509_free(x);
    EVP_PKEY_free(key);
    BIO_free(in);
    return rc;
}

/* ---- a new one ------------------------------------------------------------------------------ */

static bool set_names(X509 *x)
{
    static const unsigned char name[] = "binrelay";
    X509_NAME                 *subject = X509_get_subject_name(x);

    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(x, subject) == 1;
}

/* Two with one serial number would be taken for each other by those who keep certificates. */
static bool set_serial(X509 *x)
{
    uint8_t bytes[SERIAL_BYTES];

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool    fine = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;
    BN_free(number);
    return fine;
}

static X509 *sign(EVP_PKEY *key)
{
    X509 *x = X509_new();

    if (x != NULL && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) && set_names(x) &&
        X509_gmtime_adj(X509_getm_notBefore(x), -24L * 3600) != NULL && /* for clocks that differ */
        X509_gmtime_adj(X509_getm_notAfter(x), YEARS * year_s) != NULL &&
        X509_set_pubkey(x, key) == 1 && X509_sign(x, key, EVP_sha256()) != 0)
        return x;
    X509_free(x);
    return NULL;
}

static int make(void *arg, struct buf *pem, struct err *e)
{
    (void)arg;
    BIO      *out = BIO_new(BIO_s_secmem());
    EVP_PKEY *key = EVP_RSA_gen(RSA_BITS);
    X509     *x = key != NULL ? sign(key) : NULL;
    char     *text = NULL;
    int       rc = 0;

    if (out == NULL || x == NULL ||
        PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509(out, x) != 1) {
        rc = trouble(e, E_NOMEM);
    } else {
        long n = BIO_get_mem_data(out, &text);
        buf_put(pem, (struct slice){ (const uint8_t *)text, (size_t)n });
    }
    X509_free(x);
    EVP_PKEY_free(key);
    BIO_free(out);
    return rc;
}

int certificate_open(const char *data, char path[KEPT_PEM_PATH_BYTES], struct err *e)
{
    const struct kept_pem kept = { .name = "tls.pem", .take = check_pem, .make = make };

    return kept_pem_open(&kept, data, path, e);
}
