#include "mysqlproto/binlog/row_plan.h"

#include "row_build.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* One value of one column, decoded in all three ways, which must agree. */
static enum err decode_one(struct column c, const char *bytes, struct cell *cell)
{
    struct row_plan *p = plan_of(&c, 1);
    struct row_scratch *s = new_scratch(1 << 20);
    struct writer *w = new_writer();
    writer_u8(w, 0xFE); /* not NULL; the bits past the last column are set, as servers do */
    writer_slice_put(w, hex(bytes));
    struct slice image = writer_slice(w);
    struct reader r = reader_of(image), skip = reader_of(image);
    static const uint8_t partial[] = {0xFF};
    enum err e = row_decode(p, row_all_present, &r, s, cell);
    struct cell other;
    struct reader again = reader_of(image);
    cr_expect_eq(row_decode(p, partial, &again, s, &other), e);
    static const uint16_t column = 0;
    cr_expect_eq(row_decode_columns(p, row_all_present, image, &column, 1, s, &other), e);
    if (e == ERR_OK) {
        cr_expect_eq(other.kind, cell->kind);
        cr_expect_eq(row_skip(p, row_all_present, &skip), ERR_OK);
        cr_expect_eq(skip.p, r.p);
        cr_expect_eq(reader_left(&r), 0, "%s: bytes are left", bytes);
        for (size_t n = 0; n < image.len; n++) {
            uint8_t *copy = malloc(n + 1);
            memcpy(copy, image.ptr, n);
            struct slice cut = slice_of(copy, n);
            again = skip = reader_of(cut);
            cr_expect_eq(row_decode(p, row_all_present, &again, s, &other), ERR_TRUNCATED);
            cr_expect_eq(row_skip(p, row_all_present, &skip), ERR_TRUNCATED);
            cr_expect_eq(row_decode_columns(p, row_all_present, cut, &column, 1, s, &other),
                         ERR_TRUNCATED);
            again = reader_of(cut);
            cr_expect_eq(row_decode(p, partial, &again, s, &other), ERR_TRUNCATED);
            free(copy);
        }
    }
    row_plan_free(p);
    return e;
}

static struct cell one(struct column c, const char *bytes)
{
    struct cell cell;
    cr_assert_eq(decode_one(c, bytes, &cell), ERR_OK, "%s", bytes);
    return cell;
}

static enum err refused(struct column c, const char *bytes)
{
    struct cell cell;
    return decode_one(c, bytes, &cell);
}

Test(row_plan, integers_of_every_size_with_and_without_sign)
{
    static const struct {
        uint8_t type;
        const char *bytes;
        int64_t value;
    } cases[] = {
        {MY_TYPE_TINY, "80", -128},
        {MY_TYPE_TINY, "7f", 127},
        {MY_TYPE_SHORT, "0080", -32768},
        {MY_TYPE_SHORT, "ff7f", 32767},
        {MY_TYPE_INT24, "000080", -8388608},
        {MY_TYPE_INT24, "ffff7f", 8388607},
        {MY_TYPE_INT24, "ffffff", -1},
        {MY_TYPE_LONG, "00000080", INT32_MIN},
        {MY_TYPE_LONG, "ffffff7f", INT32_MAX},
        {MY_TYPE_LONGLONG, "0000000000000080", INT64_MIN},
        {MY_TYPE_LONGLONG, "ffffffffffffff7f", INT64_MAX},
    };
    for (unsigned i = 0; i < COUNT(cases); i++) {
        struct cell c = one(col(cases[i].type, 0), cases[i].bytes);
        cr_expect_eq(c.kind, CELL_I64);
        cr_expect_eq(c.i64, cases[i].value, "%s", cases[i].bytes);
    }
    static const struct {
        uint8_t type;
        const char *bytes;
        uint64_t value;
    } positive[] = {
        {MY_TYPE_TINY, "ff", 255},
        {MY_TYPE_SHORT, "ffff", 65535},
        {MY_TYPE_INT24, "ffffff", 16777215},
        {MY_TYPE_LONG, "ffffffff", UINT32_MAX},
        {MY_TYPE_LONGLONG, "ffffffffffffffff", UINT64_MAX},
    };
    for (unsigned i = 0; i < COUNT(positive); i++) {
        struct cell c = one(col_unsigned(positive[i].type), positive[i].bytes);
        cr_expect_eq(c.kind, CELL_U64);
        cr_expect_eq(c.u64, positive[i].value);
    }
}

