#include "publisher/options.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RULES_MAX = 1000, RULE_LENGTH_MAX = 1 << 20 };

/* ---- kinds --------------------------------------------------------------------------------- */

struct word {
    const char *text;
    int         value;
};

enum kind {
    KIND_TEXT,
    KIND_LIST,
    KIND_FLAG,
    KIND_MILLIS,
    KIND_COUNT,
    KIND_OPERATIONS,
    KIND_DECIMALS,
    KIND_TIMES,
    KIND_BINARIES,
    KIND_BIGINTS,
    KIND_ADJUSTMENT,
    KIND_FAILURES,
    KIND_DECIMAL_FORMAT,
    KIND_CONVERTER,
    KIND_SUBJECT,
    KIND_SNAPSHOTS,
    KIND_LOCKING,
};

/* clang-format off */
#define ALLOWED_TEXT       "text"
#define ALLOWED_LIST       "regular expressions (Java's), separated by commas"
#define ALLOWED_FLAG       "true or false"
#define ALLOWED_MILLIS     "milliseconds"
#define ALLOWED_COUNT      "a number"
#define ALLOWED_OPERATIONS "c, u, d and t, separated by commas, or none"
#define ALLOWED_DECIMALS   "precise, double or string"
#define ALLOWED_TIMES      "adaptive_time_microseconds, adaptive, connect, isostring, " \
                           "microseconds or nanoseconds"
#define ALLOWED_BINARIES   "bytes, base64, base64-url-safe or hex"
#define ALLOWED_BIGINTS    "long or precise"
#define ALLOWED_ADJUSTMENT "none, avro or avro_unicode"
#define ALLOWED_FAILURES   "warn, skip or fail"
#define ALLOWED_DECIMAL_FORMAT "BASE64 or NUMERIC"
#define ALLOWED_CONVERTER  "json or avro, or the converter's class"
#define ALLOWED_SUBJECT    "TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy, or their classes"

#define ALLOWED_SNAPSHOTS  "none, initial, initial_only, no_data, when_needed, recovery or always"
#define ALLOWED_LOCKING    "minimal, extended or none"

static const struct word snapshots_words[] = {
    { "none", SNAPSHOTS_NONE }, { "never", SNAPSHOTS_NONE }, { "initial", SNAPSHOTS_INITIAL },
    { "initial_only", SNAPSHOTS_INITIAL_ONLY }, { "no_data", SNAPSHOTS_NO_DATA },
    { "schema_only", SNAPSHOTS_NO_DATA }, { "when_needed", SNAPSHOTS_WHEN_NEEDED },
    { "recovery", SNAPSHOTS_RECOVERY }, { "schema_only_recovery", SNAPSHOTS_RECOVERY },
    { "always", SNAPSHOTS_ALWAYS }, { NULL, 0 },
};
static const struct word locking_words[] = {
    { "minimal", LOCKING_MINIMAL }, { "minimal_percona", LOCKING_MINIMAL },
    { "minimal_percona_no_table_locks", LOCKING_MINIMAL },
    { "minimal_at_least_once", LOCKING_MINIMAL }, { "extended", LOCKING_EXTENDED },
    { "none", LOCKING_NONE }, { NULL, 0 },
};
static const struct word flag_words[] = {
    { "true", 1 }, { "false", 0 }, { "yes", 1 }, { "no", 0 }, { "on", 1 }, { "off", 0 }, { NULL, 0 },
};
static const struct word decimals_words[] = {
    { "precise", DECIMALS_PRECISE }, { "double", DECIMALS_DOUBLE }, { "string", DECIMALS_STRING },
    { NULL, 0 },
};
static const struct word times_words[] = {
    { "adaptive_time_microseconds", TIMES_ADAPTIVE_MICROSECONDS }, { "adaptive", TIMES_ADAPTIVE },
    { "connect", TIMES_CONNECT }, { "isostring", TIMES_ISOSTRING },
    { "microseconds", TIMES_MICROSECONDS }, { "nanoseconds", TIMES_NANOSECONDS }, { NULL, 0 },
};
static const struct word binaries_words[] = {
    { "bytes", BINARIES_BYTES }, { "base64", BINARIES_BASE64 },
    { "base64-url-safe", BINARIES_BASE64_URL }, { "hex", BINARIES_HEX }, { NULL, 0 },
};
static const struct word bigints_words[] = {
    { "long", BIGINTS_LONG }, { "precise", BIGINTS_PRECISE }, { NULL, 0 },
};
static const struct word adjustment_words[] = {
    { "none", ADJUSTMENT_NONE }, { "avro", ADJUSTMENT_AVRO },
    { "avro_unicode", ADJUSTMENT_AVRO_UNICODE }, { NULL, 0 },
};
static const struct word failures_words[] = {
    { "warn", FAILURES_WARN }, { "skip", FAILURES_SKIP }, { "ignore", FAILURES_SKIP },
    { "fail", FAILURES_FAIL }, { NULL, 0 },
};
static const struct word decimal_format_words[] = {
    { "BASE64", DECIMAL_FORMAT_BASE64 }, { "NUMERIC", DECIMAL_FORMAT_NUMERIC }, { NULL, 0 },
};

