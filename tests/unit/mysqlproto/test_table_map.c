#include "mysqlproto/binlog/table_map.h"

#include "base/reader.h"
#include "binlog_build.h"

static struct binlog_map_scratch scratch;

static struct binlog_format format(bool is_mariadb)
{
    struct binlog_format f;
    binlog_format_init(&f, false);
    f.is_mariadb = is_mariadb;
    return f;
}

/* Table 0x46, flags 1, "d"."t", then what the test says, as hex. */
static struct slice map_body(const char *definition)
{
    struct writer *w = new_writer();
    writer_slice_put(w, hex("460000000000 0100 01 6400 01 7400"));
    writer_slice_put(w, hex(definition));
    return writer_slice(w);
}

static enum err parse_as(bool is_mariadb, const char *definition, struct table_map *map)
{
    struct binlog_format f = format(is_mariadb);
    return binlog_table_map_parse(&f, map_body(definition), &scratch, map);
}

static enum err parse(const char *definition, struct table_map *map)
{
    return parse_as(false, definition, map);
}

Test(table_map, names_types_metadata_and_nullability)
{
    /* INT, VARCHAR(100), DECIMAL(10,4), DATETIME2(3); the second and the fourth may be NULL */
    static const char def[] = "04 03 0f f6 12  05 6400 0a04 03  0a";
    struct table_map map;
    cr_assert_eq(parse(def, &map), ERR_OK);
    cr_expect_eq(map.table_id, 0x46);
    cr_expect_eq(map.flags, 1);
    EXPECT_SLICE(map.database, "d");
    EXPECT_SLICE(map.name, "t");
    cr_expect(slice_eq(map.raw, hex(def)));
    cr_assert_eq(map.column_count, 4);
    cr_expect_eq(map.columns[0].type, MY_TYPE_LONG);
    cr_expect_eq(map.columns[1].meta, 100);
    cr_expect_eq(map.columns[2].meta, 10 << 8 | 4);
    cr_expect_eq(map.columns[3].meta, 3);
    cr_expect_not(map.columns[0].nullable);
    cr_expect(map.columns[1].nullable);
    cr_expect_not(map.columns[2].nullable);
    cr_expect(map.columns[3].nullable);
    cr_expect_not(map.columns[0].has_signedness);
    cr_expect_not(map.has_primary_key);
    cr_expect_eq(map.columns[0].name.len, 0);
    struct binlog_format f = format(false);
    REFUSES_ALL_CUTS(map_body(def), binlog_table_map_parse(&f, cut, &scratch, &map));
}

Test(table_map, the_head_alone_gives_id_names_and_raw_definition)
{
    struct binlog_format f = format(false);
    struct binlog_map_head h;
    struct slice body = map_body("01 03 00 00");
    cr_assert_eq(binlog_table_map_head(&f, body, &h), ERR_OK);
    cr_expect_eq(h.table_id, 0x46);
    EXPECT_SLICE(h.name, "t");
    cr_expect(slice_eq(h.raw, hex("01 03 00 00")));
    uint64_t id;
    cr_assert_eq(binlog_table_id(&f, BINLOG_TABLE_MAP, body, &id), ERR_OK);
    cr_expect_eq(id, 0x46);
    f.post_header_len[BINLOG_TABLE_MAP] = 6;
    cr_assert_eq(binlog_table_id(&f, BINLOG_TABLE_MAP, hex("46000000 ffff"), &id), ERR_OK);
    cr_expect_eq(id, 0x46, "ids of 4 bytes");
}

Test(table_map, char_enum_and_set_share_a_type_code)
{
    /* CHAR(10) utf8mb4, CHAR(255) utf8mb4, ENUM of 2 bytes, SET of 8 bytes, a very old CHAR(7) */
    struct table_map map;
    cr_assert_eq(parse("05 fe fe fe fe fe  0a fe28 eefc f702 f808 0007  00", &map), ERR_OK);
    cr_expect_eq(map.columns[0].type, MY_TYPE_STRING);
    cr_expect_eq(map.columns[0].meta, 40);
    cr_expect_eq(map.columns[1].type, MY_TYPE_STRING);
    cr_expect_eq(map.columns[1].meta, 252 | ((0xee & 0x30) ^ 0x30) << 4);
    cr_expect_eq(map.columns[2].type, MY_TYPE_ENUM);
    cr_expect_eq(map.columns[2].meta, 2);
    cr_expect_eq(map.columns[3].type, MY_TYPE_SET);
    cr_expect_eq(map.columns[3].meta, 8);
    cr_expect_eq(map.columns[4].type, MY_TYPE_STRING);
    cr_expect_eq(map.columns[4].meta, 7);
    cr_assert_eq(parse("01 fe 02 cefc 00", &map), ERR_OK);
    cr_expect_eq(map.columns[0].meta, 1020);
}

