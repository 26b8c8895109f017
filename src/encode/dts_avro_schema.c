/* The schema of dts_avro.h's datums. Its types and their order are Alibaba's. */
#include "encode/dts_avro.h"

/* clang-format off */
#define FIELD(name, type)           "{\"name\":\"" name "\",\"type\":" type "}"
#define OPTIONAL(name, type, value) "{\"name\":\"" name "\",\"type\":" type ",\"default\":" value "}"
#define RECORD(name, fields)        "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define ENUM(name, symbols)         "{\"type\":\"enum\",\"name\":\"" name "\",\"symbols\":[" symbols "]}"
#define ARRAY(items)                "{\"type\":\"array\",\"items\":" items "}"
#define PART(name)                  OPTIONAL(name, "[\"null\",\"int\"]", "null")

#define INT    "\"int\""
#define LONG   "\"long\""
#define DOUBLE "\"double\""
#define STRING "\"string\""
#define BYTES  "\"bytes\""

#define SOURCE                                                                                     \
    RECORD("Source",                                                                               \
           FIELD("sourceType",                                                                     \
                 ENUM("SourceType",                                                                \
                      "\"MySQL\",\"Oracle\",\"SQLServer\",\"PostgreSQL\",\"MongoDB\",\"Redis\","   \
                      "\"DB2\",\"PPAS\",\"DRDS\",\"HBASE\",\"HDFS\",\"FILE\",\"OTHER\"")) ","      \
           FIELD("version", STRING))

#define OPERATION                                                                                  \
    ENUM("Operation",                                                                              \
         "\"INSERT\",\"UPDATE\",\"DELETE\",\"DDL\",\"BEGIN\",\"COMMIT\",\"ROLLBACK\",\"ABORT\","   \
         "\"HEARTBEAT\",\"CHECKPOINT\",\"COMMAND\",\"FILL\",\"FINISH\",\"CONTROL\",\"RDB\","       \
         "\"NOOP\",\"INIT\"")

#define COLUMN RECORD("Field", FIELD("name", STRING) "," FIELD("dataTypeNumber", INT))

#define DATETIME                                                                                   \
    RECORD("DateTime", PART("year") "," PART("month") "," PART("day") "," PART("hour") ","         \
                       PART("minute") "," PART("second") "," PART("millis"))

/* What a value can be, defined where the schema first has it, and afterwards called by name. */
#define VALUES_DEFINED                                                                             \
    "[\"null\","                                                                                   \
    RECORD("Integer", FIELD("precision", INT) "," FIELD("value", STRING)) ","                      \
    RECORD("Character", FIELD("charset", STRING) "," FIELD("value", BYTES)) ","                    \
    RECORD("Decimal", FIELD("value", STRING) "," FIELD("precision", INT) "," FIELD("scale", INT)) "," \
    RECORD("Float", FIELD("value", DOUBLE) "," FIELD("precision", INT) "," FIELD("scale", INT)) ","   \
    RECORD("Timestamp", FIELD("timestamp", LONG) "," FIELD("millis", INT)) ","                     \
    DATETIME ","                                                                                   \
    RECORD("TimestampWithTimeZone", FIELD("value", "\"DateTime\"") "," FIELD("timezone", STRING)) "," \
    RECORD("BinaryGeometry", FIELD("type", STRING) "," FIELD("value", BYTES)) ","                  \
    RECORD("TextGeometry", FIELD("type", STRING) "," FIELD("value", STRING)) ","                   \
    RECORD("BinaryObject", FIELD("type", STRING) "," FIELD("value", BYTES)) ","                    \
    RECORD("TextObject", FIELD("type", STRING) "," FIELD("value", STRING)) ","                     \
    ENUM("EmptyObject", "\"NULL\",\"NONE\"") "]"

#define VALUES_NAMED                                                                               \
    "[\"null\",\"Integer\",\"Character\",\"Decimal\",\"Float\",\"Timestamp\",\"DateTime\","        \
    "\"TimestampWithTimeZone\",\"BinaryGeometry\",\"TextGeometry\",\"BinaryObject\","              \
    "\"TextObject\",\"EmptyObject\"]"

static const char schema[] =
    "{\"type\":\"record\",\"name\":\"Record\",\"namespace\":\"com.alibaba.dts.formats.avro\","
    "\"fields\":["
    FIELD("version", INT) ","
    FIELD("id", LONG) ","
    FIELD("sourceTimestamp", LONG) ","
    FIELD("sourcePosition", STRING) ","
    OPTIONAL("safeSourcePosition", STRING, "\"\"") ","
    OPTIONAL("sourceTxid", STRING, "\"\"") ","
    FIELD("source", SOURCE) ","
    FIELD("operation", OPERATION) ","
    OPTIONAL("objectName", "[\"null\",\"string\"]", "null") ","
    OPTIONAL("processTimestamps", "[\"null\"," ARRAY(LONG) "]", "null") ","
    OPTIONAL("tags", "{\"type\":\"map\",\"values\":\"string\"}", "{}") ","
    OPTIONAL("fields", "[\"null\",\"string\"," ARRAY(COLUMN) "]", "null") ","
    OPTIONAL("beforeImages", "[\"null\",\"string\"," ARRAY(VALUES_DEFINED) "]", "null") ","
    OPTIONAL("afterImages", "[\"null\",\"string\"," ARRAY(VALUES_NAMED) "]", "null") ","
    OPTIONAL("bornTimestamp", LONG, "0")
    "]}";
/* clang-format on */

struct slice dts_avro_schema(void)
{
    return slice_of(schema, sizeof schema - 1);
}