static const struct word converter_words[] = {
    { "json", CONVERTER_JSON }, { "avro", CONVERTER_AVRO },
    { "org.apache.kafka.connect.json.JsonConverter", CONVERTER_JSON },
    { "io.confluent.connect.avro.AvroConverter", CONVERTER_AVRO }, { NULL, 0 },
};
#define STRATEGIES "io.confluent.kafka.serializers.subject."
static const struct word subject_words[] = {
    { "TopicNameStrategy", SUBJECT_TOPIC }, { "RecordNameStrategy", SUBJECT_RECORD },
    { "TopicRecordNameStrategy", SUBJECT_TOPIC_RECORD },
    { STRATEGIES "TopicNameStrategy", SUBJECT_TOPIC },
    { STRATEGIES "RecordNameStrategy", SUBJECT_RECORD },
    { STRATEGIES "TopicRecordNameStrategy", SUBJECT_TOPIC_RECORD }, { NULL, 0 },
};

static const struct word *const words_of[] = {
    [KIND_FLAG] = flag_words, [KIND_DECIMALS] = decimals_words, [KIND_TIMES] = times_words,
    [KIND_BINARIES] = binaries_words, [KIND_BIGINTS] = bigints_words,
    [KIND_ADJUSTMENT] = adjustment_words, [KIND_FAILURES] = failures_words,
    [KIND_DECIMAL_FORMAT] = decimal_format_words, [KIND_CONVERTER] = converter_words,
    [KIND_SUBJECT] = subject_words, [KIND_SNAPSHOTS] = snapshots_words,
    [KIND_LOCKING] = locking_words,
};

#define OPTION_ROW(field, name, kind, dflt, help) { KIND_##kind, offsetof(struct options, field) },
static const struct place {
    enum kind kind;
    size_t    at;
} places[] = { PUBLISHER_OPTIONS(OPTION_ROW) };

