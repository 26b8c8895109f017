/* What the text of a QUERY event stands for in the transaction's life. */
#include "mysqlproto/binlog/txn.h"

/* A cursor over SQL text; everything looked for is ASCII. */
struct sql {
    const uint8_t *p;
    const uint8_t *end;
};

static bool is_space(uint8_t b)
{
    return b == ' ' || (b >= '\t' && b <= '\r');
}

static bool is_word(uint8_t b)
{
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b == '_' ||
           b == '$' || b >= 0x80;
}

static bool starts(const struct sql *s, const char *lit)
{
    size_t n = strlen(lit);
    return (size_t)(s->end - s->p) >= n && memcmp(s->p, lit, n) == 0;
}

static void skip_past(struct sql *s, const char *lit)
{
    while (s->p < s->end && !starts(s, lit))
        s->p++;
    s->p = starts(s, lit) ? s->p + strlen(lit) : s->end;
}

/* The head of an executable comment: its text counts, the version number does not. */
static void open_executable(struct sql *s)
{
    s->p += starts(s, "/*M!") ? 4 : 3;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
}

/* To the next thing that is neither space nor comment. */
static void skip_blank(struct sql *s)
{
    for (;;) {
        while (s->p < s->end && (is_space(*s->p) || *s->p == '('))
            s->p++;
        if (starts(s, "/*!") || starts(s, "/*M!"))
            open_executable(s);
        else if (starts(s, "/*"))
            skip_past(s, "*/");
        else if (starts(s, "*/"))
            s->p += 2; /* the end of an executable comment */
        else if (starts(s, "#") || starts(s, "-- ") || starts(s, "--\n"))
            skip_past(s, "\n");
        else
            return;
    }
}

/* The word at hand, or an empty slice. */
static struct slice peek_word(struct sql *s)
{
    skip_blank(s);
    const uint8_t *e = s->p;
    while (e < s->end && is_word(*e))
        e++;
    return slice_of(s->p, (size_t)(e - s->p));
}

static struct slice take_word(struct sql *s)
{
    struct slice w = peek_word(s);
    s->p += w.len;
    return w;
}

static bool is(struct slice word, const char *lit)
{
    return slice_eq_nocase(word, slice_str(lit));
}

static bool accept(struct sql *s, const char *lit)
{
    if (!is(peek_word(s), lit))
        return false;
    (void)take_word(s);
    return true;
}

/* An identifier, quoted or not. Quotes inside it stay doubled. */
static struct slice identifier(struct sql *s)
{
    skip_blank(s);
    if (s->p == s->end || (*s->p != '`' && *s->p != '"'))
        return take_word(s);
    uint8_t quote = *s->p++;
    const uint8_t *from = s->p;
    for (; s->p < s->end; s->p++) {
        if (*s->p != quote)
            continue;
        if (s->p + 1 == s->end || s->p[1] != quote)
            break;
        s->p++;
    }
    struct slice name = slice_of(from, (size_t)(s->p - from));
    if (s->p < s->end)
        s->p++;
    return name;
}

static int hex_digit(uint8_t b)
{
    if (b >= '0' && b <= '9')
        return b - '0';
    if (b >= 'a' && b <= 'f')
        return b - 'a' + 10;
    return b >= 'A' && b <= 'F' ? b - 'A' + 10 : -1;
}

/* X'6162' or 'ab', as part of an xid, appended to its data. */
static bool xid_part(struct sql *s, struct binlog_xid *xid, uint8_t *len)
{
    skip_blank(s);
    bool hex = s->p < s->end && (*s->p == 'X' || *s->p == 'x');
    s->p += hex;
    if (s->p == s->end || *s->p++ != '\'')
        return false;
    uint8_t *to = xid->data + xid->gtrid_len; /* of the second part; the first one starts at 0 */
    unsigned n = 0;
    while (s->p < s->end && *s->p != '\'') {
        if (n == BINLOG_XID_PART_MAX)
            return false;
        if (!hex) {
            to[n++] = *s->p++;
            continue;
        }
        int high = hex_digit(s->p[0]), low = s->end - s->p > 1 ? hex_digit(s->p[1]) : -1;
        if (high < 0 || low < 0)
            return false;
        to[n++] = (uint8_t)(high << 4 | low);
        s->p += 2;
    }
    if (s->p == s->end)
        return false;
    s->p++;
    *len = (uint8_t)n;
    return true;
}

static bool comma(struct sql *s)
{
    skip_blank(s);
    if (s->p == s->end || *s->p != ',')
        return false;
    s->p++;
    return true;
}

