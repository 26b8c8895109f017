/*
 * Where transactions of the brokers end, as a lane sees it (exactly-once).
 *
 *   1. reader       lane_cut(n)               behind all that it has submitted
 *   2. lane         lane_look_for_cut()       all of that is carried: it is handed over, and what
 *                                             comes later is held
 *   3. supervisor   lane_passed() is n        of every lane: it commits
 *   4. supervisor   lane_release(n)           the next transaction is open
 *   5. lane         lane_look_for_release()
 *
 * Rows go on being encoded meanwhile; only what they become is held.
 */
#include "pipeline/lane_int.h"

uint64_t lane_passed(const struct lane *l)
{
    return atomic_load(&l->passed);
}

void lane_release(struct lane *l, uint64_t n)
{
    atomic_store(&l->released, n);
    kafka_producer_wake(l->producer); /* it may wait for room */
}

static bool is_released(const struct lane *l)
{
    return l->held && atomic_load(&l->released) >= atomic_load(&l->passed);
}

void lane_look_for_release(struct lane *l)
{
    if (!is_released(l))
        return;
    l->held = false;
    kafka_producer_release(l->producer);
}

bool lane_look_for_cut(struct lane *l)
{
    lane_look_for_release(l);
    uint64_t n = atomic_load(&l->cuts);
    if (n == atomic_load_explicit(&l->passed, memory_order_relaxed) ||
        l->carried < atomic_load(&l->cut_seq))
        return true;
    enum err e;
    while ((e = kafka_producer_hold(l->producer)) == ERR_NO_ROOM) {
        if (lane_is_stopped(l))
            return false;
        lane_wait_for_room(l);
    }
    if (e != ERR_OK) {
        lane_poll(l, 0); /* says what has failed */
        return false;
    }
    l->held = true;
    atomic_store(&l->passed, n);
    return true;
}

bool lane_is_called(const struct lane *l)
{
    return atomic_load(&l->cuts) != atomic_load(&l->passed) || is_released(l);
}
