#include "schema/ddl_rewrite.h"

#include "schema/sql_name.h"

#include <stdlib.h>

/* A stretch of the text that is replaced. */
struct edit {
    uint32_t from;
    uint32_t to;
    struct slice by;
};

struct rewrite {
    const struct ddl_statement *st;
    const struct ddl_mapping *m;
    struct arena *arena;
    struct ddl_rewritten *out;
    bool *dropped; /* by mark: items that go */
    struct edit *edits;
    uint32_t count;
    enum err err;
};

static bool is_known_kind(const struct ddl_statement *st)
{
    return st->parsed && ((st->kind >= DDL_CREATE_TABLE && st->kind <= DDL_DROP_DATABASE));
}

static void add_edit(struct rewrite *r, uint32_t from, uint32_t to, struct slice by)
{
    r->edits[r->count++] = (struct edit){from, to, by};
}

/* ---- names ---- */

/* `database`.`name`, or one of them, in the arena. */
static struct slice quoted(struct rewrite *r, struct slice database, struct slice name)
{
    size_t cap = 2 * (database.len + name.len) + 8;
    uint8_t *p = arena_alloc(r->arena, cap);
    if (p == NULL) {
        r->err = ERR_NO_MEMORY;
        return SLICE_LIT("");
    }
    struct writer w = writer_fixed(p, cap);
    if (database.len > 0)
        sql_put_name(&w, database);
    if (database.len > 0 && name.len > 0)
        writer_u8(&w, '.');
    if (name.len > 0)
        sql_put_name(&w, name);
    return writer_slice(&w);
}

static void rename_table(struct rewrite *r, const struct ddl_mark *mark)
{
    struct slice database, name;
    r->err = r->m->table(r->m->arg, mark->database, mark->name, &database, &name);
    if (r->err != ERR_OK)
        return;
    bool alone = mark->kind == DDL_MARK_DATABASE;
    bool elsewhere = !alone && !mark->qualified && !slice_eq(database, r->m->database);
    bool put_database = alone || mark->qualified || elsewhere;
    bool changes = elsewhere || (put_database && !slice_eq(database, mark->database)) ||
                   !slice_eq(name, mark->name);
    if (!changes)
        return;
    add_edit(r, mark->from, mark->to,
             quoted(r, put_database ? database : SLICE_LIT(""), alone ? SLICE_LIT("") : name));
}

/* The column as sent; len 0: it is left out. */
static struct slice map_column(struct rewrite *r, struct slice name)
{
    struct slice to = SLICE_LIT("");
    if (r->err == ERR_OK)
        r->err = r->m->column(r->m->arg, name, &to);
    return to;
}

/* ---- expressions ---- */

struct words {
    struct sql_lexer lex;
    struct sql_token t, next;
    bool behind_dot;
};

/* Key words stand in expressions as well: only what is a column's name is one. */
static bool is_column(const struct rewrite *r, struct slice name)
{
    for (uint32_t i = 0; i < r->st->action_count; i++)
        if (r->st->actions[i].column != NULL && sql_name_eq(r->st->actions[i].column->name, name))
            return true;
    return r->m->has_column(r->m->arg, name);
}

/* The next name that may be a column's; false: there is none. */
static bool next_column(struct words *w, struct sql_token *out)
{
    while (w->t.kind != SQL_END && w->t.kind != SQL_BAD) {
        struct sql_token t = w->t;
        bool call = sql_is_sign(w->next, '(') && t.kind == SQL_WORD;
        bool part = w->behind_dot;
        w->behind_dot = sql_is_sign(t, '.');
        w->t = w->next;
        w->next = sql_next(&w->lex);
        if ((t.kind == SQL_NAME || t.kind == SQL_WORD) && !call && !part &&
            !sql_is_sign(w->t, '.')) {
            *out = t;
            return true;
        }
    }
    return false;
}

static struct words words_of(const struct rewrite *r, const struct ddl_mark *mark)
{
    struct words w = {0};
    sql_lexer_init(&w.lex, slice_of(r->st->sql.ptr + mark->from, mark->to - mark->from),
                   &r->st->options.dialect);
    w.t = sql_next(&w.lex);
    w.next = sql_next(&w.lex);
    return w;
}

static struct slice name_of(struct rewrite *r, struct sql_token t)
{
    if (!t.escaped)
        return t.text;
    uint8_t *copy = arena_alloc(r->arena, t.text.len);
    if (copy == NULL) {
        r->err = ERR_NO_MEMORY;
        return t.text;
    }
    return slice_of(copy, sql_unquote(t, &r->st->options.dialect, copy));
}