/* gtrid [, bqual [, format id]]; the format id is 1 when it is not given. */
static bool parse_xid(struct sql *s, struct binlog_xid *xid)
{
    xid->format_id = 1;
    if (!xid_part(s, xid, &xid->gtrid_len))
        return false;
    if (!comma(s))
        return true;
    if (!xid_part(s, xid, &xid->bqual_len))
        return false;
    if (!comma(s))
        return true;
    struct slice number = take_word(s);
    uint64_t v = 0;
    for (size_t i = 0; i < number.len; i++) {
        if (number.ptr[i] < '0' || number.ptr[i] > '9' || v > UINT32_MAX)
            return false;
        v = v * 10 + (uint64_t)(number.ptr[i] - '0');
    }
    xid->format_id = (uint32_t)v;
    return number.len > 0 && v <= UINT32_MAX;
}

static enum binlog_txn_event xa_verb(struct sql *s, struct binlog_verb *out)
{
    static const struct {
        const char *word;
        enum binlog_txn_event event;
    } verbs[] = {
        {"START", BINLOG_TXN_EV_XA_START},   {"BEGIN", BINLOG_TXN_EV_XA_START},
        {"END", BINLOG_TXN_EV_XA_END},       {"PREPARE", BINLOG_TXN_EV_XA_END},
        {"COMMIT", BINLOG_TXN_EV_XA_COMMIT}, {"ROLLBACK", BINLOG_TXN_EV_XA_ROLLBACK},
    };
    struct slice word = take_word(s);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!is(word, verbs[i].word))
            continue;
        if (!parse_xid(s, &out->xid))
            out->xid = (struct binlog_xid){0};
        out->one_phase = accept(s, "ONE") && accept(s, "PHASE");
        return verbs[i].event;
    }
    return BINLOG_TXN_EV_DDL;
}

/* ROLLBACK [WORK] [TO [SAVEPOINT] x] */
static enum binlog_txn_event rollback_verb(struct sql *s, struct binlog_verb *out)
{
    (void)accept(s, "WORK");
    if (!accept(s, "TO"))
        return BINLOG_TXN_EV_ROLLBACK;
    (void)accept(s, "SAVEPOINT");
    out->name = identifier(s);
    return BINLOG_TXN_EV_ROLLBACK_TO;
}

/* MariaDB: SET STATEMENT variable = value, ... FOR statement */
static bool skip_set_statement(struct sql *s)
{
    if (!accept(s, "STATEMENT"))
        return false;
    while (s->p < s->end) {
        if (accept(s, "FOR"))
            return true;
        if (s->p == s->end)
            break;
        if (*s->p == '\'' || *s->p == '"' || *s->p == '`') {
            uint8_t quote = *s->p++;
            while (s->p < s->end && *s->p != quote)
                s->p++;
            s->p += s->p < s->end;
        } else if (is_word(*s->p)) {
            (void)take_word(s);
        } else {
            s->p++;
        }
    }
    return false;
}

/* CREATE TABLE ... SELECT of MySQL 8.0.21 and later: its rows follow in the same group. */
static bool opens_transaction(struct slice sql)
{
    static const char tail[] = "START TRANSACTION";
    size_t n = sizeof tail - 1;
    while (sql.len > 0 && is_space(sql.ptr[sql.len - 1]))
        sql.len--;
    return sql.len > n &&
           slice_eq_nocase(slice_of(sql.ptr + sql.len - n, n), SLICE_LIT("START TRANSACTION"));
}

static bool changes_rows(struct slice word)
{
    static const char *const words[] = {"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is(word, words[i]))
            return true;
    return false;
}

enum binlog_txn_event binlog_verb_of(struct slice sql, struct binlog_verb *out)
{
    static const char dummy[] = "# Dummy event replacing";
    *out = (struct binlog_verb){.name = SLICE_LIT("")};
    struct sql s = {sql.ptr, sql.ptr + sql.len};
    if (starts(&s, dummy))
        return BINLOG_TXN_EV_DUMMY;
    struct slice word = take_word(&s);
    if (is(word, "SET") && skip_set_statement(&s))
        word = take_word(&s);
    if (is(word, "BEGIN") || (is(word, "START") && accept(&s, "TRANSACTION")))
        return BINLOG_TXN_EV_BEGIN;
    if (is(word, "COMMIT"))
        return BINLOG_TXN_EV_COMMIT;
    if (is(word, "ROLLBACK"))
        return rollback_verb(&s, out);
    if (is(word, "SAVEPOINT")) {
        out->name = identifier(&s);
        return BINLOG_TXN_EV_SAVEPOINT;
    }
    if (is(word, "RELEASE"))
        return BINLOG_TXN_EV_RELEASE;
    if (is(word, "XA"))
        return xa_verb(&s, out);
    if (changes_rows(word))
        return BINLOG_TXN_EV_STATEMENT;
    return is(word, "CREATE") && opens_transaction(sql) ? BINLOG_TXN_EV_DDL_OPEN
                                                        : BINLOG_TXN_EV_DDL;
}
