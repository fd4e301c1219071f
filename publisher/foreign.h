/*
 * Properties of a Debezium connector that are no options of a publisher: what they were for, and
 * what takes their place. Constant; any thread. Source: Debezium documentation, "Connector
 * properties" of the MySQL and MariaDB connectors; Kafka Connect, source connector configuration.
 */
#pragma once
#include <stdbool.h>

enum foreign_kind {
    FOREIGN_UNKNOWN,   /* nobody told us about it */
    FOREIGN_NEEDLESS,  /* has no place here, and nothing is lost without it */
    FOREIGN_ELSEWHERE, /* said in another section of the configuration */
    FOREIGN_REFUSED,   /* what it asks for is not done */
    FOREIGN_ALTERING,  /* nor is this, which asks for other records */
};

struct foreign {
    const char       *name; /* one that ends with '*' stands for all that begin so */
    enum foreign_kind kind;
    const char       *note; /* why, or where; a sentence without its subject */
};

/* NULL: unknown. */
const struct foreign *foreign_find(const char *name);
/* Asks for what is done anyway. */
bool foreign_is_usual(const char *name, const char *value);