static bool names_dropped(struct rewrite *r, const struct ddl_mark *mark)
{
    struct words w = words_of(r, mark);
    struct sql_token t;
    while (next_column(&w, &t)) {
        struct slice name = name_of(r, t);
        if (is_column(r, name) && map_column(r, name).len == 0)
            return true;
    }
    return false;
}

static void rename_expression(struct rewrite *r, const struct ddl_mark *mark)
{
    struct words w = words_of(r, mark);
    struct sql_token t;
    while (r->err == ERR_OK && next_column(&w, &t)) {
        struct slice name = name_of(r, t);
        if (!is_column(r, name))
            continue;
        struct slice to = map_column(r, name);
        uint32_t from = (uint32_t)(t.at - r->st->sql.ptr);
        uint32_t len = (uint32_t)t.text.len + (t.kind == SQL_NAME ? 2 : 0);
        if (to.len > 0 && !slice_eq(to, name))
            add_edit(r, from, from + len, quoted(r, SLICE_LIT(""), to));
    }
}

/* ---- what goes ---- */

static bool within(const struct ddl_mark *inner, const struct ddl_mark *outer)
{
    return inner->from >= outer->from && inner->to <= outer->to;
}

static bool is_item(const struct ddl_mark *m)
{
    return m->kind == DDL_MARK_ITEM || m->kind == DDL_MARK_NESTED;
}

/* Marks of an item stand before its own. Returns the first one. */
static uint32_t first_within(const struct rewrite *r, uint32_t item)
{
    const struct ddl_mark *marks = r->st->marks;
    uint32_t i = item;
    while (i > 0 && within(&marks[i - 1], &marks[item]))
        i--;
    return i;
}

static bool in_clause(const struct rewrite *r, uint32_t mark, uint32_t item)
{
    const struct ddl_mark *marks = r->st->marks;
    for (uint32_t i = mark + 1; i < item; i++)
        if (marks[i].kind == DDL_MARK_CLAUSE && within(&marks[mark], &marks[i]))
            return true;
    return false;
}

/*
 * Whether an expression of the item names a column that goes: of a clause of a
 * column's definition, or of the item itself, a CHECK or a part of a key.
 */
static bool loses_expression(struct rewrite *r, uint32_t item, bool of_clause)
{
    const struct ddl_mark *marks = r->st->marks;
    for (uint32_t i = first_within(r, item); i < item; i++) {
        if (marks[i].kind == DDL_MARK_NESTED)
            return false; /* which are looked at by themselves */
        if (marks[i].kind == DDL_MARK_EXPRESSION && in_clause(r, i, item) == of_clause &&
            names_dropped(r, &marks[i]))
            return true;
    }
    return false;
}

/* Whether an item goes with a column. */
static bool item_goes(struct rewrite *r, uint32_t item)
{
    const struct ddl_mark *marks = r->st->marks;
    uint32_t place = 0;
    uint32_t from = first_within(r, item);
    for (uint32_t i = from; i < item; i++) {
        if (marks[i].kind == DDL_MARK_NESTED)
            return false; /* which are looked at by themselves */
        if (marks[i].kind == DDL_MARK_PLACE)
            place = marks[i].from;
    }
    for (uint32_t i = from; i < item; i++) {
        if (marks[i].kind != DDL_MARK_COLUMN || (place > 0 && marks[i].from > place))
            continue;
        if (map_column(r, marks[i].name).len == 0)
            return true;
    }
    return loses_expression(r, item, false);
}

/* A RENAME or CHANGE between a column that goes and one that does not cannot be told. */
static bool crosses(struct rewrite *r)
{
    for (uint32_t i = 0; i < r->st->action_count; i++) {
        const struct ddl_action *a = &r->st->actions[i];
        struct slice from = a->name, to = SLICE_LIT("");
        if (a->kind == DDL_RENAME_COLUMN)
            to = a->new_name;
        else if (a->kind == DDL_MODIFY_COLUMN)
            to = a->column->name;
        else
            continue;
        if ((map_column(r, from).len == 0) != (map_column(r, to).len == 0))
            return true;
    }
    return false;
}

/* The next item of the same list behind i that stays; UINT32_MAX: none. */
static uint32_t next_kept(const struct rewrite *r, uint32_t i)
{
    const struct ddl_mark *marks = r->st->marks;
    for (uint32_t k = i + 1; k < r->st->mark_count; k++) {
        if (marks[k].kind == DDL_MARK_ITEM && marks[i].kind == DDL_MARK_NESTED)
            return UINT32_MAX; /* the end of its list */
        if (marks[k].kind == marks[i].kind && !r->dropped[k])
            return k;
    }
    return UINT32_MAX;
}

