#include "encode/format.h"

struct slice format_schema(const struct format_options *o)
{
    return o->kind == FORMAT_DTS_AVRO ? dts_avro_schema() : SLICE_LIT("");
}

enum err format_table_new(const struct format_options *o, const struct table *t,
                          const struct message_names *names, struct slice frame,
                          struct format_table *out, struct errmsg *em)
{
    struct format_table ft = {.kind = o->kind};
    switch (o->kind) {
    case FORMAT_CANAL_JSON:
        TRY(canal_table_new(&o->canal, t, names, &ft.canal, em));
        break;
    case FORMAT_DTS_AVRO:
        TRY(dts_avro_table_new(&o->avro, t, names, frame, &ft.avro, em));
        break;
    }
    *out = ft;
    return ERR_OK;
}

void format_table_free(struct format_table *ft)
{
    switch (ft->kind) {
    case FORMAT_CANAL_JSON:
        canal_table_free(ft->canal);
        break;
    case FORMAT_DTS_AVRO:
        dts_avro_table_free(ft->avro);
        break;
    }
    *ft = (struct format_table){0};
}

enum err format_encoder_new(const struct format_options *o, const struct zone *zone,
                            struct format_encoder *out)
{
    struct format_encoder enc = {.kind = o->kind};
    switch (o->kind) {
    case FORMAT_CANAL_JSON:
        if ((enc.canal = canal_json_new(&o->canal, zone)) == NULL)
            return ERR_NO_MEMORY;
        break;
    case FORMAT_DTS_AVRO:
        if ((enc.avro = dts_avro_new()) == NULL)
            return ERR_NO_MEMORY;
        break;
    }
    *out = enc;
    return ERR_OK;
}

void format_encoder_free(struct format_encoder *enc)
{
    switch (enc->kind) {
    case FORMAT_CANAL_JSON:
        canal_json_free(enc->canal);
        break;
    case FORMAT_DTS_AVRO:
        dts_avro_free(enc->avro);
        break;
    }
    *enc = (struct format_encoder){0};
}

enum err format_encode(const struct format_encoder *enc, const struct format_table *ft,
                       const struct change *c, struct writer *value)
{
    switch (enc->kind) {
    case FORMAT_CANAL_JSON:
        return canal_json_encode(enc->canal, ft->canal, c, value);
    case FORMAT_DTS_AVRO:
        return dts_avro_encode(enc->avro, ft->avro, c, value);
    }
    return ERR_BUG;
}

const char *format_failed_column(const struct format_encoder *enc)
{
    switch (enc->kind) {
    case FORMAT_CANAL_JSON:
        return canal_json_failed_column(enc->canal);
    case FORMAT_DTS_AVRO:
        return dts_avro_failed_column(enc->avro);
    }
    return NULL;
}

uint64_t format_replaced(const struct format_encoder *enc)
{
    return enc->kind == FORMAT_CANAL_JSON ? canal_json_replaced(enc->canal) : 0;
}

enum err format_ddl_encode(const struct format_options *o, const struct ddl_change *d,
                           struct slice frame, struct writer *value)
{
    switch (o->kind) {
    case FORMAT_CANAL_JSON:
        return canal_ddl_encode(&o->canal, d, value);
    case FORMAT_DTS_AVRO:
        return dts_avro_ddl_encode(&o->avro, d, frame, value);
    }
    return ERR_BUG;
}
