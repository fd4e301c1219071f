#include "relay/downstream/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include "relay/log.h"
#include "storage/private_file.h"

enum { PEM_BYTES_MAX = 64 * 1024, RSA_BITS = 2048, SERIAL_BYTES = 16, YEARS = 10 };
static const long year_s = 365L * 24 * 3600;

static int trouble(struct err *e, enum err_kind kind)
{
    unsigned long code = ERR_get_error();
    const char   *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return err_set(e, kind, "%s", reason != NULL ? reason : "it holds no certificate");
}

/* ---- what is there -------------------------------------------------------------------------- */

static int check_pem(struct slice pem, struct err *e)
{
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

static int check_file(const char *path, struct err *e)
{
    struct buf pem;
    bool       exposed = false;

    buf_init(&pem, PEM_BYTES_MAX);
    int rc = private_file_read(path, &pem, &exposed, e);
    if (rc == 0 && exposed)
        rc = err_set(e, E_CONFIG, "others than its owner may use it");
    if (rc == 0)
        rc = check_pem(buf_slice(&pem), e);
    if (pem.ptr != NULL)
        explicit_bzero(pem.ptr, pem.size);
    buf_done(&pem);
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

static int make(const char *path, struct err *e)
{
    BIO      *out = BIO_new(BIO_s_secmem());
    EVP_PKEY *key = EVP_RSA_gen(RSA_BITS);
    X509     *x = key != NULL ? sign(key) : NULL;
    char     *pem = NULL;
    int       rc;

    if (out == NULL || x == NULL ||
        PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509(out, x) != 1) {
        rc = trouble(e, E_NOMEM);
    } else {
        long n = BIO_get_mem_data(out, &pem);
        rc = private_file_write(path, (struct slice){ (const uint8_t *)pem, (size_t)n }, e);
    }
    X509_free(x);
    EVP_PKEY_free(key);
    BIO_free(out);
    return rc;
}

int certificate_open(const char *data, char path[CERTIFICATE_PATH_BYTES], struct err *e)
{
    struct err why = { 0 };
    int        n = snprintf(path, CERTIFICATE_PATH_BYTES, "%s/tls.pem", data);

    if (n < 0 || n >= CERTIFICATE_PATH_BYTES)
        return err_set(e, E_CONFIG, "the data folder's name is too long");
    if (check_file(path, &why) == 0)
        return 0;
    if (why.kind != E_PURGED)
        log_write(LOG_WARNING, "serve", "'%s' is made anew: %s", path, why.text);
    if (make(path, e) != 0)
        return err_note(e, "make the certificate '%s'", path);
    return 0;
}