Test(row_plan, floats_years_bits_and_decimals)
{
    cr_expect_eq(one(col(MY_TYPE_FLOAT, 4), "0000c03f").f32, 1.5f);
    cr_expect_eq(one(col(MY_TYPE_DOUBLE, 8), "000000000000f8bf").f64, -1.5);
    cr_expect_eq(one(col(MY_TYPE_YEAR, 0), "00").u64, 0);
    cr_expect_eq(one(col(MY_TYPE_YEAR, 0), "01").u64, 1901);
    cr_expect_eq(one(col(MY_TYPE_YEAR, 0), "ff").u64, 2155);
    cr_expect_eq(one(col(MY_TYPE_BIT, 1), "01").u64, 1);
    cr_expect_eq(one(col(MY_TYPE_BIT, 12), "0aaa").u64, 0xaaa);
    cr_expect_eq(one(col(MY_TYPE_BIT, 64), "8000000000000001").u64, UINT64_C(0x8000000000000001));
    struct cell c = one(col(MY_TYPE_NEWDECIMAL, 14 << 8 | 4), "810dfb38d204d2");
    cr_expect_eq(c.kind, CELL_DECIMAL);
    cr_expect(slice_eq(c.raw, hex("810dfb38d204d2")));
    struct cell wide = one(col(MY_TYPE_NEWDECIMAL, 65 << 8 | 30),
                           "800000000000000000000000000000000000000000000000000000000000");
    cr_expect_eq(wide.raw.len, 30);
}

Test(row_plan, enum_and_set_are_numbers)
{
    cr_expect_eq(one(col(MY_TYPE_ENUM, 1), "03").u64, 3);
    cr_expect_eq(one(col(MY_TYPE_ENUM, 2), "0102").u64, 513);
    cr_expect_eq(one(col(MY_TYPE_SET, 1), "05").u64, 5);
    cr_expect_eq(one(col(MY_TYPE_SET, 2), "0501").u64, 0x105);
    cr_expect_eq(one(col(MY_TYPE_SET, 3), "050100").u64, 0x105);
    cr_expect_eq(one(col(MY_TYPE_SET, 4), "00000080").u64, UINT64_C(0x80000000));
    cr_expect_eq(one(col(MY_TYPE_SET, 8), "0000000000000080").u64, UINT64_C(1) << 63);
}

static void expect_civil(struct cell c, enum cell_kind kind, struct civil want, const char *what)
{
    cr_expect_eq(c.kind, kind, "%s", what);
    cr_expect_eq(c.civil.year, want.year, "%s", what);
    cr_expect_eq(c.civil.month, want.month, "%s", what);
    cr_expect_eq(c.civil.day, want.day, "%s", what);
    cr_expect_eq(c.civil.hour, want.hour, "%s", what);
    cr_expect_eq(c.civil.minute, want.minute, "%s", what);
    cr_expect_eq(c.civil.second, want.second, "%s", what);
    cr_expect_eq(c.civil.us, want.us, "%s", what);
    cr_expect_eq(c.civil.negative, want.negative, "%s", what);
}

/* The vectors of times and dates in the MySQL source documentation's forms. */
Test(row_plan, current_times)
{
    static const struct {
        uint8_t fsp;
        const char *bytes;
        struct civil value;
    } cases[] = {
        {0, "801083", {.hour = 1, .minute = 2, .second = 3}},
        {0, "4b9105", {.negative = true, .hour = 838, .minute = 59, .second = 59}},
        {0, "b46efb", {.hour = 838, .minute = 59, .second = 59}},
        {0, "800000", {0}},
        {1, "7ffffff6", {.negative = true, .us = 100000}},
        {3, "7fef7cec78", {.negative = true, .hour = 1, .minute = 2, .second = 3, .us = 500000}},
        {6, "7fffffffffff", {.negative = true, .us = 1}},
    };
    for (unsigned i = 0; i < COUNT(cases); i++)
        expect_civil(one(col(MY_TYPE_TIME2, cases[i].fsp), cases[i].bytes), CELL_TIME,
                     cases[i].value, cases[i].bytes);
    static const char *const bad[] = {"b47000", "800f3c", "80003c"}; /* 839 h, 60 min, 60 s */
    for (unsigned i = 0; i < COUNT(bad); i++)
        cr_expect_eq(refused(col(MY_TYPE_TIME2, 0), bad[i]), ERR_MALFORMED, "%s", bad[i]);
    cr_expect_eq(refused(col(MY_TYPE_TIME2, 6), "8000000f4240"), ERR_MALFORMED, "a second of us");
}

