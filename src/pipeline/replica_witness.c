/* The reader and the third witness: see tables_unproven() and witness.h. */
#include "pipeline/replica_int.h"

#include "base/clock.h"

#include <stdlib.h>

#define AGAIN_MS  1000  /* before a table that was shown differently is looked at again */
#define FAILED_MS 10000 /* after a question that failed */

/* The next table that is to be compared is asked about. */
static enum err ask(struct replica *r)
{
    struct slice database, table;
    uint64_t version;
    if (clock_mono_ms() < r->witness_ms ||
        !tables_unproven(r->o.tables, &database, &table, &version))
        return ERR_OK;
    if (r->witness == NULL)
        TRY(witness_start(r->o.source, r->o.loop, &r->witness));
    TRY(witness_ask(r->witness, &r->server, database, table, version));
    r->witness_asked = true;
    r->witness_connects = r->connects;
    return ERR_OK;
}

static enum err judge(struct replica *r, const struct witness_answer *a)
{
    bool again;
    if (a->err != ERR_OK || r->witness_connects != r->connects) {
        tables_unasked(r->o.tables, a->database, a->table);
        r->witness_ms = clock_mono_ms() + (a->err != ERR_OK ? FAILED_MS : 0);
        return ERR_OK;
    }
    TRY(tables_witness(r->o.tables, a->database, a->table, a->version, a->def, &again));
    if (again)
        r->witness_ms = clock_mono_ms() + AGAIN_MS;
    return ERR_OK;
}

enum err replica_witness_turn(struct replica *r)
{
    struct witness_answer *a = &r->witness_said;
    if (r->txn.state != BINLOG_TXN_OUTSIDE)
        return ERR_OK;
    if (!r->witness_asked)
        return ask(r);
    if (!r->witness_answered && !witness_answer(r->witness, a))
        return ERR_OK;
    r->witness_answered = true;
    /* A statement that the source has carried out, and that is still to come, would tell. */
    if (a->err == ERR_OK && r->witness_connects == r->connects &&
        !binlog_place_upto(a->end, r->place))
        return ERR_OK;
    enum err e = judge(r, a);
    free(a->def);
    a->def = NULL;
    r->witness_asked = r->witness_answered = false;
    return e;
}

void replica_witness_end(struct replica *r)
{
    witness_stop(r->witness);
    r->witness = NULL;
    free(r->witness_said.def);
    r->witness_said.def = NULL;
    r->witness_asked = r->witness_answered = false;
}
