#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "publisher/tables/definitions.h"

/* What statements make of tables, told as `name type key`, and the records they give. */
struct scene {
    struct definitions *ds;
    struct ddl_session  session;
    store_pos           at;
    struct buf          told; /* records: `kind database tables: ddl` */
    struct buf          seen; /* a definition as text */
};

static int on_change(void *arg, const struct schema_change *c, struct err *e)
{
    static const char *const kinds[] = { "other", "create", "alter", "drop" };
    struct scene            *s = arg;

    (void)e;
    buf_printf(&s->told, "%s %s %s: %.*s;", kinds[c->kind], c->database,
               c->has_tables ? c->tables : "null", (int)c->ddl.len, (const char *)c->ddl.ptr);
    return 0;
}

static int begin(void **state)
{
    struct definitions_options o = { 0 };
    struct scene              *s = calloc(1, sizeof *s);
    struct err                 e = { 0 };

    assert_non_null(s);
    assert_int_equal(definitions_new(&o, &s->ds, &e), 0);
    s->session = (struct ddl_session){ .version = 90704,
                                       .explicit_timestamp = true,
                                       .server = charset_of_name("utf8mb4") };
    buf_init(&s->told, 1 << 20);
    buf_init(&s->seen, 1 << 20);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct scene *s = *state;
    definitions_free(s->ds);
    buf_done(&s->told);
    buf_done(&s->seen);
    free(s);
    return 0;
}

static const char *run_bytes(struct scene *s, struct slice text)
{
    struct err  e = { 0 };
    struct ddl *statement = NULL;
    bool        changed = false;

    buf_clear(&s->told);
    if (ddl_read(&s->session, text, &statement, &e) != 0 ||
        definitions_apply(s->ds, statement, &s->session, "g", ++s->at, on_change, s, &changed,
                          &e) != 0)
        fail_msg("%s", e.text);
    ddl_free(statement);
    return buf_text(&s->told);
}

static const char *run(struct scene *s, const char *statement)
{
    return run_bytes(s, slice_of_text(statement));
}

/* `a INT!,b VARCHAR(9) latin1=x (a)`: `!` not nullable, `=` default, the key in parentheses. */
static const char *table(struct scene *s, const char *name)
{
    const struct definition *d = NULL;
    struct err               e = { 0 };

    buf_clear(&s->seen);
    if (definitions_find(s->ds, "g", name, ++s->at, &d, &e) != 1)
        return "unknown";
    for (uint32_t i = 0; i < d->column_count; i++) {
        const struct definition_column *c = &d->columns[i];
        buf_printf(&s->seen, "%s%s %s", i > 0 ? "," : "", c->name, c->type_name);
        if (c->length >= 0)
            buf_printf(&s->seen, "(%d", c->length);
        if (c->scale >= 0)
            buf_printf(&s->seen, ",%d", c->scale);
        buf_put_text(&s->seen, c->length >= 0 ? ")" : "");
        if (c->charset_name != NULL)
            buf_printf(&s->seen, " %s", c->charset_name);
        buf_put_text(&s->seen, c->nullable ? "" : "!");
        if (c->default_text != NULL)
            buf_printf(&s->seen, "=%s", c->default_text);
    }
    for (uint32_t k = 0; k < d->key_count; k++)
        buf_printf(&s->seen, "%s%s", k == 0 ? " (" : " ", d->columns[d->key[k]].name);
    if (d->key_count > 0)
        buf_put_u8(&s->seen, ')');
    return buf_text(&s->seen);
}

#define SCENE struct scene *s = *state

