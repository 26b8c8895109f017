#include "base/siphash.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* What `openssl mac -macopt hexkey:000102..0f -macopt size:16 SIPHASH` makes of the bytes 00 01 02
 * ... */
static const struct {
    size_t len;
    const char *hex;
} vectors[] = {{0, "A3817F04BA25A8E66DF67214C7550293"}, {1, "DA87C1D86B99AF44347659119B22FC45"},
               {2, "8177228DA4A45DC7FCA38BDEF60AFFE4"}, {7, "A1F1EBBED8DBC153C0B84AA61FF08239"},
               {8, "3B62A9BA6258F5610F83E264F31497B4"}, {15, "5493E99933B0A8117E08EC0F97CFC3D9"}};

static void check(struct hash128 h, const char *hex)
{
    char text[33];
    for (unsigned i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02X", (unsigned)((i < 8 ? h.a : h.b) >> (8 * (i % 8)) & 0xFF));
    cr_assert_str_eq(text, hex);
}

Test(siphash, agrees_with_another_implementation_wherever_the_bytes_are_cut)
{
    static const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    uint8_t bytes[16];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    for (size_t v = 0; v < sizeof(vectors) / sizeof(vectors[0]); v++)
        for (size_t cut = 0; cut <= vectors[v].len; cut++)
            check(
                siphash128(key, slice_of(bytes, cut), slice_of(bytes + cut, vectors[v].len - cut)),
                vectors[v].hex);
}
