#include "source/zone.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(zone, a_fixed_zone_has_one_offset)
{
    struct zone *z;
    cr_assert_eq(src_zone_fixed(-12600, &z), ERR_OK);
    cr_assert_eq(z->count, 1);
    cr_assert_eq(z->steps[0].from, INT64_MIN);
    cr_assert_eq(zone_offset(z, 0), -12600);
    cr_assert_eq(zone_offset(z, INT64_MAX), -12600);
    free(z);
}

Test(zone, fixed_names_need_no_server)
{
    static const struct {
        const char *zone;
        const char *system;
        int32_t offset;
    } names[] = {
        {"+00:00", "CET", 0},  {"UTC", "CET", 0},      {"SYSTEM", "UTC", 0},
        {"+14:00", "", 50400}, {"-03:30", "", -12600}, {"+5:45", "", 20700},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct src_server sv = {0};
        struct zone *z;
        strcpy(sv.time_zone, names[i].zone);
        strcpy(sv.system_time_zone, names[i].system);
        cr_assert_eq(src_zone_learn(NULL, &sv, &z, NULL), ERR_OK);
        cr_assert_eq(zone_offset(z, 1700000000), names[i].offset, "%s", names[i].zone);
        free(z);
    }
}
