#include "schema/sql_name.h"

void sql_put_name(struct writer *w, struct slice name)
{
    writer_u8(w, '`');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '`')
            writer_u8(w, '`');
        writer_u8(w, name.ptr[i]);
    }
    writer_u8(w, '`');
}

void sql_put_table(struct writer *w, struct slice database, struct slice table)
{
    sql_put_name(w, database);
    writer_u8(w, '.');
    sql_put_name(w, table);
}