Test(row_plan, current_dates_and_instants)
{
    struct civil day = {.year = 2024, .month = 1, .day = 2, .hour = 3, .minute = 4, .second = 5};
    expect_civil(one(col(MY_TYPE_DATETIME2, 0), "99b2443105"), CELL_DATETIME, day, "fsp 0");
    day.us = 678900;
    expect_civil(one(col(MY_TYPE_DATETIME2, 4), "99b24431051a85"), CELL_DATETIME, day, "fsp 4");
    expect_civil(one(col(MY_TYPE_DATETIME2, 0), "8000000000"), CELL_DATETIME, (struct civil){0},
                 "zero");
    cr_expect_eq(refused(col(MY_TYPE_DATETIME2, 0), "7fffffffff"), ERR_MALFORMED);
    cr_expect_eq(refused(col(MY_TYPE_DATETIME2, 0), "ffffffffff"), ERR_MALFORMED);

    expect_civil(one(col(MY_TYPE_DATE, 0), "5dd00f"), CELL_DATE,
                 (struct civil){.year = 2024, .month = 2, .day = 29}, "date");
    expect_civil(one(col(MY_TYPE_DATE, 0), "000000"), CELL_DATE, (struct civil){0}, "zero date");
    expect_civil(one(col(MY_TYPE_DATE, 0), "5fd00f"), CELL_DATE,
                 (struct civil){.year = 2024, .month = 2, .day = 31}, "31 February");
    cr_expect_eq(refused(col(MY_TYPE_DATE, 0), "ffffff"), ERR_MALFORMED);
    cr_expect_eq(refused(col(MY_TYPE_DATE, 0), "a1d10f"), ERR_MALFORMED, "month 13");

    struct cell c = one(col(MY_TYPE_TIMESTAMP2, 0), "ffffffff");
    cr_expect_eq(c.kind, CELL_TIMESTAMP);
    cr_expect_eq(c.stamp.seconds, UINT32_MAX, "to 2106");
    c = one(col(MY_TYPE_TIMESTAMP2, 2), "7fffffff63");
    cr_expect_eq(c.stamp.seconds, INT32_MAX);
    cr_expect_eq(c.stamp.us, 990000);
    c = one(col(MY_TYPE_TIMESTAMP2, 6), "000000010f423f");
    cr_expect_eq(c.stamp.us, 999999);
    cr_expect_eq(refused(col(MY_TYPE_TIMESTAMP2, 6), "00000001ffffff"), ERR_MALFORMED);
}

static struct column hires(uint8_t type, uint8_t fsp)
{
    struct column c = col(type, 0);
    c.hires_old_temporal = true;
    c.fsp = fsp;
    return c;
}

