/*
 * The packets of the login: the server's greeting, the request for TLS, our
 * response. Which of them comes when is client.h's business.
 */
#pragma once

#include "base/err.h"
#include "base/writer.h"

#include <stdint.h>

#define MY_SCRAMBLE_LEN 20

struct my_greeting {
    struct slice version; /* "9.7.4", "5.5.5-10.11.19-MariaDB-..." */
    uint32_t thread_id;
    uint8_t scramble[MY_SCRAMBLE_LEN];
    uint64_t capabilities; /* with MariaDB's extended bits from 32 on */
    uint8_t collation;
    uint16_t status;
    struct slice plugin; /* the server's default, not the account's; len 0: none named */
    bool mariadb;
};

/* Slices point into payload. An ERR packet is not a greeting: look at the first byte before. */
NODISCARD enum err my_greeting_parse(struct slice payload, struct my_greeting *out);

/* Attributes that performance_schema.session_connect_attrs shows. len 0: left out. */
struct my_attribute {
    struct slice name;
    struct slice value;
};

struct my_response {
    uint64_t capabilities; /* only bits that the greeting offers */
    bool mariadb;
    struct slice user;
    struct slice auth;     /* the plugin's first reply */
    struct slice database; /* with MY_CAP_CONNECT_WITH_DB */
    struct slice plugin;
    const struct my_attribute *attributes;
    size_t attribute_count;
    uint8_t zstd_level; /* with MY_CAP_ZSTD */
};

/* The payload of SSLRequest: the first 32 bytes of the response. */
void my_ssl_request_write(const struct my_response *rs, struct writer *w);

/* The payload of HandshakeResponse41. */
void my_response_write(const struct my_response *rs, struct writer *w);

/* A request of the server for another authentication method: 0xFE, name, data. */
struct my_auth_switch {
    struct slice plugin;
    struct slice data; /* with the NUL that closes a scramble */
};

NODISCARD enum err my_auth_switch_parse(struct slice payload, struct my_auth_switch *out);
