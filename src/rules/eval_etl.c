#include "rules/program_int.h"
enum err eval_etl_call(struct rule_machine *m, const struct insn *in, const struct rule_row *row,
                       struct val *args)
{
    (void)m;
    (void)in;
    (void)row;
    (void)args;
    return ERR_BUG;
}
enum err eval_etl_replace_all(struct rule_machine *m, const struct insn *in, struct rule_row *row,
                              uint32_t columns, const struct val *args)
{
    (void)m;
    (void)in;
    (void)row;
    (void)args;
    (void)columns;
    return ERR_BUG;
}
enum err cell_of_val(struct rule_machine *m, const struct column *col, const struct val *v,
                     struct cell *out)
{
    (void)m;
    (void)col;
    (void)v;
    (void)out;
    return ERR_BUG;
}
bool compile_etl_node(struct compiler *c, const struct rule_node *n)
{
    return compile_fail(c, n->at, "not here");
}
