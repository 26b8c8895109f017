/* Identity and settings of the source, and what is wrong with them. */
#include "source/server.h"

#include "source/session_int.h"

#include <stdio.h>

/* Where the value of a variable goes: a text field, or a parser. */
struct variable {
    const char *name;
    void (*set)(struct src_server *sv, struct slice value);
};

static void copy(char *to, size_t cap, struct slice value)
{
    size_t n = value.len < cap - 1 ? value.len : cap - 1;
    memcpy(to, value.ptr, n);
    to[n] = '\0';
}

static bool is_on(struct slice value)
{
    return slice_eq_nocase(value, SLICE_LIT("ON")) || slice_eq(value, SLICE_LIT("1"));
}

/* "9.7.4", "10.11.19-MariaDB-1:10.11.19+maria~deb12-log", "26.7.0": major, minor, patch. */
static uint32_t parse_version(struct slice text)
{
    uint32_t parts[3] = {0};
    size_t i = 0;
    for (unsigned part = 0; part < 3; part++) {
        while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9' && parts[part] < 10000)
            parts[part] = parts[part] * 10 + (uint32_t)(text.ptr[i++] - '0');
        if (i >= text.len || text.ptr[i] != '.')
            break;
        i++;
    }
    return parts[0] * 10000 + parts[1] * 100 + (parts[2] < 100 ? parts[2] : 99);
}

#define TEXT_SETTER(fn, field)                                                                     \
    static void fn(struct src_server *sv, struct slice value)                                      \
    {                                                                                              \
        copy(sv->field, sizeof(sv->field), value);                                                 \
    }
TEXT_SETTER(set_version_comment, version_comment)
TEXT_SETTER(set_uuid, server_uuid)
TEXT_SETTER(set_format, binlog_format)
TEXT_SETTER(set_image, row_image)
TEXT_SETTER(set_metadata, row_metadata)
TEXT_SETTER(set_value_options, row_value_options)
TEXT_SETTER(set_checksum, checksum)
TEXT_SETTER(set_gtid_mode, gtid_mode)
TEXT_SETTER(set_time_zone, time_zone)
TEXT_SETTER(set_system_time_zone, system_time_zone)
TEXT_SETTER(set_charset, charset)
TEXT_SETTER(set_storage_engine, binlog_storage)
#undef TEXT_SETTER

static void set_version(struct src_server *sv, struct slice value)
{
    copy(sv->version_text, sizeof(sv->version_text), value);
    sv->version = parse_version(value);
    if (strstr(sv->version_text, "MariaDB") != NULL)
        sv->flavour = SRC_MARIADB;
}

static void set_server_id(struct src_server *sv, struct slice value)
{
    sv->server_id = (uint32_t)slice_number(value);
}

static void set_log_bin(struct src_server *sv, struct slice value)
{
    sv->log_bin = is_on(value);
}

static void set_compression(struct src_server *sv, struct slice value)
{
    sv->transaction_compression = is_on(value);
}

static void set_log_updates(struct src_server *sv, struct slice value)
{
    sv->log_replica_updates = is_on(value);
}

static void set_lower_case(struct src_server *sv, struct slice value)
{
    sv->lower_case_table_names = (uint8_t)slice_number(value);
}

static void set_temporal(struct src_server *sv, struct slice value)
{
    sv->mysql56_temporal_format = is_on(value);
}

/* clang-format off */
static const struct variable variables[] = {
    {"version",                        set_version},
    {"version_comment",                set_version_comment},
    {"server_id",                      set_server_id},
    {"server_uuid",                    set_uuid},
    {"log_bin",                        set_log_bin},
    {"binlog_format",                  set_format},
    {"binlog_row_image",               set_image},
    {"binlog_row_metadata",            set_metadata},
    {"binlog_row_value_options",       set_value_options},
    {"binlog_checksum",                set_checksum},
    {"binlog_transaction_compression", set_compression},
    {"binlog_storage_engine",          set_storage_engine}, /* MariaDB 12.3 */
    {"gtid_mode",                      set_gtid_mode},
    {"log_replica_updates",            set_log_updates},
    {"log_slave_updates",              set_log_updates},
    {"lower_case_table_names",         set_lower_case},
    {"mysql56_temporal_format",        set_temporal},
    {"time_zone",                      set_time_zone},
    {"system_time_zone",               set_system_time_zone},
    {"character_set_server",           set_charset},
};
/* clang-format on */
#define VARIABLE_COUNT (sizeof(variables) / sizeof(variables[0]))