static uint32_t item_before(const struct rewrite *r, uint32_t i)
{
    const struct ddl_mark *marks = r->st->marks;
    for (uint32_t k = i; k-- > 0;) {
        if (marks[k].kind == DDL_MARK_ITEM && marks[i].kind == DDL_MARK_NESTED)
            return UINT32_MAX;
        if (marks[k].kind == marks[i].kind)
            return k;
    }
    return UINT32_MAX;
}

/* An item goes with one of the commas beside it. */
static void cut_item(struct rewrite *r, uint32_t i)
{
    const struct ddl_mark *marks = r->st->marks;
    uint32_t next = next_kept(r, i), before = item_before(r, i);
    if (next != UINT32_MAX)
        add_edit(r, marks[i].from, marks[next].from, SLICE_LIT(""));
    else if (before != UINT32_MAX)
        add_edit(r, marks[before].to, marks[i].to, SLICE_LIT(""));
    else
        add_edit(r, marks[i].from, marks[i].to, SLICE_LIT(""));
}

/* An ADD (..) of which nothing is left goes as a whole. */
static bool all_nested_go(const struct rewrite *r, uint32_t item)
{
    const struct ddl_mark *marks = r->st->marks;
    bool any = false;
    for (uint32_t i = first_within(r, item); i < item; i++) {
        if (marks[i].kind != DDL_MARK_NESTED)
            continue;
        if (!r->dropped[i])
            return false;
        any = true;
    }
    return any;
}

static void choose_items(struct rewrite *r)
{
    const struct ddl_mark *marks = r->st->marks;
    uint32_t items = 0, gone = 0;
    for (uint32_t i = 0; i < r->st->mark_count && r->err == ERR_OK; i++) {
        if (!is_item(&marks[i]))
            continue;
        r->dropped[i] = item_goes(r, i) || all_nested_go(r, i);
        items += marks[i].kind == DDL_MARK_ITEM;
        gone += marks[i].kind == DDL_MARK_ITEM && r->dropped[i];
        r->out->keys_out += r->dropped[i] && !marks[i].defines && r->st->kind == DDL_CREATE_TABLE;
    }
    r->out->nothing = items > 0 && gone == items && r->st->kind == DDL_ALTER_TABLE;
}

/* ---- edits ---- */

static void cut_clauses(struct rewrite *r, uint32_t item)
{
    const struct ddl_mark *marks = r->st->marks;
    if (!loses_expression(r, item, true))
        return;
    for (uint32_t i = first_within(r, item); i < item; i++)
        if (marks[i].kind == DDL_MARK_CLAUSE)
            add_edit(r, marks[i].from, marks[i].to, SLICE_LIT(""));
}

static void edit_mark(struct rewrite *r, uint32_t i)
{
    const struct ddl_mark *m = &r->st->marks[i];
    switch (m->kind) {
    case DDL_MARK_TABLE:
    case DDL_MARK_DATABASE:
        rename_table(r, m);
        return;
    case DDL_MARK_COLUMN: {
        struct slice to = map_column(r, m->name);
        if (to.len > 0 && !slice_eq(to, m->name))
            add_edit(r, m->from, m->to, quoted(r, SLICE_LIT(""), to));
        return;
    }
    case DDL_MARK_EXPRESSION:
        rename_expression(r, m);
        return;
    case DDL_MARK_PLACE:
        if (map_column(r, m->name).len == 0)
            add_edit(r, m->from, m->to, SLICE_LIT(""));
        return;
    case DDL_MARK_ITEM:
    case DDL_MARK_NESTED:
        if (r->dropped[i])
            cut_item(r, i);
        else
            cut_clauses(r, i);
        return;
    case DDL_MARK_CLAUSE:
        return;
    }
}

