#include "pipeline/position.h"

#include "base/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (64u << 20)

void position_fini(struct position *p)
{
    my_gtid_set_fini(&p->set);
    maria_gtid_pos_fini(&p->maria);
    *p = (struct position){0};
}

enum err position_copy(struct position *to, const struct position *from)
{
    TRY(my_gtid_set_copy(&to->set, &from->set));
    TRY(maria_gtid_pos_copy(&to->maria, &from->maria));
    to->kind = from->kind;
    memcpy(to->file, from->file, sizeof(to->file));
    to->offset = from->offset;
    return ERR_OK;
}

void position_print(const struct position *p, struct writer *w)
{
    switch (p->kind) {
    case POSITION_FILE:
        writer_printf(w, "%s:%llu", p->file, (unsigned long long)p->offset);
        break;
    case POSITION_GTID:
        writer_lit(w, "gtid:");
        my_gtid_set_print(&p->set, w);
        break;
    case POSITION_MARIADB:
        writer_lit(w, "gtid:");
        maria_gtid_pos_print(&p->maria, w);
        break;
    }
}

const char *position_text(const struct position *p, char *buf, size_t cap)
{
    struct writer w;
    writer_init(&w, TEXT_MAX);
    position_print(p, &w);
    if (w.len < cap) {
        memcpy(buf, w.base, w.len);
        buf[w.len] = 0;
    } else {
        snprintf(buf, cap, "%.*s...", (int)cap - 4, (const char *)w.base);
    }
    writer_fini(&w);
    return buf;
}

static unsigned long long file_number(const char *file)
{
    const char *dot = strrchr(file, '.');
    return dot != NULL ? strtoull(dot + 1, NULL, 10) : 0;
}

struct binlog_place binlog_place_of(const char *file, uint64_t offset)
{
    return (struct binlog_place){file_number(file), offset};
}

int binlog_place_compare(const char *a_file, uint64_t a_offset, const char *b_file,
                         uint64_t b_offset)
{
    unsigned long long a = file_number(a_file), b = file_number(b_file);
    if (a != b)
        return a < b ? -1 : 1;
    return a_offset < b_offset ? -1 : a_offset > b_offset;
}

static bool maria_reached(const struct maria_gtid_pos *p, const struct maria_gtid_pos *target)
{
    for (uint32_t i = 0; i < target->count; i++) {
        const struct maria_gtid *want = &target->gtids[i];
        const struct maria_gtid *have = maria_gtid_pos_get(p, want->domain);
        if (have == NULL || have->sequence < want->sequence)
            return false;
    }
    return true;
}

bool position_reached(const struct position *p, const struct position *target)
{
    switch (p->kind) {
    case POSITION_FILE:
        return p->file[0] != 0 &&
               binlog_place_compare(p->file, p->offset, target->file, target->offset) >= 0;
    case POSITION_GTID:
        return my_gtid_set_subset(&target->set, &p->set);
    case POSITION_MARIADB:
        return maria_reached(&p->maria, &target->maria);
    }
    return false;
}
