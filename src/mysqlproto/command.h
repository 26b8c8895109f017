/*
 * Payloads of the commands that we send ("Command Phase" and "Replication
 * Protocol", MySQL source docs). They are appended to a writer without
 * framing: client.h frames them. Failure shows in w->err.
 */
#pragma once

#include "base/writer.h"

#include <stdint.h>

struct my_gtid_set;

void my_command_quit(struct writer *w);
void my_command_ping(struct writer *w);
void my_command_query(struct writer *w, struct slice sql);
void my_command_prepare(struct writer *w, struct slice sql);
void my_command_close(struct writer *w, uint32_t statement_id);

enum my_param_kind {
    MY_PARAM_NULL,
    MY_PARAM_I64,
    MY_PARAM_U64,
    MY_PARAM_F32,
    MY_PARAM_F64,
    MY_PARAM_STRING,  /* in character_set_client */
    MY_PARAM_BYTES,   /* binary */
    MY_PARAM_DECIMAL, /* digits in string */
};

struct my_param {
    enum my_param_kind kind;
    union {
        int64_t i64;
        uint64_t u64;
        float f32;
        double f64;
        struct slice string;
    };
};

/* Without a cursor: rows come at once. */
void my_command_execute(struct writer *w, uint32_t statement_id, const struct my_param *params,
                        uint32_t param_count);

/* COM_REGISTER_SLAVE: makes SHOW REPLICAS list us. host may be empty; it is cut at 60 bytes. */
void my_command_register(struct writer *w, uint32_t server_id, struct slice host, uint16_t port);

#define MY_DUMP_NON_BLOCK     0x01
#define MY_DUMP_HEARTBEAT_V2  0x02 /* MySQL 8.0.26 and later */
#define MY_DUMP_ANNOTATE_ROWS 0x02 /* MariaDB */

/* COM_BINLOG_DUMP. file empty: the first there is, or (MariaDB) as @slave_connect_state says. */
void my_command_dump(struct writer *w, uint32_t server_id, uint16_t flags, struct slice file,
                     uint32_t offset);

/* COM_BINLOG_DUMP_GTID, MySQL 5.6 and later: everything but what is in executed. */
void my_command_dump_gtid(struct writer *w, uint32_t server_id, uint16_t flags,
                          const struct my_gtid_set *executed);