/* Added columns stand behind the last one that is defined and stays. */
static void add_columns(struct rewrite *r)
{
    const struct ddl_mark *marks = r->st->marks, *last = NULL, *first = NULL;
    if (r->st->kind != DDL_CREATE_TABLE || r->m->extra_count == 0)
        return;
    for (uint32_t i = 0; i < r->st->mark_count; i++) {
        if (marks[i].kind != DDL_MARK_ITEM)
            continue;
        first = first != NULL ? first : &marks[i];
        if (marks[i].defines && !r->dropped[i])
            last = &marks[i];
    }
    if (last == NULL)
        return;
    bool lines = first->from > 0 && memchr(r->st->sql.ptr, '\n', first->from) != NULL;
    size_t cap = 1;
    for (uint32_t i = 0; i < r->m->extra_count; i++)
        cap += 2 * r->m->extras[i].name.len + r->m->extras[i].type.len + 8;
    uint8_t *p = arena_alloc(r->arena, cap);
    if (p == NULL) {
        r->err = ERR_NO_MEMORY;
        return;
    }
    struct writer w = writer_fixed(p, cap);
    for (uint32_t i = 0; i < r->m->extra_count; i++) {
        writer_slice_put(&w, lines ? SLICE_LIT(",\n  ") : SLICE_LIT(", "));
        sql_put_name(&w, r->m->extras[i].name);
        writer_u8(&w, ' ');
        writer_slice_put(&w, r->m->extras[i].type);
    }
    add_edit(r, last->to, last->to, writer_slice(&w));
}

/* By place; what covers more comes first, and what is put in stands before what is cut there. */
static int by_place(const void *a, const void *b)
{
    const struct edit *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    bool puts_x = x->from == x->to, puts_y = y->from == y->to;
    if (puts_x != puts_y)
        return puts_x ? -1 : 1;
    return x->to > y->to ? -1 : x->to < y->to;
}

/* Whether each comment that begins in a text ends in it, and none ends that began before. */
static bool keeps_comments(struct slice s)
{
    uint8_t quote = 0;
    bool open = false;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i], next = i + 1 < s.len ? s.ptr[i + 1] : 0;
        if (quote != 0 && c == '\\' && quote != '`') {
            i++;
        } else if (quote != 0) {
            quote = c == quote ? 0 : quote;
        } else if (c == '\'' || c == '"' || c == '`') {
            quote = c;
        } else if (c == '/' && next == '*') {
            open = true;
            i++;
        } else if (c == '*' && next == '/') {
            if (!open)
                return false;
            open = false;
            i++;
        }
    }
    return !open;
}

/* A cut that would leave half a comment cannot be made. */
static bool can_write(struct rewrite *r)
{
    qsort(r->edits, r->count, sizeof(*r->edits), by_place);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct edit *e = &r->edits[i];
        if (!keeps_comments(slice_of(r->st->sql.ptr + e->from, e->to - e->from)))
            return false;
    }
    return true;
}

static void write_all(struct rewrite *r, struct writer *w)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct edit *e = &r->edits[i];
        if (e->from < at)
            continue; /* within what goes */
        writer_slice_put(w, slice_of(r->st->sql.ptr + at, e->from - at));
        writer_slice_put(w, e->by);
        at = e->to;
    }
    writer_slice_put(w, slice_of(r->st->sql.ptr + at, r->st->sql.len - at));
}

/* Edits: one a mark, several a clause at worst twice, and one a word of an expression. */
static size_t most_edits(const struct ddl_statement *st)
{
    size_t n = 2 * (size_t)st->mark_count + 2;
    for (uint32_t i = 0; i < st->mark_count; i++)
        if (st->marks[i].kind == DDL_MARK_EXPRESSION)
            n += st->marks[i].to - st->marks[i].from;
    return n;
}

enum err ddl_rewrite(const struct ddl_statement *st, const struct ddl_mapping *m, struct arena *a,
                     struct writer *w, struct ddl_rewritten *out)
{
    struct rewrite r = {.st = st, .m = m, .arena = a, .out = out};
    *out = (struct ddl_rewritten){0};
    if (!is_known_kind(st) || st->sql.len > UINT32_MAX)
        return ERR_UNSUPPORTED;
    if (crosses(&r))
        return r.err != ERR_OK ? r.err : ERR_UNSUPPORTED;
    r.dropped = calloc(st->mark_count + 1, sizeof(*r.dropped));
    r.edits = calloc(most_edits(st), sizeof(*r.edits));
    if (r.dropped == NULL || r.edits == NULL)
        r.err = ERR_NO_MEMORY;
    if (r.err == ERR_OK)
        choose_items(&r);
    for (uint32_t i = 0; i < st->mark_count && r.err == ERR_OK && !out->nothing; i++)
        edit_mark(&r, i);
    if (r.err == ERR_OK && !out->nothing)
        add_columns(&r);
    if (r.err == ERR_OK && !out->nothing && !can_write(&r))
        r.err = ERR_UNSUPPORTED;
    if (r.err == ERR_OK && !out->nothing) {
        write_all(&r, w);
        r.err = w->err;
    }
    free(r.dropped);
    free(r.edits);
    return r.err;
}
