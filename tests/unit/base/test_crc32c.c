#include "base/crc32c.h"

#include <criterion/criterion.h>
#include <string.h>

/* Vectors of RFC 3720 (iSCSI), B.4, and the check value of the polynomial. */
Test(crc32c, known_vectors_come_out)
{
    uint8_t bytes[32];
    cr_assert_eq(crc32c(0, "123456789", 9), 0xE3069283);
    cr_assert_eq(crc32c(0, "", 0), 0);
    memset(bytes, 0, 32);
    cr_assert_eq(crc32c(0, bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, 32);
    cr_assert_eq(crc32c(0, bytes, 32), 0x62A8AB43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    cr_assert_eq(crc32c(0, bytes, 32), 0x46DD794E);
}

Test(crc32c, both_variants_agree_at_every_length_and_alignment)
{
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 3));
    for (size_t from = 0; from < 8; from++)
        for (size_t len = 0; from + len <= sizeof(bytes); len++)
            cr_assert_eq(crc32c(0, bytes + from, len), crc32c_table(0, bytes + from, len));
}

Test(crc32c, pieces_give_what_the_whole_gives)
{
    static const char text[] = "what is committed in MySQL arrives in Kafka";
    uint32_t whole = crc32c(0, text, sizeof(text));
    for (size_t cut = 0; cut <= sizeof(text); cut++)
        cr_assert_eq(crc32c(crc32c(0, text, cut), text + cut, sizeof(text) - cut), whole);
}
