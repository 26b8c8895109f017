#include "pipeline/lane_hold.h"

#include "pipeline/lane.h"

bool lane_holds_add(struct lane_holds *holds, struct kafka_producer *p, const struct lane_hold *h)
{
    if (holds->count == LANE_HOLDS_MAX || !kafka_partition_hold(p, h->topic, h->partition))
        return false;
    holds->held[holds->count++] = *h;
    return true;
}

void lane_holds_release(struct lane_holds *holds, struct kafka_producer *p)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < holds->count; i++) {
        const struct lane_hold h = holds->held[i];
        if (lane_acked(h.peer) >= h.seq)
            kafka_partition_release(p, h.topic, h.partition);
        else
            holds->held[left++] = h;
    }
    holds->count = left;
}