static enum err take_variable(void *arg, const struct src_row *row)
{
    if (row->count < 2)
        return ERR_PROTOCOL;
    for (size_t i = 0; i < VARIABLE_COUNT; i++)
        if (slice_eq_nocase(row->values[0].text, slice_str(variables[i].name)))
            variables[i].set(arg, row->values[1].text);
    return ERR_OK;
}

/* SHOW VARIABLES leaves out what a server does not have, where SELECT @@name would fail. */
enum err src_server_read(struct src_session *s, struct src_server *out, struct errmsg *em)
{
    struct src_server sv = {.mysql56_temporal_format = true};
    if (src_session_is_mariadb(s))
        sv.flavour = SRC_MARIADB;
    struct writer sql;
    writer_init(&sql, 4096);
    writer_lit(&sql, "SHOW GLOBAL VARIABLES WHERE Variable_name IN (");
    for (size_t i = 0; i < VARIABLE_COUNT; i++)
        writer_printf(&sql, "%s'%s'", i > 0 ? "," : "", variables[i].name);
    writer_lit(&sql, ")");
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_query(s, writer_slice(&sql), take_variable, &sv, em);
    writer_fini(&sql);
    TRY(e);
    sv.gtids = sv.flavour == SRC_MARIADB || strcmp(sv.gtid_mode, "ON") == 0;
    *out = sv;
    return ERR_OK;
}

enum err src_server_check_version(const struct src_server *sv, struct errmsg *em)
{
    if (sv->version >= 50600)
        return ERR_OK;
    return errmsg_set(em, ERR_SOURCE_SETUP,
                      "the source is version %s: MySQL 5.6 or MariaDB 10.0 is the oldest that "
                      "can be read",
                      sv->version_text);
}

enum err src_server_check_log(const struct src_server *sv, struct errmsg *em)
{
    if (sv->log_bin)
        return ERR_OK;
    return errmsg_set(em, ERR_SOURCE_SETUP,
                      "the source writes no binary log (log_bin is OFF): start it with "
                      "log_bin=binlog and a server_id");
}

enum err src_server_check_id(const struct src_server *sv, struct errmsg *em)
{
    if (sv->server_id != 0)
        return ERR_OK;
    return errmsg_set(em, ERR_SOURCE_SETUP,
                      "the source's server_id is 0, with which it refuses replicas: set "
                      "server_id to a number of its own");
}

enum err src_server_check_format(const struct src_server *sv, struct errmsg *em)
{
    if (strcmp(sv->binlog_format, "ROW") == 0)
        return ERR_OK;
    return errmsg_set(em, ERR_SOURCE_SETUP,
                      "the source's binlog_format is %s, which does not hold the rows: SET "
                      "GLOBAL binlog_format=ROW there (open sessions keep the old one), and "
                      "in its configuration",
                      sv->binlog_format);
}

enum err src_server_check_image(const struct src_server *sv, struct errmsg *em)
{
    if (sv->row_image[0] == 0 || strcmp(sv->row_image, "FULL") == 0)
        return ERR_OK;
    return errmsg_set(em, ERR_SOURCE_SETUP,
                      "binlog_row_image is %s, and the full copy needs FULL: SET "
                      "GLOBAL binlog_row_image=FULL, or leave the full phase out",
                      sv->row_image);
}

enum err src_server_check(const struct src_server *sv, struct errmsg *em)
{
    TRY(src_server_check_version(sv, em));
    TRY(src_server_check_log(sv, em));
    TRY(src_server_check_id(sv, em));
    return src_server_check_format(sv, em);
}
