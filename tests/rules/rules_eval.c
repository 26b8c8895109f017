/*
 * Filters over rows that are given as text: the side of the oracle test that
 * is ours. It reads commands, one a line, with tabs between the words:
 *
 *   server mysql|mariadb
 *   column NAME TYPE COLLATION NULLABLE    the next column; COLLATION may be -
 *   row CELL...                            - is NULL, else hex of the text
 *   filter HEX                             the condition
 *   sql HEX                                the same
 *
 * and answers each filter with one line: "= 0110" (a digit for each row), "e
 * SENTENCE" when it does not compile, "f ROW SENTENCE" when a row fails; sql with
 * "+HEX", the condition as it is given to the source, "-" when it is not, or "e". On
 * the way it may ask: "? SQL", to be answered by "- " for NULL, "+HEX", or "!".
 */
#include "base/arena.h"
#include "base/writer.h"
#include "rules/program.h"
#include "rules/temporal.h"
#include "schema/type_text.h"

#include <stdio.h>
#include <stdlib.h>

#define COLUMNS_MAX 64
#define ROWS_MAX    4096

static struct arena *arena;
static bool mariadb;
static struct column columns[COLUMNS_MAX];
static struct table table;
static struct cell rows[ROWS_MAX][COLUMNS_MAX];
static uint32_t row_count;

static void die(const char *what)
{
    fprintf(stderr, "rules_eval: %s\n", what);
    exit(2);
}

static struct slice word(char **rest)
{
    char *at = *rest;
    if (at == NULL)
        die("a word is missing");
    char *tab = strchr(at, '\t');
    *rest = tab != NULL ? tab + 1 : NULL;
    if (tab != NULL)
        *tab = '\0';
    return arena_copy(arena, slice_str(at));
}

static struct slice unhex(struct slice s)
{
    uint8_t *to = arena_alloc(arena, s.len / 2 + 1);
    for (size_t i = 0; i + 1 < s.len; i += 2) {
        char two[3] = {(char)s.ptr[i], (char)s.ptr[i + 1], 0};
        to[i / 2] = (uint8_t)strtoul(two, NULL, 16);
    }
    return slice_of(to, s.len / 2);
}

static void take_members(struct column *c, const struct type_text *t)
{
    struct slice rest = t->members, quoted;
    c->members = arena_array(arena, t->member_count, sizeof(*c->members));
    while (type_member_next(&rest, &quoted)) {
        uint8_t *to = arena_alloc(arena, quoted.len + 1);
        c->members[c->member_count++] = slice_of(to, type_member_unquote(quoted, to));
    }
}

static void add_column(char *rest)
{
    struct column *c = &columns[table.column_count++];
    struct type_text t;
    if (table.column_count > COLUMNS_MAX)
        die("too many columns");
    c->name = word(&rest);
    c->type_text = word(&rest);
    c->collation = word(&rest);
    c->nullable = slice_eq(word(&rest), SLICE_LIT("YES"));
    if (!type_text_parse(c->type_text, &t))
        die("a type that is not known");
    if (slice_eq(c->collation, SLICE_LIT("-")))
        c->collation = SLICE_LIT("");
    else
        c->charset = charset_of_collation_name(c->collation);
    if (c->charset != NULL && charset_prepare(c->charset) != ERR_OK)
        die("a character set cannot be prepared");
    c->kind = t.kind;
    c->is_unsigned = t.is_unsigned;
    c->bare_type = t.bare;
    if (t.kind == COL_DECIMAL) {
        c->precision = (uint8_t)t.length;
        c->scale = (uint8_t)t.scale;
    }
    if (t.kind == COL_TIME || t.kind == COL_DATETIME || t.kind == COL_TIMESTAMP)
        c->fsp = (uint8_t)t.length;
    if (t.member_count > 0)
        take_members(c, &t);
}

static struct cell civil_cell(const struct column *c, struct slice s)
{
    struct cell cell = {0};
    bool has_time;
    unsigned fsp;
    if (c->kind == COL_TIME) {
        cell.kind = CELL_TIME;
        if (!temporal_parse_time(s, &cell.civil, &fsp))
            die("a time that cannot be read");
        return cell;
    }
    cell.kind = c->kind == COL_DATE ? CELL_DATE : CELL_DATETIME;
    if (!temporal_parse(s, &cell.civil, &has_time, &fsp))
        die("a date that cannot be read");
    if (c->kind == COL_TIMESTAMP) {
        struct civil civil = cell.civil;
        cell = (struct cell){.kind = CELL_TIMESTAMP};
        if (civil.year > 0)
            cell.stamp = (struct stamp){(uint32_t)temporal_seconds(&civil), civil.us};
    }
    return cell;
}

