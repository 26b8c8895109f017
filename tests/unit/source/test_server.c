#include "source/server.h"

#include <criterion/criterion.h>

static struct src_server good(void)
{
    return (struct src_server){.version = 80400,
                               .version_text = "8.4.0",
                               .server_id = 1,
                               .log_bin = true,
                               .binlog_format = "ROW"};
}

static void expect_refused(const struct src_server *sv, const char *words)
{
    struct errmsg em = {0};
    cr_assert_eq(src_server_check(sv, &em), ERR_SOURCE_SETUP);
    cr_assert_not_null(strstr(em.text, words), "%s", em.text);
}

Test(server, what_is_set_up_for_replication_passes)
{
    struct src_server sv = good();
    cr_assert_eq(src_server_check(&sv, NULL), ERR_OK);
}

Test(server, each_fault_has_its_sentence)
{
    struct src_server sv = good();
    sv.log_bin = false;
    expect_refused(&sv, "log_bin=binlog");
    sv = good();
    sv.server_id = 0;
    expect_refused(&sv, "server_id");
    sv = good();
    strcpy(sv.binlog_format, "STATEMENT");
    expect_refused(&sv, "binlog_format is STATEMENT");
    sv = good();
    sv.version = 50500;
    strcpy(sv.version_text, "5.5.9-log");
    expect_refused(&sv, "version 5.5.9-log");
}
