#include "schema/ddl_int.h"

void ddl_next(struct ddl_parser *p)
{
    p->behind = p->lex.p;
    p->t = sql_next(&p->lex);
}

struct sql_token ddl_peek(const struct ddl_parser *p)
{
    struct sql_lexer ahead = p->lex;
    return sql_next(&ahead);
}

bool ddl_at_end(const struct ddl_parser *p)
{
    return p->t.kind == SQL_END || ddl_at_sign(p, ';');
}

bool ddl_accept(struct ddl_parser *p, const char *word)
{
    if (!sql_is(p->t, word))
        return false;
    ddl_next(p);
    return true;
}

bool ddl_accept_sign(struct ddl_parser *p, char sign)
{
    if (!sql_is_sign(p->t, sign))
        return false;
    ddl_next(p);
    return true;
}

bool ddl_at_any(const struct ddl_parser *p, const char *const *words)
{
    if (p->t.kind != SQL_WORD)
        return false;
    for (; *words != NULL; words++)
        if (sql_is(p->t, *words))
            return true;
    return false;
}

bool ddl_accept_any(struct ddl_parser *p, const char *const *words)
{
    if (!ddl_at_any(p, words))
        return false;
    ddl_next(p);
    return true;
}

bool ddl_accept_two(struct ddl_parser *p, const char *first, const char *second)
{
    if (!sql_is(p->t, first) || !sql_is(ddl_peek(p), second))
        return false;
    ddl_next(p);
    ddl_next(p);
    return true;
}

bool ddl_accept_if_exists(struct ddl_parser *p)
{
    return ddl_accept_two(p, "if", "exists");
}

bool ddl_accept_if_not_exists(struct ddl_parser *p)
{
    if (!ddl_accept_two(p, "if", "not"))
        return false;
    (void)ddl_accept(p, "exists");
    return true;
}

bool ddl_skip_wait(struct ddl_parser *p)
{
    if (ddl_accept(p, "nowait"))
        return true;
    if (ddl_at(p, "wait") && ddl_peek(p).kind == SQL_NUMBER) {
        ddl_next(p);
        ddl_next(p);
    }
    return true;
}

bool ddl_skip_parens(struct ddl_parser *p)
{
    uint64_t depth = 0;
    do {
        if (p->t.kind == SQL_END || p->t.kind == SQL_BAD)
            return false;
        depth += ddl_at_sign(p, '(');
        depth -= ddl_at_sign(p, ')');
        ddl_next(p);
    } while (depth > 0);
    return true;
}

bool ddl_skip_expression(struct ddl_parser *p)
{
    const uint8_t *from = p->t.at;
    return ddl_skip_parens(p) && ddl_add_mark(p, DDL_MARK_EXPRESSION, from) != NULL;
}

bool ddl_skip_value(struct ddl_parser *p)
{
    if (ddl_at_sign(p, '('))
        return ddl_skip_parens(p);
    while (ddl_at_sign(p, '-') || ddl_at_sign(p, '+'))
        ddl_next(p);
    if (p->t.kind == SQL_END || p->t.kind == SQL_BAD || p->t.kind == SQL_SIGN)
        return false;
    ddl_next(p);
    return true;
}

bool ddl_skip_rest(struct ddl_parser *p)
{
    while (p->t.kind != SQL_END) {
        if (p->t.kind == SQL_BAD || ddl_at_sign(p, ')'))
            return false;
        if (!ddl_at_sign(p, '('))
            ddl_next(p);
        else if (!ddl_skip_parens(p))
            return false;
    }
    return true;
}

/* ---- names and values ---- */

/* The token's text without escapes; moves on. */
static bool take_text(struct ddl_parser *p, struct slice *out)
{
    struct slice text = p->t.text;
    if (p->t.escaped) {
        uint8_t *copy = arena_alloc(p->arena, text.len);
        if (copy == NULL) {
            p->err = ERR_NO_MEMORY;
            return false;
        }
        text = slice_of(copy, sql_unquote(p->t, &p->o.dialect, copy));
    }
    *out = text;
    ddl_next(p);
    return true;
}

bool ddl_name(struct ddl_parser *p, struct slice *out)
{
    if (p->t.kind != SQL_WORD && p->t.kind != SQL_NAME)
        return false;
    return p->t.text.len > 0 && take_text(p, out);
}

bool ddl_column_name(struct ddl_parser *p, struct slice *out)
{
    const uint8_t *from = p->t.at;
    if (!ddl_name(p, out))
        return false;
    struct ddl_mark *m = ddl_add_mark(p, DDL_MARK_COLUMN, from);
    if (m != NULL)
        m->name = *out;
    return m != NULL;
}

bool ddl_name_or_string(struct ddl_parser *p, struct slice *out)
{
    if (p->t.kind == SQL_STRING)
        return take_text(p, out);
    return ddl_name(p, out);
}

static bool fold(struct ddl_parser *p, struct slice *name)
{
    if (p->o.lower_case_table_names != 1)
        return true;
    uint8_t *lower = arena_array(p->arena, name->len + 2, 2);
    if (lower == NULL) {
        p->err = ERR_NO_MEMORY;
        return false;
    }
    *name = slice_of(lower, sql_name_lower(*name, lower));
    return true;
}

bool ddl_database_name(struct ddl_parser *p, struct slice *out)
{
    const uint8_t *from = p->t.at;
    if (!ddl_name(p, out) || !fold(p, out))
        return false;
    struct ddl_mark *m = ddl_add_mark(p, DDL_MARK_DATABASE, from);
    if (m != NULL)
        m->database = *out;
    return m != NULL;
}