Test(table_map, bit_lengths_are_put_together)
{
    struct table_map map;
    cr_assert_eq(parse("03 10 10 10 06 0100 0401 0008 00", &map), ERR_OK);
    cr_expect_eq(map.columns[0].meta, 1);
    cr_expect_eq(map.columns[1].meta, 12);
    cr_expect_eq(map.columns[2].meta, 64);
}

Test(table_map, metadata_that_cannot_be_is_refused)
{
    static const char *const bad[] = {
        "01 04 01 05 00",   /* FLOAT of 5 bytes */
        "01 05 01 04 00",   /* DOUBLE of 4 */
        "01 12 01 07 00",   /* DATETIME(7) */
        "01 fc 01 00 00",   /* BLOB without a length */
        "01 fc 01 05 00",   /* BLOB with 5 bytes of length */
        "01 10 02 0000 00", /* BIT(0) */
        "01 10 02 0108 00", /* BIT(65) */
        "01 10 02 0800 00", /* 8 odd bits */
        "01 f6 02 0000 00", /* DECIMAL(0,0) */
        "01 f6 02 4200 00", /* DECIMAL(66,0) */
        "01 f6 02 0506 00", /* DECIMAL(5,6) */
        "01 fe 02 f703 00", /* ENUM of 3 bytes */
        "01 fe 02 f805 00", /* SET of 5 bytes */
        "01 03 01 00 00",   /* metadata left over */
        "01 0f 01 64 00",   /* metadata short */
        "00 00",            /* no columns */
        "fd 01 10 00 00",   /* more columns than a table can have */
        "fb 00",            /* NULL for a number */
    };
    struct table_map map;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_neq(parse(bad[i], &map), ERR_OK, "%s", bad[i]);
    static const char *const unknown[] = {"01 14 03 0f 6400 00", "01 14 00 00", "01 64 00 00",
                                          "01 00 00 00"};
    for (unsigned i = 0; i < sizeof unknown / sizeof *unknown; i++)
        cr_expect_eq(parse(unknown[i], &map), ERR_UNSUPPORTED, "%s", unknown[i]);
}

Test(table_map, signedness_counts_numeric_columns_only_most_significant_bit_first)
{
    /* INT, VARCHAR, BIGINT, YEAR, DECIMAL: bits 0, 1, 0, 1 */
    struct table_map map;
    cr_assert_eq(parse("05 03 0f 08 0d f6  04 0a00 0a00 00  01 01 50", &map), ERR_OK);
    static const bool known[] = {true, false, true, true, true};
    static const bool is_unsigned[] = {false, false, true, false, true};
    for (unsigned i = 0; i < 5; i++) {
        cr_expect_eq(map.columns[i].has_signedness, known[i]);
        cr_expect_eq(map.columns[i].is_unsigned, is_unsigned[i]);
    }
    cr_expect_eq(parse("01 03 00 00  01 00", &map), ERR_MALFORMED, "no bit for the column");
}

