#include "mysqlproto/command.h"

#include "mysqlproto/gtid_set.h"

#include <criterion/criterion.h>

static struct writer w;

static void setup(void)
{
    writer_init(&w, 1 << 16);
}

static void teardown(void)
{
    writer_fini(&w);
}

TestSuite(command, .init = setup, .fini = teardown);

#define EXPECT(bytes) cr_assert(slice_eq(writer_slice(&w), SLICE_LIT(bytes)))

Test(command, plain_ones)
{
    my_command_query(&w, SLICE_LIT("SELECT 1"));
    EXPECT("\x03SELECT 1");
    writer_clear(&w);
    my_command_prepare(&w, SLICE_LIT("SELECT ?"));
    EXPECT("\x16SELECT ?");
    writer_clear(&w);
    my_command_close(&w, 0x01020304);
    EXPECT("\x19\x04\x03\x02\x01");
    writer_clear(&w);
    my_command_ping(&w);
    my_command_quit(&w);
    EXPECT("\x0E\x01");
}

Test(command, execute_without_parameters)
{
    my_command_execute(&w, 7, NULL, 0);
    EXPECT("\x17\x07\0\0\0\0\x01\0\0\0");
}

Test(command, execute_with_every_kind_of_parameter)
{
    struct my_param p[] = {
        {.kind = MY_PARAM_I64, .i64 = -2},
        {.kind = MY_PARAM_NULL},
        {.kind = MY_PARAM_U64, .u64 = UINT64_MAX},
        {.kind = MY_PARAM_F64, .f64 = 1.0},
        {.kind = MY_PARAM_STRING, .string = SLICE_LIT("hi")},
    };
    my_command_execute(&w, 7, p, 5);
    EXPECT("\x17\x07\0\0\0\0\x01\0\0\0"
           "\x02\x01"
           "\x08\0\x06\0\x08\x80\x05\0\xFD\0"
           "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
           "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
           "\0\0\0\0\0\0\xF0\x3F"
           "\x02hi");
}

Test(command, execute_with_parameters_of_a_type)
{
    struct my_param p[] = {
        {.kind = MY_PARAM_F32, .f32 = 1.0f},
        {.kind = MY_PARAM_BYTES, .string = SLICE_LIT("\0\xFF")},
        {.kind = MY_PARAM_DECIMAL, .string = SLICE_LIT("-1.50")},
    };
    my_command_execute(&w, 7, p, 3);
    EXPECT("\x17\x07\0\0\0\0\x01\0\0\0"
           "\0\x01"
           "\x04\0\xFC\0\xF6\0"
           "\0\0\x80\x3F"
           "\x02\0\xFF"
           "\x05-1.50");
}

Test(command, nulls_of_the_ninth_parameter_are_in_the_second_byte)
{
    struct my_param p[9];
    for (int i = 0; i < 9; i++)
        p[i] = (struct my_param){.kind = i == 8 ? MY_PARAM_NULL : MY_PARAM_I64};
    my_command_execute(&w, 1, p, 9);
    cr_assert_eq(w.base[10], 0);
    cr_assert_eq(w.base[11], 1);
}

Test(command, registration)
{
    my_command_register(&w, 258, SLICE_LIT("me"), 3306);
    EXPECT("\x15\x02\x01\0\0\x02me\0\0\xEA\x0C\0\0\0\0\0\0\0\0");
}

Test(command, a_long_host_is_cut)
{
    char host[300];
    memset(host, 'h', sizeof(host));
    my_command_register(&w, 1, slice_of(host, sizeof(host)), 0);
    cr_assert_eq(w.base[5], 60);
    cr_assert_eq(w.len, 1 + 4 + 61 + 2 + 2 + 8);
}

Test(command, dump_by_place)
{
    my_command_dump(&w, 4711, MY_DUMP_HEARTBEAT_V2, SLICE_LIT("bin.01"), 1234);
    EXPECT("\x12\xD2\x04\0\0\x02\0\x67\x12\0\0bin.01");
}

Test(command, dump_by_set)
{
    struct my_gtid_set s = {0};
    my_command_dump_gtid(&w, 4711, 0, &s);
    EXPECT("\x1E\0\0\x67\x12\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0");
    writer_clear(&w);
    cr_assert_eq(my_gtid_set_parse(&s, SLICE_LIT("00000000-0000-0000-0000-00000000000a:1-5")),
                 ERR_OK);
    my_command_dump_gtid(&w, 4711, 0, &s);
    cr_assert_eq(w.len, 23 + 8 + 16 + 8 + 16);
    cr_assert_eq(w.base[19], 8 + 16 + 8 + 16);
    my_gtid_set_fini(&s);
}