bool ddl_table_name(struct ddl_parser *p, struct slice *database, struct slice *name)
{
    const uint8_t *from = p->t.at;
    bool qualified = false;
    *database = p->o.default_database;
    (void)ddl_accept_sign(p, '.'); /* ".t" is "t" */
    if (!ddl_name(p, name))
        return false;
    if (ddl_accept_sign(p, '.')) {
        qualified = true;
        *database = *name;
        if (!ddl_name(p, name))
            return false;
    }
    if (!fold(p, name) || !fold(p, database))
        return false;
    struct ddl_mark *m = ddl_add_mark(p, DDL_MARK_TABLE, from);
    if (m == NULL)
        return false;
    m->qualified = qualified;
    m->database = *database;
    m->name = *name;
    return true;
}

static uint8_t hex_value(uint8_t c)
{
    return c <= '9' ? (uint8_t)(c - '0') : (uint8_t)((c | 0x20) - 'a' + 10);
}

/* The bytes that hexadecimal digits stand for; an odd first one alone. */
static bool take_hex(struct ddl_parser *p, struct slice *out)
{
    struct slice digits = p->t.text;
    uint8_t *bytes = arena_alloc(p->arena, digits.len / 2 + 1);
    size_t n = 0, i = 0;
    if (bytes == NULL) {
        p->err = ERR_NO_MEMORY;
        return false;
    }
    if (digits.len % 2 != 0)
        bytes[n++] = hex_value(digits.ptr[i++]);
    for (; i + 1 < digits.len; i += 2)
        bytes[n++] = (uint8_t)(hex_value(digits.ptr[i]) << 4 | hex_value(digits.ptr[i + 1]));
    *out = slice_of(bytes, n);
    ddl_next(p);
    return true;
}

bool ddl_text(struct ddl_parser *p, struct slice *out)
{
    bool introducer = p->t.kind == SQL_WORD && p->t.text.ptr[0] == '_';
    if (introducer)
        ddl_next(p);
    if (p->t.kind == SQL_HEX)
        return take_hex(p, out);
    return p->t.kind == SQL_STRING && take_text(p, out);
}

bool ddl_number(struct ddl_parser *p, int64_t *out)
{
    if (p->t.kind != SQL_NUMBER)
        return false;
    int64_t v = 0;
    for (size_t i = 0; i < p->t.text.len; i++) {
        uint8_t c = p->t.text.ptr[i];
        if (c < '0' || c > '9')
            return false;
        v = v * 10 + (c - '0');
        if (v > UINT32_MAX)
            v = UINT32_MAX;
    }
    *out = v;
    ddl_next(p);
    return true;
}

/* ---- results ---- */

bool ddl_grow(struct ddl_parser *p, void *items, uint32_t *cap, uint32_t count, size_t size,
              uint32_t max)
{
    void *old, *grown;
    if (count >= max) {
        p->err = ERR_TOO_LARGE;
        return false;
    }
    if (count < *cap)
        return true;
    uint32_t more = *cap == 0 ? 4 : *cap * 2;
    grown = arena_array(p->arena, more, size);
    if (grown == NULL) {
        p->err = ERR_NO_MEMORY;
        return false;
    }
    memcpy(&old, items, sizeof(old)); /* items is the address of some pointer */
    if (count > 0)
        memcpy(grown, old, count * size);
    memcpy(items, &grown, sizeof(grown));
    *cap = more;
    return true;
}

bool ddl_add_object(struct ddl_parser *p, struct ddl_object object)
{
    struct ddl_statement *st = p->st;
    const struct slice none = SLICE_LIT("");
    if (!ddl_grow(p, &st->objects, &p->object_cap, st->object_count, sizeof(object),
                  DDL_OBJECTS_MAX))
        return false;
    struct slice *slices[] = {&object.database, &object.name, &object.new_database,
                              &object.new_name, &object.table};
    for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++)
        if (slices[i]->ptr == NULL)
            *slices[i] = none;
    st->objects[st->object_count++] = object;
    return true;
}

struct ddl_action *ddl_add_action(struct ddl_parser *p, enum ddl_action_kind kind)
{
    struct ddl_statement *st = p->st;
    const struct slice none = SLICE_LIT("");
    if (!ddl_grow(p, &st->actions, &p->action_cap, st->action_count, sizeof(*st->actions),
                  DDL_ACTIONS_MAX))
        return NULL;
    struct ddl_action *a = &st->actions[st->action_count++];
    *a = (struct ddl_action){.kind = kind,
                             .after = none,
                             .name = none,
                             .new_name = none,
                             .charset = none,
                             .collation = none};
    return a;
}

/* An item ends behind the end of an executable comment that its last word is in. */
static const uint8_t *behind_comment(const struct ddl_parser *p)
{
    const uint8_t *at = p->behind, *end = p->st->sql.ptr + p->st->sql.len;
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return end - at >= 2 && at[0] == '*' && at[1] == '/' ? at + 2 : p->behind;
}

struct ddl_mark *ddl_add_mark(struct ddl_parser *p, enum ddl_mark_kind kind, const uint8_t *from)
{
    struct ddl_statement *st = p->st;
    const struct slice none = SLICE_LIT("");
    if (!ddl_grow(p, &st->marks, &p->mark_cap, st->mark_count, sizeof(*st->marks), DDL_MARKS_MAX))
        return NULL;
    bool item = kind == DDL_MARK_ITEM || kind == DDL_MARK_NESTED;
    const uint8_t *to = item ? behind_comment(p) : p->behind;
    struct ddl_mark *m = &st->marks[st->mark_count++];
    *m = (struct ddl_mark){.kind = kind,
                           .from = (uint32_t)(from - st->sql.ptr),
                           .to = (uint32_t)(to - st->sql.ptr),
                           .database = none,
                           .name = none};
    return m;
}
