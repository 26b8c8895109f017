#include "pipeline/ddl_route.h"

#include "encode/key.h"
#include "pipeline/tables_int.h"

static bool is_whole_database(enum ddl_kind kind)
{
    return kind == DDL_CREATE_DATABASE || kind == DDL_ALTER_DATABASE || kind == DDL_DROP_DATABASE;
}

static enum ddl_change_type index_type(const struct ddl_statement *st)
{
    for (uint32_t i = 0; i < st->action_count; i++)
        if (st->actions[i].kind != DDL_ADD_KEY && st->actions[i].kind != DDL_DROP_KEY)
            return DDL_TYPE_ALTER;
    if (st->action_count == 0)
        return DDL_TYPE_ALTER;
    return st->actions[0].kind == DDL_ADD_KEY ? DDL_TYPE_CINDEX : DDL_TYPE_DINDEX;
}

static enum ddl_change_type type_of(const struct ddl_statement *st)
{
    switch ((int)st->kind) {
    case DDL_CREATE_TABLE:
        return DDL_TYPE_CREATE;
    case DDL_ALTER_TABLE:
        if (st->object_count > 0 && st->objects[0].new_name.len > 0)
            return DDL_TYPE_RENAME;
        return index_type(st);
    case DDL_DROP_TABLE:
        return DDL_TYPE_ERASE;
    case DDL_RENAME_TABLE:
        return DDL_TYPE_RENAME;
    case DDL_TRUNCATE_TABLE:
        return DDL_TYPE_TRUNCATE;
    case DDL_CREATE_INDEX:
        return DDL_TYPE_CINDEX;
    case DDL_DROP_INDEX:
        return DDL_TYPE_DINDEX;
    default:
        return DDL_TYPE_QUERY;
    }
}

/* The object's entry wants statements of this class. */
static bool is_wanted(const struct tables *t, size_t object, enum ddl_class class)
{
    return object != OBJECTS_NONE && class != DDL_CLASS_NONE &&
           (t->o.task->objects[object].ddl >> (class - DDL_CLASS_CREATE) & 1) != 0;
}

/* One name of the statement. *object: the entry that takes it, if it wants the statement. */
static enum err match(const struct tables *t, enum ddl_class class, struct slice database,
                      struct slice table, size_t *object, bool *unwanted, struct errmsg *em)
{
    if (table.len == 0)
        TRY(objects_match_database(t->o.objects, database, object, em));
    else
        TRY(objects_match(t->o.objects, database, table, object, em));
    if (is_wanted(t, *object, class))
        return ERR_OK;
    *unwanted = *unwanted || *object != OBJECTS_NONE;
    *object = OBJECTS_NONE;
    return ERR_OK;
}

/* The names that one object of a statement goes by: two where it is renamed. */
static uint32_t names_of(const struct ddl_statement *st, const struct ddl_object *o,
                         struct slice names[2][2])
{
    bool by_table = st->class == DDL_CLASS_TRIGGER || st->class == DDL_CLASS_INDEX;
    names[0][0] = o->database;
    names[0][1] = is_whole_database(st->kind) ? SLICE_LIT("") : by_table ? o->table : o->name;
    names[1][0] = o->new_database;
    names[1][1] = o->new_name;
    return o->new_name.len > 0 ? 2 : 1;
}

static enum err find_object(const struct tables *t, const struct ddl_statement *st,
                            struct ddl_route *out, size_t *object, struct errmsg *em)
{
    *object = OBJECTS_NONE;
    for (uint32_t i = 0; i < st->object_count; i++) {
        struct slice names[2][2];
        uint32_t n = names_of(st, &st->objects[i], names);
        for (uint32_t k = 0; k < n; k++) {
            TRY(match(t, st->class, names[k][0], names[k][1], object, &out->unwanted, em));
            out->database = names[k][0];
            out->table = names[k][1];
            if (*object != OBJECTS_NONE)
                return ERR_OK;
        }
    }
    return ERR_OK;
}

/* abs(abs(H(database + "." + table)) % n), as rows under partition_by: table. */
static int32_t table_partition(struct slice database, struct slice table, int32_t count)
{
    uint32_t h = java_hash(0, database);
    h = java_hash(h, SLICE_LIT("."));
    return partition_of((int32_t)java_hash(h, table), count);
}

enum err ddl_route(struct tables *t, const struct ddl_statement *st, struct ddl_route *out,
                   struct errmsg *em)
{
    const struct conf_destination *d = &t->o.task->destination;
    char own[TOPIC_NAME_MAX + 1];
    size_t object;
    *out = (struct ddl_route){.type = type_of(st)};
    if (st->class == DDL_CLASS_NONE || st->temporary)
        return ERR_OK;
    TRY(find_object(t, st, out, &object, em));
    if (object == OBJECTS_NONE)
        return ERR_OK;
    out->unwanted = false;
    out->send = true;
    const char *topic = d->ddl_topic != NULL ? d->ddl_topic : d->topic;
    if (topic == NULL) {
        TRY(objects_topic(t->o.objects, object, out->database, out->table, own, em));
        topic = own;
    }
    TRY(tables_topic(t, topic, d->partitions, &out->topic_index, em));
    const struct topic *at = &t->o.topics->items[out->topic_index];
    out->topic = at->name;
    out->frame = slice_of(at->frame, at->frame_len);
    if (d->partition_by == CONF_BY_TABLE && out->table.len > 0)
        out->partition = table_partition(out->database, out->table, at->partitions);
    return ERR_OK;
}
