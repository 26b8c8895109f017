/* What the selected tables are. */
#include "pipeline/precheck/precheck_int.h"

#include <string.h>

#define CASCADES_LOGGED 90600 /* MySQL 9.6: rows that foreign keys change have events */

typedef void (*table_fn)(struct finding *out, const struct checked_table *t);

/* One line for each of the first tables that `is` takes. */
static void remedy_each(const struct precheck_facts *f, table_is is, table_fn line,
                        struct finding *out)
{
    for (size_t i = 0, n = 0; i < f->table_count && n < NAMES_SHOWN; i++) {
        if (!is(f, &f->tables[i]))
            continue;
        line(out, &f->tables[i]);
        n++;
    }
}

static bool is_window(const struct precheck_facts *f, const struct checked_table *t)
{
    static const char *const engines[] = {"FEDERATED", "MRG_MyISAM", "CONNECT", "SPIDER"};
    (void)f;
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
        if (slice_eq_nocase(t->def->engine, slice_str(engines[i])))
            return true;
    return false;
}

static bool is_unsafe(const struct precheck_facts *f, const struct checked_table *t)
{
    return !is_window(f, t) && t->def->engine.len > 0 &&
           !slice_eq_nocase(t->def->engine, SLICE_LIT("InnoDB")) &&
           !slice_eq_nocase(t->def->engine, SLICE_LIT("ndbcluster")) &&
           !slice_eq_nocase(t->def->engine, SLICE_LIT("ROCKSDB")) &&
           !slice_eq_nocase(t->def->engine, SLICE_LIT("TokuDB"));
}

static void leave_out(struct finding *out, const struct checked_table *t)
{
    find_remedy(out, "objects: [\"!%.*s.%.*s\", ...]", SLICE_ARG(t->def->database),
                SLICE_ARG(t->def->name));
}

static void to_innodb(struct finding *out, const struct checked_table *t)
{
    find_table_remedy(out, "ALTER TABLE ", t, " ENGINE=InnoDB;");
}

void judge_engines(const struct precheck_facts *f, struct finding *out)
{
    struct writer names;
    writer_init(&names, 64u << 10);
    size_t n = find_tables(f, is_window, &names);
    if (n > 0) {
        find_failure(out, ERR_OK,
                     "%zu %s of an engine that shows the rows of other tables, whose "
                     "changes come under other names or not at all: %.*s",
                     n, AGREES(n, "table is", "tables are"), SLICE_ARG(writer_slice(&names)));
        remedy_each(f, is_window, leave_out, out);
    }
    writer_clear(&names);
    n = find_tables(f, is_unsafe, &names);
    if (n > 0) {
        find_warning(out,
                     "%zu %s not transactional: what a statement that fails has changed "
                     "stays, and after a crash of the source table and binlog may differ: %.*s",
                     n, AGREES(n, "table is", "tables are"), SLICE_ARG(writer_slice(&names)));
        remedy_each(f, is_unsafe, to_innodb, out);
    }
    writer_fini(&names);
    if (out->found.len == 0)
        find_note(out, "%zu %s, all of transactional engines", COUNT_OF(f->table_count, "table"));
}

static bool is_keyless(const struct precheck_facts *f, const struct checked_table *t)
{
    (void)f;
    return t->table != NULL && t->table->identity_count == 0;
}

static void add_key(struct finding *out, const struct checked_table *t)
{
    bool taken = false;
    for (uint32_t i = 0; i < t->def->column_count; i++)
        taken = taken || slice_eq_nocase(t->def->columns[i].name, SLICE_LIT("id"));
    find_table_remedy(
        out, "ALTER TABLE ", t,
        taken ? " ADD COLUMN row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY;"
              : " ADD COLUMN id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY;");
}