static struct cell cell_of(const struct column *c, struct slice s)
{
    char *text = (char *)(uintptr_t)s.ptr; /* from the arena, with a zero behind it */
    switch (c->kind) {
    case COL_TINYINT:
    case COL_SMALLINT:
    case COL_MEDIUMINT:
    case COL_INT:
    case COL_BIGINT:
        if (c->is_unsigned)
            return (struct cell){.kind = CELL_U64, .u64 = strtoull(text, NULL, 10)};
        return (struct cell){.kind = CELL_I64, .i64 = strtoll(text, NULL, 10)};
    case COL_BIT:
    case COL_YEAR:
    case COL_ENUM:
    case COL_SET:
        return (struct cell){.kind = CELL_U64, .u64 = strtoull(text, NULL, 10)};
    case COL_FLOAT:
        return (struct cell){.kind = CELL_F32, .f32 = (float)strtod(text, NULL)};
    case COL_DOUBLE:
        return (struct cell){.kind = CELL_F64, .f64 = strtod(text, NULL)};
    case COL_DATE:
    case COL_TIME:
    case COL_DATETIME:
    case COL_TIMESTAMP:
        return civil_cell(c, s);
    case COL_CHAR:
    case COL_VARCHAR:
    case COL_TEXT:
    case COL_BINARY:
    case COL_VARBINARY:
    case COL_BLOB:
        return (struct cell){.kind = CELL_BYTES, .raw = s};
    case COL_DECIMAL:
    case COL_JSON:
    case COL_GEOMETRY:
    case COL_VECTOR:
    case COL_UUID:
    case COL_INET4:
    case COL_INET6:
    case COL_KIND_COUNT:
        break;
    }
    return (struct cell){.kind = CELL_TEXT, .raw = s};
}

static void add_row(char *rest)
{
    if (row_count == ROWS_MAX)
        die("too many rows");
    for (uint32_t i = 0; i < table.column_count; i++) {
        struct slice s = word(&rest);
        rows[row_count][i] = slice_eq(s, SLICE_LIT("-")) ? (struct cell){.kind = CELL_NULL}
                                                         : cell_of(&columns[i], unhex(s));
    }
    row_count++;
}

static enum err ask(void *arg, const struct rule_question *q, struct rule_answer *out,
                    struct errmsg *em)
{
    static char line[1 << 20];
    struct writer w;
    (void)arg;
    writer_init(&w, 1 << 24);
    rule_question_sql(q, &w);
    printf("? %.*s\n", (int)w.len, (const char *)w.base);
    writer_fini(&w);
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL)
        die("no answer");
    size_t n = strcspn(line, "\r\n");
    if (line[0] == '!')
        return errmsg_set(em, ERR_SOURCE_SQL, "the source refuses: %.*s", (int)n, line);
    return rule_answer_parse(q, line[0] == '-', unhex(slice_of(line + 1, n - 1)), out);
}

static void run_filter(struct rule_machine *m, const struct rule_program *p)
{
    static char digits[ROWS_MAX + 1];
    for (uint32_t i = 0; i < row_count; i++) {
        bool pass;
        enum err e = rule_filter(m, p, rows[i], NULL, &pass);
        if (e != ERR_OK) {
            printf("f %u %s: %s\n", i, err_name(e), rule_machine_message(m));
            return;
        }
        digits[i] = pass ? '1' : '0';
    }
    digits[row_count] = '\0';
    printf("= %s\n", digits);
}

static void print_sql(const struct rule_expression *x, const struct rule_program *p)
{
    struct writer w;
    writer_init(&w, 1 << 24);
    bool can = rule_filter_for_select(p) && rule_condition_sql(x, &table, &w) == ERR_OK;
    printf(can ? "+" : "-");
    for (size_t i = 0; can && i < w.len; i++)
        printf("%02x", w.base[i]);
    printf("\n");
    writer_fini(&w);
}

/* m NULL: the condition as SQL is wanted. */
static void filter(struct rule_machine *m, char *rest)
{
    struct slice text = unhex(word(&rest));
    struct rule_errors errors = {0};
    struct rule_expression *x = NULL;
    struct rule_program *p = NULL;
    char sentence[512];
    enum err e = rule_parse(text, RULE_SQL, &x, &errors);
    if (e == ERR_OK)
        e = rule_filter_new(x, &table, mariadb, &p, &errors);
    if (e == ERR_OK && m != NULL)
        run_filter(m, p);
    else if (e == ERR_OK)
        print_sql(x, p);
    else
        printf("e %s\n", errors.count > 0
                             ? rule_error_text(text, &errors.items[0], sentence, sizeof(sentence))
                             : err_text(e));
    rule_program_free(p);
    rule_expression_free(x);
    fflush(stdout);
}

int main(void)
{
    static char line[1 << 22];
    struct rule_machine_options o = {.ask = ask};
    struct rule_machine *m = rule_machine_new(&o);
    arena = arena_new(1 << 16);
    table.database = SLICE_LIT("test");
    table.name = SLICE_LIT("t");
    table.columns = columns;
    if (arena == NULL || m == NULL)
        die("no memory");
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        char *rest = line;
        struct slice command = word(&rest);
        if (slice_eq(command, SLICE_LIT("server")))
            mariadb = slice_eq(word(&rest), SLICE_LIT("mariadb"));
        else if (slice_eq(command, SLICE_LIT("column")))
            add_column(rest);
        else if (slice_eq(command, SLICE_LIT("row")))
            add_row(rest);
        else if (slice_eq(command, SLICE_LIT("filter")))
            filter(m, rest);
        else if (slice_eq(command, SLICE_LIT("sql")))
            filter(NULL, rest);
        else
            die("a command that is not known");
    }
    rule_machine_free(m);
    arena_free(arena);
    return 0;
}
