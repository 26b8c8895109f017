/* What a server answers to commands: results, rows, prepared statements. See client.h. */
#include "mysqlproto/client_int.h"

#include "base/reader.h"

#include <stdlib.h>

#define HEADER_LOCAL_INFILE 0xFB

static enum err on_error(struct my_client *c, struct slice payload, struct my_event *event)
{
    *event = (struct my_event){.kind = MY_EVENT_ERROR};
    if (my_error_parse(payload, &event->error) != ERR_OK)
        return my_client_refuse(c, "an error packet that ends too soon");
    my_client_move(c, READY);
    return ERR_OK;
}

/* The end of a result: back to ready, or on to the next one of the same command. */
static enum err result_over(struct my_client *c, struct my_event *event)
{
    c->status = event->ok.status;
    event->more = (event->ok.status & MY_STATUS_MORE_RESULTS) != 0;
    my_client_move(c, event->more ? WANT_RESULT : READY);
    return ERR_OK;
}

/* Makes ready for count definitions of columns. */
static enum err expect_columns(struct my_client *c, uint32_t count)
{
    if (count > c->columns_cap) {
        struct my_column *columns = realloc(c->columns, count * sizeof(*columns));
        if (columns != NULL)
            c->columns = columns;
        uint32_t *ends = realloc(c->definition_ends, count * sizeof(*ends));
        if (ends != NULL)
            c->definition_ends = ends;
        if (columns == NULL || ends == NULL) {
            errmsg_set(&c->em, ERR_NO_MEMORY, "out of memory for %u columns", count);
            return my_client_close(c, ERR_NO_MEMORY);
        }
        c->columns_cap = count;
    }
    writer_clear(&c->definitions);
    c->column_count = count;
    c->definitions_left = count;
    my_client_move(c, WANT_COLUMN);
    return ERR_OK;
}

enum err my_client_on_result(struct my_client *c, struct slice payload, struct my_event *event)
{
    if (payload.len == 0)
        return my_client_refuse(c, "an empty packet");
    switch (payload.ptr[0]) {
    case HEADER_ERR:
        return on_error(c, payload, event);
    case HEADER_OK:
        *event = (struct my_event){.kind = MY_EVENT_OK};
        if (my_ok_parse(payload, c->capabilities, &event->ok) != ERR_OK)
            return my_client_refuse(c, "an OK packet that ends too soon");
        return result_over(c, event);
    case HEADER_LOCAL_INFILE:
        return my_client_refuse(c, "it asks for a file of this machine");
    default:
        break;
    }
    struct reader r = reader_of(payload);
    uint64_t count = reader_lenenc(&r);
    if (reader_finish(&r) != ERR_OK || reader_left(&r) > 0 || count == 0 || count > MY_COLUMNS_MAX)
        return my_client_refuse(c, "a column count that cannot be");
    c->preparing = false;
    TRY(expect_columns(c, (uint32_t)count));
    return ERR_NEED_INPUT;
}

/* All definitions are in: their slices can be cut, for the bytes do not move any more. */
static enum err columns_complete(struct my_client *c, struct my_event *event)
{
    struct slice bytes = writer_slice(&c->definitions);
    uint32_t at = 0;
    for (uint32_t i = 0; i < c->column_count; i++) {
        struct slice payload = slice_of(bytes.ptr + at, c->definition_ends[i] - at);
        if (my_column_parse(payload, c->capabilities, &c->columns[i]) != ERR_OK)
            return my_client_refuse(c, "a column definition that cannot be read");
        at = c->definition_ends[i];
    }
    *event = (struct my_event){
        .kind = c->preparing ? MY_EVENT_PREPARED : MY_EVENT_COLUMNS,
        .binary = c->binary,
        .columns = c->columns,
        .column_count = c->column_count,
        .statement_id = c->statement_id,
        .param_count = c->param_count,
    };
    my_client_move(c, c->preparing ? READY : WANT_ROW);
    return ERR_OK;
}

enum err my_client_on_column(struct my_client *c, struct slice payload, struct my_event *event)
{
    if (payload.len > 0 && payload.ptr[0] == HEADER_ERR && !c->preparing)
        return on_error(c, payload, event);
    writer_slice_put(&c->definitions, payload);
    if (c->definitions.err != ERR_OK)
        return my_client_refuse(c, "column definitions of more than 16 MB");
    c->definition_ends[c->column_count - c->definitions_left] = (uint32_t)c->definitions.len;
    if (--c->definitions_left > 0)
        return ERR_NEED_INPUT;
    if ((c->capabilities & MY_CAP_DEPRECATE_EOF) != 0)
        return columns_complete(c, event);
    my_client_move(c, WANT_COLUMNS_END);
    return ERR_NEED_INPUT;
}

enum err my_client_on_columns_end(struct my_client *c, struct slice payload, struct my_event *event)
{
    if (!my_is_eof(payload, c->capabilities))
        return my_client_refuse(c, "no EOF packet behind the column definitions");
    return columns_complete(c, event);
}

enum err my_client_on_row(struct my_client *c, struct slice payload, struct my_event *event)
{
    if (payload.len == 0)
        return my_client_refuse(c, "an empty row packet");
    if (payload.ptr[0] == HEADER_ERR)
        return on_error(c, payload, event);
    *event = (struct my_event){
        .binary = c->binary,
        .columns = c->columns,
        .column_count = c->column_count,
    };
    if (my_is_eof(payload, c->capabilities)) {
        event->kind = MY_EVENT_END;
        if (my_eof_parse(payload, c->capabilities, &event->ok) != ERR_OK)
            return my_client_refuse(c, "an EOF packet that ends too soon");
        return result_over(c, event);
    }
    event->kind = MY_EVENT_ROW;
    event->row = payload;
    return ERR_OK;
}

/* Parameter definitions say nothing of use; columns may follow. */
static enum err params_over(struct my_client *c, struct my_event *event)
{
    if (c->column_count > 0) {
        TRY(expect_columns(c, c->column_count));
        return ERR_NEED_INPUT;
    }
    return columns_complete(c, event);
}

enum err my_client_on_param(struct my_client *c, struct my_event *event)
{
    if (--c->definitions_left > 0)
        return ERR_NEED_INPUT;
    if ((c->capabilities & MY_CAP_DEPRECATE_EOF) != 0)
        return params_over(c, event);
    my_client_move(c, WANT_PARAMS_END);
    return ERR_NEED_INPUT;
}

enum err my_client_on_params_end(struct my_client *c, struct slice payload, struct my_event *event)
{
    if (!my_is_eof(payload, c->capabilities))
        return my_client_refuse(c, "no EOF packet behind the parameter definitions");
    return params_over(c, event);
}

/* header 1, statement id 4, columns 2, parameters 2, filler 1, warnings 2 */
enum err my_client_on_prepared(struct my_client *c, struct slice payload, struct my_event *event)
{
    struct reader r = reader_of(payload);
    if (payload.len > 0 && payload.ptr[0] == HEADER_ERR)
        return on_error(c, payload, event);
    uint8_t header = reader_u8(&r);
    c->statement_id = reader_u32(&r);
    c->column_count = reader_u16(&r);
    c->param_count = reader_u16(&r);
    if (reader_finish(&r) != ERR_OK || header != HEADER_OK || c->column_count > MY_COLUMNS_MAX)
        return my_client_refuse(c, "an answer that does not fit a prepared statement");
    c->preparing = true;
    if (c->param_count == 0)
        return params_over(c, event);
    c->definitions_left = c->param_count;
    my_client_move(c, WANT_PARAM);
    return ERR_NEED_INPUT;
}