static void columns_come_with_all_that_is_declared(void **state)
{
    SCENE;
    assert_string_equal(
        run(s, "create table t (id int unsigned not null auto_increment comment 'x', "
               "d decimal(6,2) default 1.5, v varchar(9) charset latin1 not null default 'it''s', "
               "b bit(4) default b'1010', primary key (id), unique (v))"),
        "create g t: create table t (id int unsigned not null auto_increment comment 'x', "
        "d decimal(6,2) default 1.5, v varchar(9) charset latin1 not null default 'it''s', "
        "b bit(4) default b'1010', primary key (id), unique (v));");
    assert_string_equal(table(s, "t"), "id INT UNSIGNED!,d DECIMAL(6,2)=1.5,"
                                       "v VARCHAR(9) latin1!=it''s,b BIT(4)=1010 (id)");
}

static void every_part_of_alter_counts(void **state)
{
    SCENE;
    (void)run(s, "create table t (a int primary key, b int, c text)");
    (void)run(s, "alter table t add x int first, add (y int, z char(3) not null), drop c, "
                 "change b bb bigint after a, alter a set default 5, engine=innodb comment 'q'");
    assert_string_equal(table(s, "t"), "x INT,a INT!=5,bb BIGINT,y INT,z CHAR(3) utf8mb4! (a)");
    (void)run(s, "alter table t drop primary key, add primary key (z, bb)");
    assert_string_equal(table(s, "t"), "x INT,a INT!=5,bb BIGINT!,y INT,z CHAR(3) utf8mb4! (z bb)");
    (void)run(s, "alter table t rename column z to zz, convert to character set latin1");
    assert_string_equal(table(s, "t"),
                        "x INT,a INT!=5,bb BIGINT!,y INT,zz CHAR(3) latin1! (zz bb)");
}

static void names_in_alter_mean_the_columns_before_it(void **state)
{
    SCENE;
    (void)run(s, "create table t (a int, b bigint)");
    (void)run(s, "alter table t rename column a to b, rename column b to a");
    assert_string_equal(table(s, "t"), "b INT,a BIGINT");
    (void)run(s, "alter table t add c int after d, change b d char(1)");
    assert_string_equal(table(s, "t"), "d CHAR(1) utf8mb4,c INT,a BIGINT");
}

static void tables_move_and_go(void **state)
{
    SCENE;
    (void)run(s, "create table a (x int)");
    (void)run(s, "create table b (y int)");
    assert_string_equal(run(s, "rename table a to c, b to a"),
                        "alter g a,c: rename table a to c;alter g a,c: rename table b to a;");
    assert_string_equal(table(s, "a"), "y INT");
    assert_string_equal(table(s, "c"), "x INT");
    (void)run(s, "create table d like c");
    assert_string_equal(run(s, "drop table if exists c, nope"),
                        "drop g nope,c: DROP TABLE IF EXISTS `g`.`c`;"
                        "drop g nope,c: DROP TABLE IF EXISTS `g`.`nope`;");
    assert_string_equal(table(s, "c"), "unknown");
    assert_string_equal(table(s, "d"), "x INT");
    assert_string_equal(run(s, "drop database g"), "other g null: drop database g;");
    assert_string_equal(table(s, "d"), "unknown");
}

/* As recorded from a connector. */
static void names_come_in_the_order_of_debeziums_set(void **state)
{
    SCENE;
    assert_non_null(strstr(run(s, "drop table if exists t8, nope, t9"), "drop g nope,t9,t8: "));
    assert_non_null(strstr(run(s, "drop table d3, d2"), "drop g d3,d2: "));
    assert_non_null(strstr(run(s, "drop table j1, j2"), "drop g j2,j1: "));
    assert_non_null(strstr(run(s, "drop table k9, k10"), "drop g k10,k9: "));
    assert_non_null(strstr(run(s, "rename table t6 to t7, t1 to t8"), "other g t8,t7: "));
}

static void a_databases_character_set_is_that_of_its_tables(void **state)
{
    SCENE;
    (void)run(s, "create database g default collate latin2_bin");
    (void)run(s, "create table t (a char(1), b char(1) collate utf8mb4_bin)");
    (void)run(s, "alter database charset = koi8r");
    (void)run(s, "create table u (a char(1)) ");
    assert_string_equal(table(s, "t"), "a CHAR(1) latin2,b CHAR(1) utf8mb4");
    assert_string_equal(table(s, "u"), "a CHAR(1) koi8r");
}