/* Bytes that MariaDB 10.11 wrote with mysql56_temporal_format=OFF. */
Test(row_plan, old_temporal_forms_and_mariadbs_finer_ones)
{
    expect_civil(one(col(MY_TYPE_TIME, 0), "590a80"), CELL_TIME,
                 (struct civil){.negative = true, .hour = 838, .minute = 59, .second = 59}, "old");
    expect_civil(one(hires(MY_TYPE_TIME, 0), "590a80"), CELL_TIME,
                 (struct civil){.negative = true, .hour = 838, .minute = 59, .second = 59},
                 "fsp 0");
    expect_civil(
        one(hires(MY_TYPE_TIME, 3), "00b15478eb"), CELL_TIME,
        (struct civil){.negative = true, .hour = 12, .minute = 34, .second = 56, .us = 789000},
        "TIME(3)");
    expect_civil(one(hires(MY_TYPE_TIME, 6), "02c9c9b89801"), CELL_TIME,
                 (struct civil){.hour = 12, .minute = 34, .second = 56, .us = 1}, "TIME(6)");
    expect_civil(
        one(col(MY_TYPE_DATETIME, 0), "f77cac8b68120000"), CELL_DATETIME,
        (struct civil){.year = 2024, .month = 2, .day = 29, .hour = 23, .minute = 59, .second = 59},
        "old DATETIME");
    expect_civil(one(hires(MY_TYPE_DATETIME, 1), "0053b10a0f05"), CELL_DATETIME,
                 (struct civil){.year = 1000, .month = 1, .day = 1, .us = 500000}, "DATETIME(1)");
    expect_civil(one(hires(MY_TYPE_DATETIME, 6), "04fcee3943bfffff"), CELL_DATETIME,
                 (struct civil){.year = 9999,
                                .month = 12,
                                .day = 31,
                                .hour = 23,
                                .minute = 59,
                                .second = 59,
                                .us = 999999},
                 "DATETIME(6)");
    struct cell c = one(col(MY_TYPE_TIMESTAMP, 0), "c071e065");
    cr_expect_eq(c.stamp.seconds, 1709208000);
    c = one(hires(MY_TYPE_TIMESTAMP, 2), "7fffffff63");
    cr_expect_eq(c.stamp.us, 990000);
    c = one(hires(MY_TYPE_TIMESTAMP, 6), "00015181000001");
    cr_expect_eq(c.stamp.seconds, 86401);
    cr_expect_eq(c.stamp.us, 1);
    cr_expect_eq(refused(hires(MY_TYPE_TIMESTAMP, 2), "7fffffff64"), ERR_MALFORMED);
    cr_expect_eq(refused(col(MY_TYPE_DATETIME, 0), "ffffffffffffffff"), ERR_MALFORMED);
    cr_expect_eq(refused(hires(MY_TYPE_DATETIME, 6), "ffffffffffffffff"), ERR_MALFORMED);
    cr_expect_eq(refused(hires(MY_TYPE_TIME, 6), "ffffffffffff"), ERR_MALFORMED);
    cr_expect_eq(refused(col(MY_TYPE_TIME, 0), "ffff7f"), ERR_MALFORMED, "8388607 is 83:88:607");
}

/* The size of every old form with a fraction, by type and fsp. */
Test(row_plan, sizes_of_mariadbs_finer_forms)
{
    static const uint8_t sizes[3][7] = {
        {3, 4, 4, 5, 5, 5, 6}, {8, 6, 6, 7, 7, 7, 8}, {4, 5, 5, 6, 6, 7, 7}};
    static const uint8_t types[] = {MY_TYPE_TIME, MY_TYPE_DATETIME, MY_TYPE_TIMESTAMP};
    for (unsigned t = 0; t < 3; t++)
        for (uint8_t fsp = 0; fsp < 7; fsp++) {
            struct column c = hires(types[t], fsp);
            struct row_plan *p = plan_of(&c, 1);
            uint8_t image[16] = {0};
            struct reader r = reader_of(slice_of(image, sizeof image));
            cr_assert_eq(row_skip(p, row_all_present, &r), ERR_OK);
            cr_expect_eq(r.p - image, 1 + sizes[t][fsp], "type %u, fsp %u", types[t], fsp);
            row_plan_free(p);
        }
}