Test(table_map, character_sets_come_in_two_forms)
{
    /* VARCHAR, INT, TEXT, CHAR: usual 45, the second character column 63 */
    struct table_map map;
    cr_assert_eq(parse("04 0f 03 fc fe  05 0a00 02 fe28 00  02 03 2d 01 3f", &map), ERR_OK);
    cr_expect_eq(map.columns[0].collation, 45);
    cr_expect_eq(map.columns[1].collation, 0);
    cr_expect_eq(map.columns[2].collation, 63);
    cr_expect_eq(map.columns[3].collation, 45);
    cr_assert_eq(parse("04 0f 03 fc fe  05 0a00 02 fe28 00  03 05 fc0009 3f 2d", &map), ERR_OK);
    cr_expect_eq(map.columns[0].collation, 2304);
    cr_expect_eq(map.columns[2].collation, 63);
    cr_expect_eq(map.columns[3].collation, 45);
    static const char *const bad[] = {
        "04 0f 03 fc fe  05 0a00 02 fe28 00  02 03 2d 03 3f",       /* there is no fourth one */
        "04 0f 03 fc fe  05 0a00 02 fe28 00  02 05 2d 01 3f 01 3f", /* twice the same */
        "04 0f 03 fc fe  05 0a00 02 fe28 00  02 02 2d 01",
        "04 0f 03 fc fe  05 0a00 02 fe28 00  03 02 2d 2d",
        "01 0f 02 0a00 00  03 04 fd000001", /* an id over 16 bits */
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(parse(bad[i], &map), ERR_MALFORMED, "%s", bad[i]);
}

Test(table_map, mariadb_counts_geometry_among_the_character_columns)
{
    static const char def[] = "02 ff 0f 03 04 0a00 00  03 02 3f 2d";
    struct table_map map;
    cr_assert_eq(parse_as(true, def, &map), ERR_OK);
    cr_expect_eq(map.columns[0].collation, 63);
    cr_expect_eq(map.columns[1].collation, 45);
    cr_assert_eq(parse_as(false, "02 ff 0f 03 04 0a00 00  03 01 2d", &map), ERR_OK);
    cr_expect_eq(map.columns[0].collation, 0);
    cr_expect_eq(map.columns[1].collation, 45);
}

Test(table_map, full_metadata_names_columns_keys_and_labels)
{
    /* INT id, ENUM('a','bc') e, SET('x') s; key (id), second column invisible */
    struct table_map map;
    cr_assert_eq(parse("03 03 fe fe  04 f701 f801  06"
                       "04 07 02 6964 01 65 01 73"
                       "06 06 02 01 61 02 6263"
                       "05 03 01 01 78"
                       "08 01 00"
                       "0c 01 a0"
                       "0b 02 2d 2e"
                       "63 02 0000", /* a field of the future */
                       &map),
                 ERR_OK);
    EXPECT_SLICE(map.columns[0].name, "id");
    EXPECT_SLICE(map.columns[1].name, "e");
    EXPECT_SLICE(map.columns[2].name, "s");
    cr_expect(map.has_primary_key);
    cr_assert_eq(map.key_part_count, 1);
    cr_expect_eq(map.key_parts[0].column, 0);
    cr_expect_eq(map.columns[1].collation, 45);
    cr_expect_eq(map.columns[2].collation, 46);
    cr_expect(map.columns[0].has_visibility);
    cr_expect_not(map.columns[0].invisible);
    cr_expect(map.columns[1].invisible);
    struct reader r;
    uint32_t n;
    cr_assert_eq(binlog_members_begin(map.columns[1].members, &r, &n), ERR_OK);
    cr_assert_eq(n, 2);
    EXPECT_SLICE(reader_lenenc_str(&r), "a");
    EXPECT_SLICE(reader_lenenc_str(&r), "bc");
    cr_expect_eq(reader_left(&r), 0);
}

Test(table_map, full_metadata_without_a_key_says_that_there_is_none)
{
    struct table_map map;
    cr_assert_eq(parse("01 03 00 00  04 02 01 61", &map), ERR_OK);
    cr_expect(map.has_primary_key);
    cr_expect_eq(map.key_part_count, 0);
}

Test(table_map, key_prefixes_and_vector_and_geometry_fields)
{
    struct table_map map;
    cr_assert_eq(parse("04 0f fc f2 ff  05 0a00 02 04 04 00"
                       "09 04 01 05 00 00  0d 02 fc00 01  07 01 03",
                       &map),
                 ERR_MALFORMED, "a number that is cut within its field");
    cr_assert_eq(parse("04 0f fc f2 ff  05 0a00 02 04 04 00"
                       "09 04 01 05 00 00  0d 03 fc0001  07 01 03",
                       &map),
                 ERR_OK);
    cr_assert_eq(map.key_part_count, 2);
    cr_expect_eq(map.key_parts[0].column, 1);
    cr_expect_eq(map.key_parts[0].prefix, 5);
    cr_expect_eq(map.key_parts[1].prefix, 0);
    cr_expect_eq(map.columns[2].vector_dimensions, 256);
    cr_expect(map.columns[3].has_geometry_type);
    cr_expect_eq(map.columns[3].geometry_type, 3);
}

Test(table_map, optional_metadata_that_does_not_fit_is_refused)
{
    static const char *const bad[] = {
        "01 03 00 00  08 01 01",         /* key over a column that is not there */
        "01 03 00 00  08 02 00 00",      /* more key parts than columns */
        "01 03 00 00  09 01 00",         /* no prefix length */
        "01 03 00 00  04 02 05 61",      /* a name longer than its field */
        "01 03 00 00  04 00",            /* no name */
        "01 03 00 00  04 09 01 61",      /* a field longer than the event */
        "01 fe 02 f701 00  06 02 05 61", /* five labels in one byte */
        "01 fe 02 f701 00  06 02 01 05", /* a label longer than its field */
        "01 03 00 00  0c 00",            /* no visibility bit */
        "01 03 00 00  01",               /* no length */
    };
    struct table_map map;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_neq(parse(bad[i], &map), ERR_OK, "%s", bad[i]);
}

Test(table_map, the_scratch_is_used_again)
{
    struct table_map map;
    cr_assert_eq(parse("02 03 03 00 00", &map), ERR_OK);
    struct map_column *columns = map.columns;
    cr_assert_eq(parse("01 03 00 00", &map), ERR_OK);
    cr_expect_eq(map.columns, columns);
    cr_expect_eq(scratch.columns_cap, 2);
    binlog_map_scratch_fini(&scratch);
}
