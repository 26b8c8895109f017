/*
 * Capability bits of the login (include/mysql_com.h of the server). MariaDB's
 * extended bits are counted from 32 on, as its protocol reference does; they
 * travel in what is reserved space elsewhere.
 */
#pragma once

#include <stdint.h>

#define MY_CAP(bit) (UINT64_C(1) << (bit))

#define MY_CAP_MYSQL                  MY_CAP(0) /* clear in a greeting: MariaDB 10.2 or later */
#define MY_CAP_LONG_FLAG              MY_CAP(2)
#define MY_CAP_CONNECT_WITH_DB        MY_CAP(3)
#define MY_CAP_COMPRESS               MY_CAP(5)
#define MY_CAP_LOCAL_FILES            MY_CAP(7) /* never ours: a server could ask for files */
#define MY_CAP_PROTOCOL_41            MY_CAP(9)
#define MY_CAP_SSL                    MY_CAP(11)
#define MY_CAP_TRANSACTIONS           MY_CAP(13)
#define MY_CAP_SECURE_CONNECTION      MY_CAP(15)
#define MY_CAP_MULTI_RESULTS          MY_CAP(17)
#define MY_CAP_PS_MULTI_RESULTS       MY_CAP(18)
#define MY_CAP_PLUGIN_AUTH            MY_CAP(19)
#define MY_CAP_CONNECT_ATTRS          MY_CAP(20)
#define MY_CAP_LENENC_AUTH            MY_CAP(21) /* PLUGIN_AUTH_LENENC_CLIENT_DATA */
#define MY_CAP_SESSION_TRACK          MY_CAP(23)
#define MY_CAP_DEPRECATE_EOF          MY_CAP(24)
#define MY_CAP_ZSTD                   MY_CAP(26)
#define MY_CAP_MARIADB_EXTENDED_TYPES MY_CAP(35)

/* What is asked for wherever the server offers it. */
#define MY_CAP_WANTED                                                                              \
    (MY_CAP_MYSQL | MY_CAP_LONG_FLAG | MY_CAP_PROTOCOL_41 | MY_CAP_TRANSACTIONS |                  \
     MY_CAP_SECURE_CONNECTION | MY_CAP_MULTI_RESULTS | MY_CAP_PS_MULTI_RESULTS |                   \
     MY_CAP_PLUGIN_AUTH | MY_CAP_CONNECT_ATTRS | MY_CAP_LENENC_AUTH | MY_CAP_DEPRECATE_EOF)
