#include "schema/table.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* A table of a few columns, built up by the tests from both sides. */
#define COLUMNS 6

struct sides {
    struct table_map map;
    struct table_def def;
    struct map_column map_columns[COLUMNS];
    struct column_def def_columns[COLUMNS];
    struct map_key_part map_parts[COLUMNS];
    struct key_def keys[4];
    struct errmsg em;
    struct table *table;
};

static void begin(struct sides *s)
{
    *s = (struct sides){0};
    s->map.database = s->def.database = SLICE_LIT("shop");
    s->map.name = s->def.name = SLICE_LIT("item");
    s->map.columns = s->map_columns;
    s->map.key_parts = s->map_parts;
    s->def.engine = SLICE_LIT("InnoDB");
    s->def.columns = s->def_columns;
    s->def.keys = s->keys;
}

/* One more column; the map tells no more than MINIMAL metadata does. */
static void column(struct sides *s, const char *name, uint8_t type, uint16_t meta, const char *text)
{
    struct map_column *m = &s->map_columns[s->map.column_count++];
    struct column_def *d = &s->def_columns[s->def.column_count++];
    m->type = type;
    m->meta = meta;
    m->name = m->members = SLICE_LIT("");
    d->name = slice_str(name);
    d->column_type = slice_str(text);
    d->data_type = d->collation = SLICE_LIT("");
}

static void text_column(struct sides *s, const char *name, uint8_t type, uint16_t meta,
                        const char *text, uint32_t collation, const char *collation_name)
{
    column(s, name, type, meta, text);
    s->map_columns[s->map.column_count - 1].collation = collation;
    s->def_columns[s->def.column_count - 1].collation = slice_str(collation_name);
}

static void key(struct sides *s, bool primary, bool has_prefix, uint16_t *parts, uint32_t count)
{
    s->keys[s->def.key_count++] = (struct key_def){
        .name = SLICE_LIT("k"),
        .primary = primary,
        .has_prefix = has_prefix,
        .part_count = count,
        .parts = parts,
    };
}

static struct table *resolved(struct sides *s)
{
    cr_assert_eq(table_resolve(&s->map, &s->def, &s->table, &s->em), ERR_OK, "%s", s->em.text);
    return s->table;
}

static void refused(struct sides *s, const char *sentence)
{
    cr_expect_eq(table_resolve(&s->map, &s->def, &s->table, &s->em), ERR_TABLE_MISMATCH);
    cr_expect_str_eq(s->em.text, sentence);
    cr_expect_null(s->table);
}

static void same(struct slice got, const char *want)
{
    cr_expect(slice_eq(got, slice_str(want)), "%.*s, not %s", SLICE_ARG(got), want);
}

Test(table, takes_the_layout_from_the_map_and_the_words_from_the_catalogue)
{
    struct sides s;
    begin(&s);
    column(&s, "id", MY_TYPE_LONG, 0, "int(10) unsigned");
    text_column(&s, "name", MY_TYPE_VARCHAR, 200, "varchar(50)", 45, "utf8mb4_general_ci");
    column(&s, "price", MY_TYPE_NEWDECIMAL, 10 << 8 | 2, "decimal(10,2)");
    column(&s, "at", MY_TYPE_DATETIME2, 3, "datetime(3)");
    text_column(&s, "e", MY_TYPE_ENUM, 1, "enum('a','it''s')", 0, "latin1_swedish_ci");
    column(&s, "raw", MY_TYPE_STRING, 16, "binary(16)");
    s.map_columns[1].nullable = true;
    s.def_columns[3].generated = true;
    struct table *t = resolved(&s);

    cr_assert_eq(t->column_count, 6);
    same(t->database, "shop");
    same(t->name, "item");
    cr_assert(!t->type_text_rebuilt);
    same(t->columns[0].name, "id");
    same(t->columns[0].type_text, "int(10) unsigned");
    same(t->columns[0].bare_type, "int");
    cr_assert(t->columns[0].is_unsigned && !t->columns[0].nullable);
    cr_assert_eq(t->columns[0].kind, COL_INT);
    cr_assert_eq(t->columns[1].kind, COL_VARCHAR);
    cr_assert_str_eq(t->columns[1].charset->name, "utf8mb4");
    cr_assert(t->columns[1].nullable);
    cr_assert_eq(t->columns[2].precision, 10);
    cr_assert_eq(t->columns[2].scale, 2);
    cr_assert_eq(t->columns[3].fsp, 3);
    cr_assert(t->columns[3].generated);
    cr_assert_eq(t->columns[4].member_count, 2);
    same(t->columns[4].members[1], "it's");
    cr_assert_eq(t->columns[5].fixed_len, 16);
    cr_assert_null(t->columns[5].charset);
    table_unref(t);
}