Test(row_plan, strings_with_prefixes_of_every_size)
{
    struct cell c = one(col(MY_TYPE_VARCHAR, 255), "03 616263");
    cr_expect_eq(c.kind, CELL_BYTES);
    EXPECT_SLICE(c.raw, "abc");
    EXPECT_SLICE(one(col(MY_TYPE_VARCHAR, 256), "0300 616263").raw, "abc");
    EXPECT_SLICE(one(col(MY_TYPE_STRING, 255), "03 616263").raw, "abc");
    EXPECT_SLICE(one(col(MY_TYPE_STRING, 1020), "0300 616263").raw, "abc");
    EXPECT_SLICE(one(col(MY_TYPE_BLOB, 1), "03 616263").raw, "abc");
    EXPECT_SLICE(one(col(MY_TYPE_BLOB, 2), "0300 616263").raw, "abc");
    EXPECT_SLICE(one(col(MY_TYPE_BLOB, 3), "030000 616263").raw, "abc");
    EXPECT_SLICE(one(col(MY_TYPE_BLOB, 4), "03000000 616263").raw, "abc");
    EXPECT_SLICE(one(col(MY_TYPE_GEOMETRY, 4), "03000000 616263").raw, "abc");
    EXPECT_SLICE(one(col(MY_TYPE_VECTOR, 4), "03000000 616263").raw, "abc");
    cr_expect_eq(one(col(MY_TYPE_VARCHAR, 10), "00").raw.len, 0);
    c = one(col(MY_TYPE_JSON, 4), "02000000 0401");
    cr_expect_eq(c.kind, CELL_JSON);
    cr_expect_eq(c.raw.len, 2);
    cr_expect_eq(refused(col(MY_TYPE_BLOB, 4), "ffffffff 616263"), ERR_TRUNCATED);
}

Test(row_plan, binary_is_padded_to_its_length)
{
    struct column c = col(MY_TYPE_STRING, 4);
    c.fixed_len = 4;
    cr_expect(slice_eq(one(c, "02 6162").raw, hex("61620000")));
    cr_expect(slice_eq(one(c, "04 61626364").raw, hex("61626364")));
    cr_expect(slice_eq(one(c, "00").raw, hex("00000000")));
    cr_expect_eq(refused(c, "05 6162636465"), ERR_MALFORMED);
}

Test(row_plan, mariadbs_compressed_columns_are_expanded)
{
    struct column c = col(MY_TYPE_VARCHAR_COMPRESSED, 100);
    cr_expect_eq(one(c, "00").raw.len, 0);
    EXPECT_SLICE(one(c, "04 00616263").raw, "abc");
    struct libdeflate_compressor *z = libdeflate_alloc_compressor(6);
    uint8_t text[100], packed[200];
    memset(text, 'x', sizeof text);
    for (unsigned raw = 0; raw < 2; raw++) {
        size_t n = raw ? libdeflate_deflate_compress(z, text, sizeof text, packed, sizeof packed)
                       : libdeflate_zlib_compress(z, text, sizeof text, packed, sizeof packed);
        struct writer *w = new_writer();
        writer_printf(w, "%02zx %02x 64 ", n + 2, raw ? 0x89 : 0x81);
        for (size_t i = 0; i < n; i++)
            writer_printf(w, "%02x", packed[i]);
        writer_u8(w, 0);
        struct cell cell = one(c, (const char *)w->base);
        cr_expect(slice_eq(cell.raw, slice_of(text, sizeof text)));
        w->base[5 + 1]++; /* one byte more than there is */
        cr_expect_eq(refused(c, (const char *)w->base), ERR_MALFORMED);
    }
    libdeflate_free_compressor(z);
    cr_expect_eq(refused(c, "02 9164"), ERR_UNSUPPORTED, "another method");
    cr_expect_eq(refused(c, "02 8064"), ERR_MALFORMED, "no length");
    cr_expect_eq(refused(c, "02 8564"), ERR_MALFORMED, "5 bytes of length");
    cr_expect_eq(refused(c, "02 8464"), ERR_MALFORMED, "length cut");
    cr_expect_eq(refused(c, "06 84ffffffff00"), ERR_TOO_LARGE);
}