#define KEY_ROW(field, name, kind, dflt, help)                                                     \
    { name, dflt, help, ALLOWED_##kind, KIND_##kind == KIND_LIST },
const struct option_key option_keys[] = { PUBLISHER_OPTIONS(KEY_ROW) };
const size_t            option_key_count = sizeof option_keys / sizeof *option_keys;
/* clang-format on */

const struct option_key option_patterns[] = {
    { "column.mask.with.N.chars", "", "Texts of these columns become N asterisks.", ALLOWED_LIST,
      true },
    { "column.truncate.to.N.chars", "", "Texts of these columns are cut behind N characters.",
      ALLOWED_LIST, true },
    { "column.mask.hash.ALGORITHM.with.salt.SALT", "",
      "Texts of these columns become a hash (MD5, SHA-1, SHA-256, ...) of salt and text.",
      ALLOWED_LIST, true },
    { "column.mask.hash.v2.ALGORITHM.with.salt.SALT", "",
      "The same over the text's UTF-8 bytes, so that all systems agree.", ALLOWED_LIST, true },
};
const size_t option_pattern_count = sizeof option_patterns / sizeof *option_patterns;

/* ---- values -------------------------------------------------------------------------------- */

static int set_text(char **into, const char *value, struct err *e)
{
    char *copy = strdup(value);
    if (copy == NULL)
        return err_set(e, E_NOMEM, "no memory for the options");
    free(*into);
    *into = copy;
    return 0;
}

static bool take_word(const struct word *words, const char *value, int *out)
{
    for (; words->text != NULL; words++) {
        if (strcasecmp(words->text, value) == 0) {
            *out = words->value;
            return true;
        }
    }
    return false;
}

/* "c,d" or "none". */
static bool take_operations(const char *value, unsigned *out)
{
    static const char letters[] = "cudt";
    unsigned          found = 0;

    if (strcasecmp(value, "none") == 0) {
        *out = 0;
        return true;
    }
    for (const char *p = value;; p++) {
        p += strspn(p, " ");
        const char *letter = *p != 0 ? strchr(letters, tolower((unsigned char)*p)) : NULL;
        if (letter == NULL)
            return false;
        found |= 1u << (letter - letters);
        p++;
        p += strspn(p, " ");
        if (*p == 0)
            break;
        if (*p != ',')
            return false;
    }
    *out = found;
    return true;
}

static bool take_millis(const char *value, uint64_t *out)
{
    char *end = NULL;

    errno = 0;
    uint64_t n = strtoull(value, &end, 10);
    if (!isdigit((unsigned char)*value) || *end != 0 || errno != 0)
        return false;
    *out = n;
    return true;
}

static bool put_value(enum kind kind, void *at, const char *value)
{
    int      word = 0;
    unsigned operations = 0;
    uint64_t millis = 0;

    switch (kind) {
    case KIND_OPERATIONS:
        if (!take_operations(value, &operations))
            return false;
        memcpy(at, &operations, sizeof operations);
        return true;
    case KIND_MILLIS:
    case KIND_COUNT:
        if (!take_millis(value, &millis))
            return false;
        memcpy(at, &millis, sizeof millis);
        return true;
    case KIND_FLAG:
        if (!take_word(flag_words, value, &word))
            return false;
        *(bool *)at = word != 0;
        return true;
    default:
        if (!take_word(words_of[kind], value, &word))
            return false;
        memcpy(at, &word, sizeof word); /* every mode is an enum, and an int */
        return true;
    }
}

static bool owns_text(enum kind kind)
{
    return kind == KIND_TEXT || kind == KIND_LIST;
}

static int set_at(struct options *o, size_t index, const char *value, struct err *e)
{
    void *at = (char *)o + places[index].at;

    if (owns_text(places[index].kind))
        return set_text((char **)at, value, e);
    if (put_value(places[index].kind, at, value))
        return 0;
    return err_set(e, E_CONFIG, "'%s' is no value for '%s': allowed is %s", value,
                   option_keys[index].name, option_keys[index].allowed);
}

/* ---- options with a part of their own in their names ---------------------------------------- */

static bool take_number_between(const char *name, const char *head, const char *tail, uint32_t *out)
{
    size_t   n = strlen(head);
    uint32_t v = 0;

    if (strncmp(name, head, n) != 0 || !isdigit((unsigned char)name[n]))
        return false;
    for (; isdigit((unsigned char)name[n]) && v <= RULE_LENGTH_MAX; n++)
        v = v * 10 + (uint32_t)(name[n] - '0');
    *out = v;
    return v <= RULE_LENGTH_MAX && strcmp(name + n, tail) == 0;
}

/* column.mask.hash.[v2.]ALGORITHM.with.salt.SALT */
static int take_hash(const char *name, struct option_rule *r, struct err *e)
{
    static const char head[] = "column.mask.hash.", middle[] = ".with.salt.";
    const char       *at = name + sizeof head - 1;

    if (strncmp(name, head, sizeof head - 1) != 0)
        return 0;
    r->kind = RULE_HASH;
    if (strncmp(at, "v2.", 3) == 0) {
        r->kind = RULE_HASH_V2;
        at += 3;
    }
    const char *split = strstr(at, middle);
    if (split == NULL || split == at)
        return 0;
    r->algorithm = strndup(at, (size_t)(split - at));
    r->salt = strdup(split + sizeof middle - 1);
    if (r->algorithm == NULL || r->salt == NULL)
        return err_set(e, E_NOMEM, "no memory for the options");
    return 1;
}

static void rule_done(struct option_rule *r)
{
    free(r->algorithm);
    free(r->salt);
    free(r->columns);
}

static int add_rule(struct options *o, const struct option_rule *r, struct err *e)
{
    struct option_rule *grown = NULL;

    if (o->rule_count < RULES_MAX)
        grown = realloc(o->rules, (o->rule_count + 1) * sizeof *grown);
    if (grown == NULL)
        return err_set(e, E_LIMIT, "too many options about columns");
    o->rules = grown;
    o->rules[o->rule_count++] = *r;
    return 0;
}

/* E_PURGED when the name is none of these. */
static int set_rule(struct options *o, const char *name, const char *value, struct err *e)
{
    struct option_rule r = { .kind = RULE_MASK };
    int                found = 1;

    if (!take_number_between(name, "column.mask.with.", ".chars", &r.length)) {
        r.kind = RULE_TRUNCATE;
        if (!take_number_between(name, "column.truncate.to.", ".chars", &r.length))
            found = take_hash(name, &r, e);
    }
    int result = found < 0 ? -1 : 0;
    if (found == 0)
        result = err_set(e, E_PURGED, "there is no option '%s'", name);
    if (result == 0)
        result = set_text(&r.columns, value, e);
    if (result == 0)
        result = add_rule(o, &r, e);
    if (result != 0)
        rule_done(&r);
    return result;
}

/* ---- all of them --------------------------------------------------------------------------- */

static int find(const char *name)
{
    for (size_t i = 0; i < option_key_count; i++)
        if (strcmp(option_keys[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* Several options at once, or another name of one. */
static const struct alias {
    const char *name, *means[2];
} aliases[] = {
    { "schemas.enable", { "key.converter.schemas.enable", "value.converter.schemas.enable" } },
    { "replace.null.with.default", { "value.converter.replace.null.with.default", NULL } },
    { "decimal.format", { "value.converter.decimal.format", NULL } },
};

/* Both converters have one registry here. */
static const char *without_converter(const char *name)
{
    static const char *const common[] = { "schema.registry.", "auto.register.schemas" };
    static const char *const sides[] = { "key.converter.", "value.converter." };

    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        size_t n = strlen(sides[i]);
        for (size_t k = 0; k < sizeof common / sizeof *common; k++)
            if (strncmp(name, sides[i], n) == 0 &&
                strncmp(name + n, common[k], strlen(common[k])) == 0)
                return name + n;
    }
    return name;
}

int options_set(struct options *o, const char *name, const char *value, struct err *e)
{
    name = without_converter(name);
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        if (strcmp(aliases[i].name, name) != 0)
            continue;
        for (size_t k = 0; k < 2 && aliases[i].means[k] != NULL; k++)
            TRY(options_set(o, aliases[i].means[k], value, e));
        return 0;
    }
    int index = find(name);
    return index >= 0 ? set_at(o, (size_t)index, value, e) : set_rule(o, name, value, e);
}

int options_add(struct options *o, const char *name, const char *value, struct err *e)
{
    int         index = find(name);
    const char *given = "";
    char       *joined = NULL;

    if (index >= 0 && places[index].kind == KIND_LIST)
        given = *(char **)((char *)o + places[index].at);
    if (*given == 0)
        return options_set(o, name, value, e);
    if (asprintf(&joined, "%s,%s", given, value) < 0)
        return err_set(e, E_NOMEM, "no memory for the options");
    int result = options_set(o, name, joined, e);
    free(joined);
    return result;
}

int options_init(struct options *o, struct err *e)
{
    struct options made = { .rules = NULL };

    for (size_t i = 0; i < option_key_count; i++) {
        if (option_keys[i].dflt != NULL && set_at(&made, i, option_keys[i].dflt, e) != 0) {
            options_done(&made);
            return -1;
        }
    }
    *o = made;
    return 0;
}

void options_done(struct options *o)
{
    for (size_t i = 0; i < option_key_count; i++)
        if (owns_text(places[i].kind))
            free(*(char **)((char *)o + places[i].at));
    for (size_t i = 0; i < o->rule_count; i++)
        rule_done(&o->rules[i]);
    free(o->rules);
    *o = (struct options){ .rules = NULL };
}

static int copy_rule(struct options *to, const struct option_rule *from, struct err *e)
{
    struct option_rule r = { .kind = from->kind, .length = from->length };
    int                result = set_text(&r.columns, from->columns, e);

    if (result == 0 && from->algorithm != NULL)
        result = set_text(&r.algorithm, from->algorithm, e);
    if (result == 0 && from->salt != NULL)
        result = set_text(&r.salt, from->salt, e);
    if (result == 0)
        result = add_rule(to, &r, e);
    if (result != 0)
        rule_done(&r);
    return result;
}

static int copy_all(const struct options *from, struct options *to, struct err *e)
{
    for (size_t i = 0; i < option_key_count; i++) {
        if (!owns_text(places[i].kind))
            continue;
        char *const *text = (char *const *)((const char *)from + places[i].at);
        char       **into = (char **)((char *)to + places[i].at);
        *into = NULL;
        if (*text != NULL)
            TRY(set_text(into, *text, e));
    }
    for (size_t i = 0; i < from->rule_count; i++)
        TRY(copy_rule(to, &from->rules[i], e));
    return 0;
}

int options_copy(const struct options *from, struct options *to, struct err *e)
{
    struct options made = *from;

    for (size_t i = 0; i < option_key_count; i++)
        if (owns_text(places[i].kind))
            *(char **)((char *)&made + places[i].at) = NULL;
    made.rules = NULL;
    made.rule_count = 0;
    if (copy_all(from, &made, e) != 0) {
        options_done(&made);
        return -1;
    }
    *to = made;
    return 0;
}

static int check_pair(const char *include, const char *exclude, const char *what, struct err *e)
{
    if (*include != 0 && *exclude != 0)
        return err_set(e, E_CONFIG, "%s.include.list and %s.exclude.list exclude each other", what,
                       what);
    return 0;
}

int options_check(const struct options *o, struct err *e)
{
    if (o->topic_prefix == NULL || *o->topic_prefix == 0)
        return err_set(e, E_CONFIG, "topic.prefix must be given: the first part of every topic");
    TRY(check_pair(o->database_include, o->database_exclude, "database", e));
    TRY(check_pair(o->table_include, o->table_exclude, "table", e));
    return check_pair(o->column_include, o->column_exclude, "column", e);
}