Test(table, keeps_nothing_of_its_witnesses)
{
    struct sides s;
    char name[] = "id", type[] = "int(11)";
    begin(&s);
    column(&s, name, MY_TYPE_LONG, 0, type);
    struct table *t = resolved(&s);
    memset(name, 'x', 2);
    memset(type, 'x', 7);
    same(t->columns[0].name, "id");
    same(t->columns[0].type_text, "int(11)");
    table_unref(t);
}

Test(table, lives_until_the_last_reference_is_gone)
{
    struct sides s;
    begin(&s);
    column(&s, "id", MY_TYPE_LONG, 0, "int");
    struct table *t = resolved(&s);
    table_ref(t);
    table_unref(t);
    same(t->columns[0].name, "id");
    table_unref(t);
    table_unref(NULL);
}

Test(table, says_what_differs)
{
    static const struct {
        uint8_t type;
        uint16_t meta;
        const char *text;
        const char *sentence;
    } all[] = {
        {MY_TYPE_VARCHAR, 200, "int(11)", "is VARCHAR of 200 bytes in the binlog and int(11)"},
        {MY_TYPE_LONGLONG, 0, "int(11)", "is BIGINT in the binlog and int(11)"},
        {MY_TYPE_NEWDECIMAL, 10 << 8 | 2, "decimal(10,3)",
         "is DECIMAL(10,2) in the binlog and decimal(10,3)"},
        {MY_TYPE_DATETIME2, 0, "datetime(3)", "is DATETIME(0) in the binlog and datetime(3)"},
        {MY_TYPE_TIME2, 6, "timestamp(6)", "is TIME(6) in the binlog and timestamp(6)"},
        {MY_TYPE_BIT, 8, "bit(9)", "is BIT(8) in the binlog and bit(9)"},
        {MY_TYPE_STRING, 4, "binary(5)", "is CHAR of 4 bytes in the binlog and binary(5)"},
        {MY_TYPE_BLOB, 2, "longblob", "is BLOB with 2 bytes of length in the binlog and longblob"},
        {MY_TYPE_SET, 1, "set('a','b','c','d','e','f','g','h','i')",
         "is SET of 1-byte values in the binlog and set('a','b','c','d','e','f','g','h','i')"},
        {MY_TYPE_JSON, 4, "longtext", "is JSON in the binlog and longtext"},
        {MY_TYPE_TYPED_ARRAY, 0, "json", "is a typed array in the binlog and json"},
        {77, 0, "json", "is type 77 in the binlog and json"},
        {MY_TYPE_STRING, 4, "uuid", "is CHAR of 4 bytes in the binlog and uuid"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct sides s;
        char sentence[256];
        begin(&s);
        column(&s, "id", MY_TYPE_LONG, 0, "int");
        column(&s, "qty", all[i].type, all[i].meta, all[i].text);
        snprintf(sentence, sizeof(sentence), "table shop.item: column 2 `qty` %s in the catalogue",
                 all[i].sentence);
        refused(&s, sentence);
    }
}

Test(table, says_which_of_both_signs_it_met)
{
    struct sides s;
    begin(&s);
    column(&s, "n", MY_TYPE_LONG, 0, "int unsigned");
    s.map_columns[0].has_signedness = true;
    refused(&s, "table shop.item: column 1 `n` is INT (signed) in the binlog and int unsigned in "
                "the catalogue");
    s.map_columns[0].is_unsigned = true;
    table_unref(resolved(&s));
    s.table = NULL;
    s.def_columns[0].column_type = SLICE_LIT("int");
    refused(&s, "table shop.item: column 1 `n` is INT UNSIGNED in the binlog and int in the "
                "catalogue");
}

Test(table, compares_bytes_of_strings_through_the_character_set)
{
    struct sides s;
    begin(&s);
    text_column(&s, "v", MY_TYPE_VARCHAR, 200, "varchar(50)", 0, "utf8mb4_bin");
    table_unref(resolved(&s));
    s.table = NULL;
    s.map_columns[0].meta = 150;
    refused(&s, "table shop.item: column 1 `v` is VARCHAR of 150 bytes in the binlog and "
                "varchar(50) in the catalogue");
    s.def_columns[0].collation = SLICE_LIT("utf8mb3_bin");
    table_unref(resolved(&s));
}

Test(table, knows_compressed_columns)
{
    struct sides s;
    begin(&s);
    text_column(&s, "v", MY_TYPE_VARCHAR_COMPRESSED, 2001, "varchar(500) /*M!100301 COMPRESSED*/",
                45, "utf8mb4_bin");
    column(&s, "b", MY_TYPE_BLOB_COMPRESSED, 2, "blob /*M!100301 COMPRESSED*/");
    table_unref(resolved(&s));
}

Test(table, refuses_other_counts_names_and_character_sets)
{
    struct sides s;
    begin(&s);
    text_column(&s, "v", MY_TYPE_VARCHAR, 50, "varchar(50)", 8, "latin1_bin");
    s.def.column_count = 2;
    refused(&s, "table shop.item: has 1 columns in the binlog and 2 in the catalogue");
    s.def.column_count = 1;
    s.map_columns[0].name = SLICE_LIT("w");
    refused(&s, "table shop.item: column 1 `w` is named `v` in the catalogue");
    s.map_columns[0].name = SLICE_LIT("v");
    s.def_columns[0].collation = SLICE_LIT("cp1251_bin");
    refused(&s, "table shop.item: column 1 `v` has character set latin1 in the binlog and cp1251 "
                "in the catalogue");
    s.map_columns[0].collation = 9999;
    s.def_columns[0].collation = SLICE_LIT("klingon_bin");
    refused(&s, "table shop.item: column 1 `v` has collation klingon_bin, which is not known");
    s.def_columns[0].collation = SLICE_LIT("");
    refused(&s, "table shop.item: column 1 `v` has collation id 9999, which is not known");
    s.map_columns[0].collation = 0;
    refused(&s, "table shop.item: column 1 `v` has no known character set");
    s.map_columns[0].collation = 63;
    refused(
        &s,
        "table shop.item: column 1 `v` is binary in the binlog and varchar(50) in the catalogue");
    s.map_columns[0].collation = 8;
    s.def_columns[0].column_type = SLICE_LIT("varbinary(50)");
    refused(&s, "table shop.item: column 1 `v` has character set latin1 in the binlog and is "
                "varbinary(50) in the catalogue");
    s.def_columns[0].column_type = SLICE_LIT("wibble(50)");
    refused(&s, "table shop.item: column 1 `v` has type wibble(50), which is not known");
    s.map.column_count = 0;
    refused(&s, "table shop.item: has 0 columns in the binlog; 1 to 4096 are possible");
}

Test(table, labels_of_the_binlog_win_and_are_checked)
{
    struct sides s;
    begin(&s);
    text_column(&s, "e", MY_TYPE_ENUM, 1, "enum('caf\u00e9','?')", 8, "latin1_bin");
    s.map_columns[0].members = SLICE_LIT("\x02\x04"
                                         "caf\xe9"
                                         "\x01"
                                         "x");
    struct table *t = resolved(&s); /* '?' in information_schema agrees with any label */
    same(t->columns[0].members[0], "caf\u00e9");
    same(t->columns[0].members[1], "x");
    table_unref(t);
    s.table = NULL;

    s.def_columns[0].column_type = SLICE_LIT("enum('caf\u00e9','y')");
    refused(&s, "table shop.item: column 1 `e` has 'x' as its member 2 in the binlog and 'y' in "
                "the catalogue");
    s.def_columns[0].column_type = SLICE_LIT("enum('caf\u00e9')");
    refused(&s, "table shop.item: column 1 `e` has 2 members in the binlog and 1 in the catalogue");
    s.map_columns[0].members.len--;
    refused(&s, "table shop.item: column 1 `e` has a damaged list of members in the binlog");
    s.map_columns[0].members = SLICE_LIT("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
    refused(&s, "table shop.item: column 1 `e` has a damaged list of members in the binlog");
}

static struct table *rebuilt(struct sides *s)
{
    cr_assert_eq(table_resolve(&s->map, NULL, &s->table, &s->em), ERR_OK, "%s", s->em.text);
    cr_assert(s->table->type_text_rebuilt);
    return s->table;
}

Test(table, full_metadata_is_enough_without_a_catalogue)
{
    static const struct {
        uint8_t type;
        uint16_t meta;
        bool has_signedness, is_unsigned;
        uint32_t collation;
        const char *members, *text;
    } all[] = {
        {MY_TYPE_TINY, 0, true, true, 0, "", "tinyint unsigned"},
        {MY_TYPE_LONGLONG, 0, true, false, 0, "", "bigint"},
        {MY_TYPE_DOUBLE, 8, true, false, 0, "", "double"},
        {MY_TYPE_NEWDECIMAL, 0x411e, true, false, 0, "", "decimal(65,30)"},
        {MY_TYPE_BIT, 12, false, false, 0, "", "bit(12)"},
        {MY_TYPE_YEAR, 0, true, true, 0, "", "year"},
        {MY_TYPE_TIME2, 3, false, false, 0, "", "time(3)"},
        {MY_TYPE_TIMESTAMP2, 0, false, false, 0, "", "timestamp"},
        {MY_TYPE_STRING, 40, false, false, 45, "", "char(10)"},
        {MY_TYPE_STRING, 16, false, false, 63, "", "binary(16)"},
        {MY_TYPE_VARCHAR, 200, false, false, 45, "", "varchar(50)"},
        {MY_TYPE_VARCHAR, 20, false, false, 63, "", "varbinary(20)"},
        {MY_TYPE_VARCHAR_COMPRESSED, 2001, false, false, 45, "", "varchar(500)"},
        {MY_TYPE_BLOB, 1, false, false, 45, "", "tinytext"},
        {MY_TYPE_BLOB, 4, false, false, 63, "", "longblob"},
        {MY_TYPE_ENUM, 1, false, false, 8, "\x02\x01\xe9\x02o'", "enum('\u00e9','o''')"},
        {MY_TYPE_SET, 1, false, false, 45, "\x01\x01z", "set('z')"},
        {MY_TYPE_JSON, 4, false, false, 0, "", "json"},
        {MY_TYPE_GEOMETRY, 4, false, false, 0, "", "geometry"},
        {MY_TYPE_VECTOR, 4, false, false, 0, "", "vector"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct sides s;
        begin(&s);
        column(&s, "", all[i].type, all[i].meta, "");
        struct map_column *m = &s.map_columns[0];
        m->name = SLICE_LIT("c");
        m->has_signedness = all[i].has_signedness;
        m->is_unsigned = all[i].is_unsigned;
        m->collation = all[i].collation;
        m->members = slice_str(all[i].members);
        struct table *t = rebuilt(&s);
        same(t->columns[0].type_text, all[i].text);
        table_unref(t);
    }
}

Test(table, refuses_what_neither_witness_tells)
{
    struct sides s;
    begin(&s);
    column(&s, "", MY_TYPE_LONG, 0, "");
    cr_assert_eq(table_resolve(&s.map, NULL, &s.table, &s.em), ERR_TABLE_MISMATCH);
    cr_assert_str_eq(s.em.text, "table shop.item: is not in the catalogue, and the binlog does not "
                                "name its columns");
    s.map_columns[0].name = SLICE_LIT("n");
    cr_assert_eq(table_resolve(&s.map, NULL, &s.table, &s.em), ERR_TABLE_MISMATCH);
    cr_assert_str_eq(s.em.text,
                     "table shop.item: column 1 `n` is INT in the binlog and in no "
                     "catalogue, and the binlog's metadata does not say enough about it");
    s.map_columns[0].type = MY_TYPE_DATETIME;
    cr_assert_eq(table_resolve(&s.map, NULL, &s.table, &s.em), ERR_TABLE_MISMATCH);
    s.map_columns[0].type = MY_TYPE_ENUM;
    cr_assert_eq(table_resolve(&s.map, NULL, &s.table, &s.em), ERR_TABLE_MISMATCH);
    cr_assert_null(s.table);
}

Test(table, the_primary_key_is_identity_and_partition)
{
    struct sides s;
    uint16_t pk[] = {1, 0}, unique[] = {0};
    begin(&s);
    column(&s, "a", MY_TYPE_LONG, 0, "int");
    column(&s, "b", MY_TYPE_LONG, 0, "int");
    key(&s, true, false, pk, 2);
    key(&s, false, false, unique, 1);
    struct table *t = resolved(&s);
    cr_assert_eq(t->pk_count, 2);
    cr_assert_eq(t->pk[0], 1);
    cr_assert_eq(t->identity_count, 2);
    cr_assert_eq(t->identity[1], 0);
    cr_assert(slice_eq(t->identity_index, SLICE_LIT("PRIMARY")));
    cr_assert_not(t->identity_hashed);
    cr_assert(slice_eq(t->engine, SLICE_LIT("InnoDB")));
    cr_assert_eq(t->partition_count, 2);
    table_unref(t);
}

Test(table, the_first_unique_key_without_nulls_stands_in_for_a_primary_key)
{
    struct sides s;
    uint16_t a[] = {0}, b[] = {1}, c[] = {2};
    begin(&s);
    column(&s, "a", MY_TYPE_LONG, 0, "int");
    column(&s, "b", MY_TYPE_LONG, 0, "int");
    column(&s, "c", MY_TYPE_LONG, 0, "int");
    s.map_columns[0].nullable = true;
    key(&s, false, false, a, 1);
    key(&s, false, true, b, 1);
    key(&s, false, false, c, 1);
    struct table *t = resolved(&s);
    cr_assert_eq(t->pk_count, 0);
    cr_assert_eq(t->identity_count, 1);
    cr_assert_eq(t->identity[0], 2);
    cr_assert(slice_eq(t->identity_index, SLICE_LIT("k")));
    cr_assert_eq(t->partition[0], 2);
    table_unref(t);
}

Test(table, a_unique_key_with_nulls_only_chooses_the_partition)
{
    struct sides s;
    uint16_t a[] = {0};
    begin(&s);
    column(&s, "a", MY_TYPE_LONG, 0, "int");
    s.map_columns[0].nullable = true;
    key(&s, false, false, a, 1);
    struct table *t = resolved(&s);
    cr_assert_eq(t->identity_count, 0);
    cr_assert_eq(t->identity_index.len, 0);
    cr_assert_eq(t->partition_count, 1);
    table_unref(t);
}

Test(table, a_primary_key_over_a_prefix_is_no_identity)
{
    struct sides s;
    begin(&s);
    column(&s, "a", MY_TYPE_BLOB, 2, "blob");
    s.map.has_primary_key = true;
    s.map.key_part_count = 1;
    s.map_parts[0] = (struct map_key_part){.column = 0, .prefix = 10};
    struct table *t = resolved(&s);
    cr_assert_eq(t->pk_count, 1);
    cr_assert_eq(t->identity_count, 0);
    cr_assert_eq(t->partition_count, 1);
    table_unref(t);
}

Test(table, the_binlog_knows_better_what_the_primary_key_is)
{
    struct sides s;
    uint16_t a[] = {0};
    begin(&s);
    column(&s, "a", MY_TYPE_LONG, 0, "int");
    column(&s, "b", MY_TYPE_LONG, 0, "int");
    key(&s, true, false, a, 1);
    s.map.has_primary_key = true;
    s.map.key_part_count = 1;
    s.map_parts[0].column = 1;
    struct table *t = resolved(&s);
    cr_assert_eq(t->pk[0], 1);
    table_unref(t);
    s.table = NULL;
    s.map_parts[0].column = 2;
    refused(&s, "table shop.item: has a key over column 3, but only 2 columns");
}

Test(table, a_unique_key_that_mysql_promotes_is_no_primary_key)
{
    struct sides s;
    uint16_t a[] = {0}, b[] = {1};
    begin(&s);
    column(&s, "a", MY_TYPE_LONG, 0, "int");
    column(&s, "b", MY_TYPE_LONG, 0, "int");
    key(&s, false, false, a, 1);
    key(&s, false, false, b, 1);
    s.map.has_primary_key = true;
    s.map.key_part_count = 1;
    s.map_parts[0].column = 1;
    struct table *t = resolved(&s);
    cr_assert_eq(t->pk_count, 0);
    cr_assert_eq(t->identity_count, 1);
    cr_assert_eq(t->identity[0], 0, "the same as without metadata");
    table_unref(t);
}

Test(table, a_hidden_generated_primary_key_is_added_in_front)
{
    struct sides s;
    uint16_t unique[] = {0};
    begin(&s);
    column(&s, "", MY_TYPE_LONGLONG, 0, "");
    s.def.column_count = 0;
    column(&s, "a", MY_TYPE_LONG, 0, "int");
    key(&s, false, false, unique, 1);
    s.map.flags = TABLE_MAP_FLAG_GIPK;
    struct table *t = resolved(&s);
    same(t->columns[0].name, "my_row_id");
    same(t->columns[0].type_text, "bigint unsigned");
    cr_assert(t->columns[0].is_unsigned && t->columns[0].invisible);
    same(t->columns[1].name, "a");
    cr_assert_eq(t->pk_count, 1);
    cr_assert_eq(t->pk[0], 0);
    table_unref(t);
    s.table = NULL;
    s.map.flags = 0;
    refused(&s, "table shop.item: has 2 columns in the binlog and 1 in the catalogue");
}

Test(table, system_versioning_adds_its_two_columns_at_the_end)
{
    struct sides s;
    begin(&s);
    column(&s, "a", MY_TYPE_LONG, 0, "int");
    column(&s, "", MY_TYPE_TIMESTAMP2, 6, "");
    column(&s, "", MY_TYPE_TIMESTAMP2, 6, "");
    s.def.column_count = 1;
    s.def.system_versioned = true;
    struct table *t = resolved(&s);
    same(t->columns[1].name, "row_start");
    same(t->columns[2].name, "row_end");
    same(t->columns[2].type_text, "timestamp(6)");
    cr_assert(t->columns[2].invisible);
    table_unref(t);
    s.table = NULL;
    s.def.system_versioned = false;
    refused(&s, "table shop.item: has 3 columns in the binlog and 1 in the catalogue");
}

Test(table, hashes_of_long_unique_keys_are_added_at_the_end_and_hidden)
{
    struct sides s;
    uint16_t a[] = {0};
    begin(&s);
    text_column(&s, "a", MY_TYPE_BLOB, 2, "text", 0, "latin1_bin");
    column(&s, "", MY_TYPE_LONGLONG, 0, "");
    s.def.column_count = 1;
    key(&s, false, false, a, 1);
    refused(&s, "table shop.item: has 2 columns in the binlog and 1 in the catalogue");
    s.keys[0].hash = true;
    struct table *t = resolved(&s);
    same(t->columns[1].name, "DB_ROW_HASH_1");
    same(t->columns[1].type_text, "bigint unsigned");
    cr_assert(t->columns[1].hidden && !t->columns[0].hidden);
    cr_assert_eq(t->identity[0], 0);
    table_unref(t);
    s.table = NULL;

    s.def.engine = SLICE_LIT("MEMORY"); /* which has real hash indexes */
    refused(&s, "table shop.item: has 2 columns in the binlog and 1 in the catalogue");

    s.map_columns[0].name = SLICE_LIT("a");
    s.map_columns[0].collation = 8;
    s.map_columns[1].name = SLICE_LIT("DB_ROW_HASH_1");
    s.map_columns[1].has_signedness = true;
    t = rebuilt(&s);
    cr_assert(t->columns[1].hidden && !t->columns[0].hidden);
    table_unref(t);
}

Test(table, old_temporal_forms_take_their_fraction_from_the_catalogue)
{
    struct sides s;
    begin(&s);
    column(&s, "a", MY_TYPE_TIME, 0, "time(3)");
    column(&s, "b", MY_TYPE_DATETIME, 0, "datetime");
    struct table *t = resolved(&s);
    cr_assert(t->columns[0].hires_old_temporal);
    cr_assert_eq(t->columns[0].fsp, 3);
    cr_assert(!t->columns[1].hires_old_temporal);
    table_unref(t);
}