Test(row_plan, columns_that_cannot_be_read_are_refused_with_a_sentence)
{
    static const uint8_t types[] = {MY_TYPE_DECIMAL, MY_TYPE_TYPED_ARRAY, 100, 200};
    for (unsigned i = 0; i < COUNT(types); i++)
        cr_expect_eq(plan_err(col(types[i], 0)), ERR_UNSUPPORTED);
    cr_expect_eq(plan_err(col(MY_TYPE_BIT, 0)), ERR_UNSUPPORTED);
    cr_expect_eq(plan_err(col(MY_TYPE_BIT, 65)), ERR_UNSUPPORTED);
    cr_expect_eq(plan_err(col(MY_TYPE_BLOB, 0)), ERR_UNSUPPORTED);
    cr_expect_eq(plan_err(col(MY_TYPE_BLOB, 5)), ERR_UNSUPPORTED);
    cr_expect_eq(plan_err(col(MY_TYPE_SET, 5)), ERR_UNSUPPORTED);
    cr_expect_eq(plan_err(col(MY_TYPE_ENUM, 3)), ERR_UNSUPPORTED);
    cr_expect_eq(plan_err(col(MY_TYPE_TIME2, 7)), ERR_UNSUPPORTED);
    cr_expect_eq(plan_err(col(MY_TYPE_NEWDECIMAL, 66 << 8)), ERR_UNSUPPORTED);
    cr_expect_eq(plan_err(col(MY_TYPE_NEWDECIMAL, 5 << 8 | 6)), ERR_UNSUPPORTED);
    struct column c = col(MY_TYPE_STRING, 4);
    c.fixed_len = 5;
    cr_expect_eq(plan_err(c), ERR_UNSUPPORTED);
}

/* A table with all kinds of runs: fixed, varying side by side, fixed at the end. */
static const uint8_t mixed_types[] = {
    MY_TYPE_LONG,  MY_TYPE_LONGLONG, MY_TYPE_VARCHAR, MY_TYPE_VARCHAR, MY_TYPE_TINY, MY_TYPE_BLOB,
    MY_TYPE_SHORT, MY_TYPE_LONG,     MY_TYPE_STRING,  MY_TYPE_TINY,    MY_TYPE_TINY};
#define MIXED COUNT(mixed_types)

static struct row_plan *mixed_plan(void)
{
    struct column c[MIXED];
    for (unsigned i = 0; i < MIXED; i++)
        c[i] = col(mixed_types[i], mixed_types[i] == MY_TYPE_BLOB ? 2 : 50);
    return plan_of(c, MIXED);
}

/* A value that tells which column it is: numbers i + 1, strings of i bytes. */
static void put_mixed(struct writer *w, unsigned i)
{
    switch (mixed_types[i]) {
    case MY_TYPE_TINY:
        writer_u8(w, (uint8_t)(i + 1));
        break;
    case MY_TYPE_SHORT:
        writer_u16(w, (uint16_t)(i + 1));
        break;
    case MY_TYPE_LONG:
        writer_u32(w, i + 1);
        break;
    case MY_TYPE_LONGLONG:
        writer_u64(w, i + 1);
        break;
    default:
        writer_le(w, i, mixed_types[i] == MY_TYPE_BLOB ? 2 : 1);
        for (unsigned k = 0; k < i; k++)
            writer_u8(w, 'x');
        break;
    }
}

static void expect_mixed(const struct cell *c, unsigned i, bool present, bool null)
{
    if (!present)
        cr_expect_eq(c->kind, CELL_ABSENT, "column %u", i);
    else if (null)
        cr_expect_eq(c->kind, CELL_NULL, "column %u", i);
    else if (c->kind == CELL_I64)
        cr_expect_eq(c->i64, i + 1, "column %u", i);
    else
        cr_expect_eq(c->raw.len, i, "column %u", i);
}

