/*
 * The configuration while it is read: what stands where in the file. Used by config.c (which reads)
 * and config_check.c (which checks) alone.
 */
#pragma once
#include <stdio.h>
#include "relay/config/config_table.h"

enum {
    NAME_BYTES = 64,
    SENTENCE_BYTES = 1024,
    SECRET_BYTES_MAX = 256,
    LOOPS_MAX = 64,
    OPTIONS_MAX = 128
};

/* One section as it stands in the file, to say lines for what is found wrong later. */
struct part {
    const struct config_section *section;
    size_t                       index; /* in the section's array */
    char                         name[NAME_BYTES + 1];
    int                          line;
    int                          key_lines[CONFIG_KEYS_MAX]; /* 0: not given */
    int                          option_lines[OPTIONS_MAX];
};

struct parse {
    struct config *config;
    const char    *path;
    void (*say)(void *arg, const char *sentence);
    void        *say_arg;
    FILE        *file;
    int          line;    /* last read */
    bool         content; /* that line holds a key and no handler has seen it yet */
    struct part *parts;
    size_t       part_count;
    struct part *current; /* NULL: before the first section, or in one that is wrong */
    bool         in_wrong_section;
    unsigned     errors;
    bool         no_memory;
};

/* Says one sentence "FILE:LINE: ...", and counts it. */
void PRINTF_ARGS(3, 4) config_complain(struct parse *p, int line, const char *fmt, ...);
/* The section's struct in the configuration. */
void *config_part(const struct parse *p, const struct part *t);
/* "[user x]", "[relay]" */
const char              *config_part_title(const struct part *t, char into[2 * NAME_BYTES]);
const struct config_key *config_key_named(const struct config_section *s, const char *name);

struct guess {
    const char *word; /* NULL: nothing is near enough */
    size_t      off;
};

/* Keeps the word if it is nearer to what was written than the one before. */
void config_guess(struct guess *g, const char *written, const char *word);

/* When all was read: fills in what was not given, and complains of what does not fit together. */
void config_check(struct parse *p);
