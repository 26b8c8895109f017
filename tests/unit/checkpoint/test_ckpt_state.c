#include "checkpoint/ckpt_state.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static size_t payload_of(uint8_t *out, unsigned key, unsigned value)
{
    uint16_t len = 2;
    memcpy(out, &len, 2);
    out[2] = (uint8_t)key;
    out[3] = (uint8_t)(key >> 8);
    memcpy(out + 4, &value, 4);
    return 8;
}

static struct slice key_of(const unsigned *key)
{
    return slice_of(key, 2);
}

Test(ckpt_state, an_entry_is_found_by_type_and_key)
{
    struct ckpt_state s = {0};
    uint8_t p[8];
    unsigned key = 7;
    cr_assert_null(ckpt_state_get(&s, WAL_TABLE, key_of(&key)));
    cr_assert_eq(ckpt_state_put(&s, WAL_TABLE, slice_of(p, payload_of(p, 7, 1))), ERR_OK);
    cr_assert_null(ckpt_state_get(&s, WAL_TOPIC, key_of(&key)));
    const struct ckpt_entry *e = ckpt_state_get(&s, WAL_TABLE, key_of(&key));
    cr_assert_not_null(e);
    cr_assert(slice_eq(ckpt_entry_key(e), key_of(&key)));
    cr_assert_eq(ckpt_entry_value(e).len, 4);
    ckpt_state_fini(&s);
}

/* Against a plain array, through many puts, replacements and drops. */
Test(ckpt_state, random_work_agrees_with_a_plain_array)
{
    enum { KEYS = 300 };
    unsigned model[KEYS] = {0}, seed = 1234;
    struct ckpt_state s = {0};
    for (unsigned i = 1; i < 50000; i++) {
        unsigned key = (unsigned)rand_r(&seed) % KEYS;
        uint8_t p[8];
        if (rand_r(&seed) % 3 == 0) {
            ckpt_state_drop(&s, WAL_XA, key_of(&key));
            model[key] = 0;
        } else {
            cr_assert_eq(ckpt_state_put(&s, WAL_XA, slice_of(p, payload_of(p, key, i))), ERR_OK);
            model[key] = i;
        }
    }
    size_t there = 0;
    for (unsigned key = 0; key < KEYS; key++) {
        const struct ckpt_entry *e = ckpt_state_get(&s, WAL_XA, key_of(&key));
        cr_assert_eq(e != NULL, model[key] != 0);
        if (e == NULL)
            continue;
        there++;
        cr_assert_arr_eq(ckpt_entry_value(e).ptr, &model[key], 4);
    }
    cr_assert_eq(s.count, there);
    cr_assert_eq(s.bytes, there * wal_record_size(8));
    ckpt_state_fini(&s);
}