/* All NULL patterns of all of some presence patterns. */
static void check_mixed(struct row_plan *p, const uint8_t *present, unsigned present_bits,
                        unsigned nulls)
{
    struct writer *w = new_writer();
    struct row_scratch *s = new_scratch(4096);
    unsigned count = (unsigned)__builtin_popcount(present_bits), bit = 0, null_bits = 0;
    for (unsigned i = 0; i < MIXED; i++)
        if (present_bits >> i & 1)
            null_bits |= (nulls >> i & 1) << bit++;
    writer_le(w, null_bits | ~0u << count, (count + 7) / 8);
    for (unsigned i = 0; i < MIXED; i++)
        if ((present_bits & ~nulls) >> i & 1)
            put_mixed(w, i);
    struct slice image = writer_slice(w);
    struct reader r = reader_of(image), skip = reader_of(image);
    struct cell cells[MIXED], some[MIXED];
    uint16_t columns[MIXED];
    cr_assert_eq(row_decode(p, present, &r, s, cells), ERR_OK);
    cr_assert_eq(reader_left(&r), 0);
    cr_assert_eq(row_skip(p, present, &skip), ERR_OK);
    cr_assert_eq(reader_left(&skip), 0);
    for (unsigned i = 0; i < MIXED; i++)
        expect_mixed(&cells[i], i, present_bits >> i & 1, nulls >> i & 1);
    for (unsigned pick = 1; pick < 1u << MIXED; pick += 37) {
        unsigned n = 0;
        for (unsigned i = 0; i < MIXED; i++)
            if (pick >> i & 1)
                columns[n++] = (uint16_t)i;
        cr_assert_eq(row_decode_columns(p, present, image, columns, n, s, some), ERR_OK);
        for (unsigned i = 0; i < n; i++)
            expect_mixed(&some[i], columns[i], present_bits >> columns[i] & 1,
                         nulls >> columns[i] & 1);
    }
    for (size_t n = 0; n < image.len; n++) {
        r = skip = reader_of(slice_of(image.ptr, n));
        cr_assert_eq(row_decode(p, present, &r, s, cells), ERR_TRUNCATED);
        cr_assert_eq(row_skip(p, present, &skip), ERR_TRUNCATED);
    }
    row_scratch_fini(s);
    writer_fini(w);
}

Test(row_plan, any_columns_may_be_null)
{
    struct row_plan *p = mixed_plan();
    cr_expect_eq(row_plan_width(p), MIXED);
    for (unsigned nulls = 0; nulls < 1u << MIXED; nulls += nulls < 64 ? 1 : 13)
        check_mixed(p, row_all_present, (1u << MIXED) - 1, nulls);
    row_plan_free(p);
}

Test(row_plan, any_columns_may_be_absent)
{
    struct row_plan *p = mixed_plan();
    for (unsigned bits = 0; bits < 1u << MIXED; bits += 17)
        for (unsigned nulls = 0; nulls < 1u << MIXED; nulls += 311) {
            uint8_t present[2] = {(uint8_t)bits, (uint8_t)(bits >> 8 | 0xF8)};
            check_mixed(p, present, bits, nulls);
        }
    row_plan_free(p);
}

Test(row_plan, tables_as_wide_as_they_can_be)
{
    struct column *c = keep(4096 * sizeof *c);
    for (unsigned i = 0; i < 4096; i++)
        c[i] = col(MY_TYPE_TINY, 0);
    struct row_plan *p = plan_of(c, 4096);
    uint8_t *image = keep(512 + 4096);
    memset(image, 0, 512 + 4096);
    memset(image + 512, 5, 4096);
    struct cell *cells = keep(4096 * sizeof *cells);
    struct row_scratch *s = new_scratch(10);
    struct reader r = reader_of(slice_of(image, 512 + 4096));
    cr_assert_eq(row_decode(p, row_all_present, &r, s, cells), ERR_OK);
    cr_expect_eq(cells[4095].i64, 5);
    image[511] = 0x80;
    r = reader_of(slice_of(image, 512 + 4095));
    cr_assert_eq(row_decode(p, row_all_present, &r, s, cells), ERR_OK);
    cr_expect_eq(cells[4095].kind, CELL_NULL);
    row_plan_free(p);
    struct table t = {.database = SLICE_LIT("d"), .name = SLICE_LIT("t"), .column_count = 4097};
    cr_expect_eq(row_plan_new(&t, &p, NULL), ERR_TABLE_MISMATCH);
}

Test(row_plan, scratch_memory_stays_where_it_is_until_the_reset)
{
    struct row_scratch *s = new_scratch(100000);
    uint8_t *first, *p;
    cr_assert_eq(row_scratch_get(s, 100, &first), ERR_OK);
    memset(first, 7, 100);
    for (unsigned i = 0; i < 9; i++) {
        cr_assert_eq(row_scratch_get(s, 10000, &p), ERR_OK);
        memset(p, 1, 10000);
    }
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(first[i], 7);
    cr_expect_eq(row_scratch_get(s, 10000, &p), ERR_TOO_LARGE);
    row_scratch_reset(s);
    cr_expect_eq(row_scratch_get(s, 100000, &p), ERR_OK);
    cr_expect_eq(row_scratch_get(s, 1, &p), ERR_TOO_LARGE);
    row_scratch_fini(s);
}