static void quotes_and_comments_are_those_of_the_session(void **state)
{
    SCENE;
    (void)run(s, "/* a */ create -- b\n table # c\n `t``1` (`a b` int /*!50100 not null */ "
                 "/*!99999 default 3 */ comment \"x'\\\"y\")");
    assert_string_equal(table(s, "t`1"), "a b INT!");
    s->session.ansi_quotes = s->session.no_backslash_escapes = true;
    (void)run(s, "create table \"t2\" (\"a\" char(3) default 'x\\', b int)");
    assert_string_equal(table(s, "t2"), "a CHAR(3) utf8mb4=x\\,b INT");
    s->session.family = FAMILY_MARIADB;
    s->session.version = 101100;
    (void)run(s, "create table t3 (a int /*M!100100 not null */ /*!50701 , b int */)");
    assert_string_equal(table(s, "t3"), "a INT!");
}

static void a_statement_in_another_character_set_is_read_in_it(void **state)
{
    SCENE;
    s->session.client = charset_of_name("latin1");
    (void)run(s, "create table t (`\xe9` enum('\xfc'))");
    assert_string_equal(table(s, "t"), "\xc3\xa9 ENUM(1) utf8mb4");
    /* The second byte of this character is a backslash. */
    s->session.client = charset_of_name("sjis");
    (void)run(s, "create table u (a char(1) default '\x95\x5c', b int)");
    assert_string_equal(table(s, "u"), "a CHAR(1) utf8mb4=\xe8\xa1\xa8,b INT");
}

static void the_first_unique_index_is_the_key_and_stays_it(void **state)
{
    SCENE;
    (void)run(s, "create table t (a int, b int not null, unique (a), unique u (b))");
    assert_string_equal(table(s, "t"), "a INT,b INT! (b)");
    (void)run(s, "alter table t drop index u");
    assert_string_equal(table(s, "t"), "a INT,b INT! (b)");
    (void)run(s, "create table v (a int not null)");
    assert_string_equal(run(s, "create unique index i on v (a)"),
                        "alter g v: unique index i on v (a);");
    assert_string_equal(table(s, "v"), "a INT! (a)");
    assert_string_equal(run(s, "create index j on v (a)"), "other g : create index j on v (a);");
}

static void what_can_not_be_read_makes_its_table_unknown_and_no_other(void **state)
{
    static const char *const statements[] = {
        "create table t (a int",          "create table t select 1",
        "create table t (a nosuchtype)",  "alter table t add",
        "alter table t drop column nope", "alter table t add column b int after nope",
    };

    SCENE;
    (void)run(s, "create table u (a int)");
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        (void)run(s, "create or replace table t (a int)");
        assert_string_equal(table(s, "t"), "a INT");
        (void)run(s, statements[i]);
        assert_string_equal(table(s, "t"), "unknown");
        assert_string_equal(table(s, "u"), "a INT");
    }
    /* Nobody knows which table this changes. */
    (void)run(s, "alter table");
    assert_string_equal(table(s, "u"), "unknown");
}