void judge_keys(const struct precheck_facts *f, struct finding *out)
{
    struct writer names;
    writer_init(&names, 64u << 10);
    size_t n = find_tables(f, is_keyless, &names);
    if (n > 0) {
        find_warning(out,
                     "%zu of %zu %s neither a primary key nor a unique key of NOT NULL "
                     "columns: %.*s",
                     n, f->table_count, AGREES(f->table_count, "table has", "tables have"),
                     SLICE_ARG(writer_slice(&names)));
        remedy_each(f, is_keyless, add_key, out);
    } else {
        find_note(out, "%zu %s, all with a key", COUNT_OF(f->table_count, "table"));
    }
    writer_fini(&names);
}

static bool has_invisible(const struct precheck_facts *f, const struct checked_table *t)
{
    (void)f;
    for (uint32_t i = 0; i < t->def->column_count; i++)
        if (t->def->columns[i].invisible)
            return true;
    return false;
}

void judge_invisible(const struct precheck_facts *f, struct finding *out)
{
    struct writer names;
    writer_init(&names, 64u << 10);
    size_t n = find_tables(f, has_invisible, &names);
    if (n > 0)
        find_note(out,
                  "%zu %s some, which go out like the others (columns.exclude leaves "
                  "them out): %.*s",
                  n, AGREES(n, "table has", "tables have"), SLICE_ARG(writer_slice(&names)));
    else
        find_note(out, "none");
    writer_fini(&names);
}

void judge_charsets(const struct precheck_facts *f, struct finding *out)
{
    size_t n = 0;
    for (size_t i = 0; i < f->table_count; i++) {
        const struct checked_table *t = &f->tables[i];
        if (t->type_problem == NULL || n++ >= NAMES_SHOWN)
            continue;
        if ((f->config->phases & CONF_PHASE_FULL) != 0)
            find_failure(out, ERR_TABLE_MISMATCH, "%s", t->type_problem);
        else
            find_warning(out, "%s", t->type_problem);
        leave_out(out, t);
    }
    if (n == 0)
        find_note(out, "%zu %s, all of known types and character sets",
                  COUNT_OF(f->table_count, "table"));
}

static bool does_cascade(const struct precheck_facts *f, const struct checked_table *t)
{
    (void)f;
    return t->cascades;
}

void judge_foreign_keys(const struct precheck_facts *f, struct finding *out)
{
    struct writer names;
    bool logged = f->server.flavour == SRC_MYSQL && f->server.version >= CASCADES_LOGGED;
    writer_init(&names, 64u << 10);
    size_t n = find_tables(f, does_cascade, &names);
    if (n > 0 && logged) {
        find_note(out, "%zu %s them, and this version logs what they change", n,
                  AGREES(n, "table has", "tables have"));
    } else if (n > 0) {
        find_warning(out,
                     "%zu %s foreign keys with CASCADE or SET NULL, whose changes this "
                     "version does not log: %.*s",
                     n, AGREES(n, "table has", "tables have"), SLICE_ARG(writer_slice(&names)));
        find_remedy(out,
                    "delete and update child rows by statements or triggers, with foreign keys "
                    "that say NO ACTION; or a source of MySQL 9.6 or later");
    } else {
        find_note(out, "none");
    }
    writer_fini(&names);
}

static bool is_encrypted(const struct precheck_facts *f, const struct checked_table *t)
{
    (void)f;
    return t->encrypted;
}

void judge_encryption(const struct precheck_facts *f, struct finding *out)
{
    struct writer names;
    writer_init(&names, 64u << 10);
    size_t n = find_tables(f, is_encrypted, &names);
    if (n > 0)
        find_note(out, "%zu %s encrypted at rest, which makes no difference", n,
                  AGREES(n, "table is", "tables are"));
    else
        find_note(out, "no table is encrypted");
    writer_fini(&names);
    if (!f->settings.encdb)
        return;
    if ((f->config->phases & CONF_PHASE_FULL) != 0)
        find_failure(out, ERR_OK,
                     "EncDB is on: the full copy would read values that are encrypted "
                     "for clients");
    else
        find_warning(out, "EncDB is on");
    find_remedy(out, "phases: [schema, incremental]  -- or EncDB off");
}
