/*
 * Canal JSON and record keys of any cells in any table: columns, options and
 * cells are made from the input, cells mostly but not always of a kind that
 * their column has.
 *
 * Property: what is encoded is one JSON object (or array, for keys) in valid
 * UTF-8; a failure appends nothing and leaves the writer usable; memory of
 * exactly the message's length gives the same message, one byte less is
 * refused.
 */
#include "encode/canal_json.h"
#include "encode/key.h"
#include "row_fuzz.h"

#define MESSAGE_MAX (1u << 20)

/* --- what JSON is: values without nesting deeper than ours ever is --- */

static const uint8_t *check_string(const uint8_t *p, const uint8_t *end)
{
    MUST(p < end && *p == '"');
    for (p++; p < end && *p != '"'; p++) {
        MUST(*p >= 0x20);
        if (*p != '\\')
            continue;
        p++;
        MUST(p < end && strchr("\"\\bfnrtu", *p) != NULL && *p != '\0');
        for (int i = 0; *p == 'u' && i < 4; i++)
            MUST(end - p > i + 1 && strchr("0123456789abcdef", p[i + 1]) != NULL);
    }
    MUST(p < end);
    return p + 1;
}

static const uint8_t *check_word(const uint8_t *p, const uint8_t *end, const char *word)
{
    size_t n = strlen(word);
    MUST((size_t)(end - p) >= n && memcmp(p, word, n) == 0);
    return p + n;
}

static const uint8_t *check_value(const uint8_t *p, const uint8_t *end, int depth);

/* Members or elements up to the closing bracket; depth is bounded by what we ever write. */
static const uint8_t *check_list(const uint8_t *p, const uint8_t *end, uint8_t close, int depth)
{
    p++;
    while (p < end && *p != close) {
        if (close == '}') {
            p = check_string(p, end);
            p = check_word(p, end, ":");
        }
        p = check_value(p, end, depth + 1);
        MUST(p < end && (*p == close || (*p == ',' && end - p > 1 && p[1] != close)));
        p += *p == ',';
    }
    MUST(p < end);
    return p + 1;
}

static const uint8_t *check_value(const uint8_t *p, const uint8_t *end, int depth)
{
    MUST(p < end && depth < 5);
    switch (*p) {
    case '{':
        return check_list(p, end, '}', depth);
    case '[':
        return check_list(p, end, ']', depth);
    case '"':
        return check_string(p, end);
    case 'n':
        return check_word(p, end, "null");
    case 'f':
        return check_word(p, end, "false");
    default:
        p += *p == '-';
        MUST(p < end && *p >= '0' && *p <= '9');
        while (p < end && *p >= '0' && *p <= '9')
            p++;
        return p;
    }
}

static void check_json(struct slice s)
{
    MUST(utf8_valid(s));
    MUST(check_value(s.ptr, s.ptr + s.len, 0) == s.ptr + s.len);
}

/* --- the run --- */

static void check_exact_room(struct canal_json *enc, const struct canal_table *ct,
                             const struct change *c, struct slice want)
{
    uint8_t *memory = malloc(want.len);
    MUST(memory != NULL);
    struct writer w = writer_fixed(memory, want.len);
    MUST(canal_json_encode(enc, ct, c, &w) == ERR_OK);
    MUST(slice_eq(writer_slice(&w), want));
    w = writer_fixed(memory, want.len - 1);
    MUST(canal_json_encode(enc, ct, c, &w) != ERR_OK && w.len == 0 && w.err == ERR_OK);
    free(memory);
}

static void check_change(struct canal_json *enc, const struct canal_table *ct,
                         const struct change *c)
{
    struct writer w;
    writer_init(&w, MESSAGE_MAX);
    writer_lit(&w, "x");
    enum err e = canal_json_encode(enc, ct, c, &w);
    MUST(w.err == ERR_OK && w.base[0] == 'x');
    if (e == ERR_OK) {
        struct slice message = slice_of(w.base + 1, w.len - 1);
        check_json(message);
        check_exact_room(enc, ct, c, message);
    } else {
        MUST(w.len == 1);
    }
    writer_fini(&w);
}

static void check_keys(const struct table *t, const struct cell *before, const struct cell *after)
{
    struct key_table *kt = key_table_new(t, PARTITION_KEY, NULL, 0);
    struct writer w, scratch;
    writer_init(&w, MESSAGE_MAX);
    writer_init(&scratch, MESSAGE_MAX);
    MUST(kt != NULL);
    if (key_encode(kt, after, before, &w) == ERR_OK)
        check_json(writer_slice(&w));
    else
        MUST(w.len == 0 && w.err == ERR_OK);

    /* The hash is that of the text. */
    int32_t h;
    enum err e = partition_hash(kt, &after[0], &scratch, &h);
    writer_clear(&w);
    if (after[0].kind == CELL_NULL)
        MUST(e == ERR_OK && (uint32_t)h == java_hash(0, t->database));
    else if (e == ERR_OK && key_text(&t->columns[0], &after[0], &w) == ERR_OK)
        MUST((uint32_t)h == (java_hash(0, t->database) ^ java_hash(0, writer_slice(&w))));
    writer_fini(&w);
    writer_fini(&scratch);
    key_table_free(kt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct row_input row;
    /* Offsets that zones have: 14 hours either way. */
    int32_t offset = (int32_t)(take_u64(&in) % 100801) - 50400;
    struct zone_step steps[] = {{INT64_MIN, offset}, {1000000, 7200}};
    struct zone zone = {1 + (take(&in) & 1), steps};
    uint8_t flags = take(&in);
    struct canal_options o = {
        .bare_type = flags & 1,
        .enum_ordinal = flags & 2,
        .gtid = flags & 4,
        .init_as_insert = flags & 8,
        .replace_invalid = flags & 16,
        .binary = (enum canal_binary)((flags >> 5) % 3),
    };
    take_row(&in, &row);
    const struct table *t = &row.table;

    struct canal_table *ct;
    struct errmsg em;
    struct message_names names = {t->database, t->name, NULL};
    struct canal_json *enc = canal_json_new(&o, &zone);
    MUST(enc != NULL);
    MUST(canal_table_new(&o, t, &names, &ct, &em) == ERR_OK);
    for (int op = CHANGE_INSERT; op <= CHANGE_INIT; op++) {
        struct change c = {.op = (enum change_op)op,
                           .table = t,
                           .before = row.before,
                           .after = row.after,
                           .id = take_u64(&in),
                           .es_ms = take_u64(&in),
                           .ts_ms = 1,
                           .gtid = take_text(&in)};
        check_change(enc, ct, &c);
    }
    check_keys(t, row.before, row.after);
    canal_table_free(ct);
    canal_json_free(enc);
    return 0;
}