static void a_statement_of_any_length_is_survived(void **state)
{
    enum { BYTES = 20 << 20 };
    char *text = malloc(BYTES);

    SCENE;
    assert_non_null(text);
    buf_done(&s->told);
    buf_init(&s->told, 2 * BYTES);
    memset(text, ' ', BYTES);
    memcpy(text, "alter table t add a int", 23);
    (void)run(s, "create table t (b int)");
    assert_int_equal(strncmp(run_bytes(s, (struct slice){ (const uint8_t *)text, BYTES }),
                             "other g : alter", 15),
                     0);
    assert_string_equal(table(s, "t"), "unknown");
    /* More columns, tables and members than any server has. */
    static const char *const heads[] = { "create table t (a int", "drop table t",
                                         "create table t (a enum('a'" };
    static const char *const more[] = { ",a int", ",t", ",'b'" };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        size_t n = strlen(heads[i]);
        memcpy(text, heads[i], n);
        while (n + strlen(more[i]) < 4 << 20) {
            memcpy(text + n, more[i], strlen(more[i]));
            n += strlen(more[i]);
        }
        (void)run_bytes(s, (struct slice){ (const uint8_t *)text, n });
        assert_string_equal(table(s, "t"), "unknown");
    }
    free(text);
}

static void statements_about_other_things_tell_nothing(void **state)
{
    static const char *const statements[] = {
        "create view v as select 1",
        "create temporary table t (a int)",
        "drop temporary table t",
        "create user u",
        "insert into t values (1)",
        "create procedure p() begin end",
        "analyze table t",
        "truncate table t",
        "set @a = 1",
        "",
        "drop trigger t",
        "create function f() returns int return 1",
    };

    SCENE;
    (void)run(s, "create table t (a int)");
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        assert_string_equal(run(s, statements[i]), "");
    assert_string_equal(table(s, "t"), "a INT");
}

static void every_cut_and_every_flipped_byte_is_survived(void **state)
{
    static const char whole[] =
        "create table if not exists `g`.`t` (a int(5) unsigned zerofill not null default 'x', "
        "b enum('a','b\\'c') character set latin1, primary key using btree (a, b(3)), "
        "constraint `x` check (a > (1)), c int generated always as (a + 1) stored) "
        "engine=innodb default charset=utf8mb4 comment='x' partition by hash(a)";
    char text[sizeof whole];

    SCENE;
    for (size_t n = 0; n < sizeof whole; n++)
        (void)run_bytes(s, (struct slice){ (const uint8_t *)whole, n });
    for (size_t n = 0; n + 1 < sizeof whole; n++) {
        memcpy(text, whole, sizeof whole);
        text[n] = (char)(text[n] ^ 0x15);
        (void)run_bytes(s, (struct slice){ (const uint8_t *)text, sizeof whole - 1 });
    }
}

/* As recorded from the two connectors. */
static void defaults_are_what_each_connector_makes_of_them(void **state)
{
    static const char statement[] =
        "create or replace table t (a varchar(9) default _latin1'x', b varbinary(9) default 0x4142,"
        "c timestamp default localtimestamp(), d datetime default now(), e char(3) default n'abc')";

    SCENE;
    (void)run(s, statement);
    assert_string_equal(table(s, "t"),
                        "a VARCHAR(9) utf8mb4=x,b VARBINARY(9)=414,"
                        "c TIMESTAMP=1970-01-01 00:00:00,d DATETIME=1970-01-01 00:00:00,"
                        "e CHAR(3) utf8mb4=n'abc'");
    s->session.family = FAMILY_MARIADB;
    (void)run(s, statement);
    assert_string_equal(table(s, "t"),
                        "a VARCHAR(9) utf8mb4=_latin1'x',b VARBINARY(9),"
                        "c TIMESTAMP=localtimestamp(),d DATETIME=1970-01-01 00:00:00,"
                        "e CHAR(3) utf8mb4=n'abc'");
}

static void mariadbs_words_are_known(void **state)
{
    SCENE;
    s->session.family = FAMILY_MARIADB;
    s->session.version = 110806;
    (void)run(s, "create or replace table t (a int without system versioning, u uuid default "
                 "uuid(), i inet6, c varchar(10) compressed, p date, q date, period for pp (p, q), "
                 "v int as (a + 1) persistent, x int default (1 + 2) check (x > 0) invisible)");
    assert_string_equal(table(s, "t"), "a INT,u UUID,i INET6,c VARCHAR(10) utf8mb4,p DATE,q DATE,"
                                       "v INT,x INT");
    (void)run(s, "set statement max_statement_time=1 for alter table if exists t wait 5 add column "
                 "if not exists a bigint, add column if not exists n int, drop column if exists "
                 "nope, modify column if exists x bigint, change if exists nope2 y int");
    assert_string_equal(table(s, "t"), "a INT,u UUID,i INET6,c VARCHAR(10) utf8mb4,p DATE,q DATE,"
                                       "v INT,x BIGINT,n INT");
    (void)run(s, "create table w (a int) with system versioning");
    (void)run(s, "alter table w add b int");
    assert_string_equal(table(s, "w"), "a INT,b INT,row_start TIMESTAMP(6)!,row_end TIMESTAMP(6)!");
}

/* What MariaDB 10.11 and 11.8 make of them. */
static void a_primary_key_with_if_exists_is_left_out_where_there_was_one(void **state)
{
    static const struct {
        const char *before, *alteration, *after;
    } cases[] = {
        { "k int primary key, d int", "modify if exists d int primary key first",
          "d INT!,k INT! (k)" },
        { "k int primary key, d int", "change if exists d e int primary key", "k INT!,e INT! (k)" },
        { "k int, d int", "modify if exists d int primary key", "k INT,d INT! (d)" },
        { "k int, d int", "add primary key if not exists (d)", "k INT,d INT! (d)" },
        { "k int primary key, d int", "add constraint primary key if not exists x using btree (d)",
          "k INT!,d INT (k)" },
        { "k int primary key, d int", "add if not exists x int primary key",
          "k INT!,d INT,x INT! (k)" },
        /* Not even when that one is dropped beside it. */
        { "k int primary key, d int", "modify if exists d int primary key, drop primary key",
          "k INT!,d INT!" },
        { "k int primary key, d int", "drop k, modify if exists d int primary key", "d INT!" },
        { "k int primary key, d int", "drop primary key, add if not exists d int primary key",
          "k INT!,d INT" },
        { "k int primary key, d int", "drop primary key, add primary key if not exists (d)",
          "k INT!,d INT" },
        { "k int primary key, d int",
          "drop primary key, add primary key (d), modify if exists k int "
          "primary key",
          "k INT!,d INT! (d)" },
        { "k int primary key, d int",
          "drop primary key, add if not exists (x int, primary key (x))",
          "k INT!,d INT,x INT! (x)" },
    };
    SCENE;
    s->session.family = FAMILY_MARIADB;
    s->session.version = 101114;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char statement[256];
        (void)snprintf(statement, sizeof statement, "create or replace table t (%s)",
                       cases[i].before);
        (void)run(s, statement);
        (void)snprintf(statement, sizeof statement, "alter table t %s", cases[i].alteration);
        (void)run(s, statement);
        assert_string_equal(table(s, "t"), cases[i].after);
    }
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(columns_come_with_all_that_is_declared),
        PROMISE(every_part_of_alter_counts),
        PROMISE(names_in_alter_mean_the_columns_before_it),
        PROMISE(tables_move_and_go),
        PROMISE(names_come_in_the_order_of_debeziums_set),
        PROMISE(a_databases_character_set_is_that_of_its_tables),
        PROMISE(quotes_and_comments_are_those_of_the_session),
        PROMISE(a_statement_in_another_character_set_is_read_in_it),
        PROMISE(the_first_unique_index_is_the_key_and_stays_it),
        PROMISE(what_can_not_be_read_makes_its_table_unknown_and_no_other),
        PROMISE(a_statement_of_any_length_is_survived),
        PROMISE(statements_about_other_things_tell_nothing),
        PROMISE(every_cut_and_every_flipped_byte_is_survived),
        PROMISE(defaults_are_what_each_connector_makes_of_them),
        PROMISE(mariadbs_words_are_known),
        PROMISE(a_primary_key_with_if_exists_is_left_out_where_there_was_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
