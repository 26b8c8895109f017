"""DTS Avro: every type inserted, updated and deleted, read back with fastavro against the schema,
and each cell held against the server's own text."""

import json
import unittest

import test_types as types
from lib import servers
from lib.avro import AvroFold, read_records
from lib.case import EndToEnd
from lib.compare import differences

FORMAT = {"destination": {"format": "dts-avro"}}


class AvroTypes:
    """The tests; each server's class provides `server`."""

    json_extra = []
    own_types = {}

    def groups(self):
        return {
            "numbers": {**types.integer_columns(), **types.float_columns(), **types.bit_columns()},
            "decimals": types.decimal_columns(), "times": types.time_columns(zero=True), "strings": types.string_columns(),
            "enums": types.enum_columns(), "shapes": types.geometry_columns(),
            "documents": {"json": types.JSON_VALUES + self.json_extra}, "own": self.own_types,
        }

    def assert_rows(self, connection, groups):
        fold = AvroFold().add_all(read_records(self.kafka.brokers, self.name))
        found = []
        for table in groups:
            found += differences(connection, self.database, table, fold.rows(connection, self.database, table))
        self.assertEqual(found, [])

    def test_every_type(self):
        groups = self.groups()
        c = self.create(self.server)
        c.run("SET sql_mode=''")
        for table, columns in groups.items():
            parts = [f"`c{i}` {kind}" for i, kind in enumerate(columns)]
            c.run(f"CREATE TABLE `{table}` (id INT PRIMARY KEY, {', '.join(parts)})")
        task = self.task(self.server, start=self.server.position(), **FORMAT)
        sizes = {table: max(len(v) for v in columns.values()) + 1 for table, columns in groups.items()}

        def value(table, row, i, values):
            # One NULL in each column, in another row each.
            return "NULL" if (row + i) % sizes[table] == 0 else str(values[row % len(values)])

        for table, columns in groups.items():
            for row in range(sizes[table]):
                names = ", ".join(f"`c{i}`" for i in range(len(columns)))
                values = ", ".join(value(table, row, i, v) for i, v in enumerate(columns.values()))
                c.run(f"INSERT INTO `{table}` (id, {names}) VALUES ({row}, {values})")
        task.run_until_caught_up()
        self.assert_rows(c, groups)
        for table, columns in groups.items():
            for row in range(sizes[table]):
                sets = [f"`c{i}`={value(table, row + 1, i, v)}" for i, v in enumerate(columns.values())]
                c.run(f"UPDATE `{table}` SET {', '.join(sets)} WHERE id={row}")
            c.run(f"DELETE FROM `{table}` WHERE id % 2 = 0")
        task.run_until_caught_up()
        self.assert_rows(c, groups)

    def test_record(self):
        """What stands around the images."""
        c = self.create(self.server, "CREATE TABLE `t.x` (id INT, k INT NOT NULL, n INT, PRIMARY KEY (id), UNIQUE KEY by_k (k), UNIQUE KEY by_n (n, k))")
        task = self.task(self.server, start=self.server.position(), **FORMAT)
        first = self.binlog_number(c)
        c.run("INSERT INTO `t.x` VALUES (1,1,NULL),(2,2,2)")
        c.run("UPDATE `t.x` SET n=5 WHERE id=1; UPDATE `t.x` SET id=7 WHERE id=2; DELETE FROM `t.x` WHERE id=1")
        task.run_until_caught_up()
        records = read_records(self.kafka.brokers, self.name)
        self.assertEqual([r.operation for r in records], ["INSERT", "INSERT", "UPDATE", "DELETE", "INSERT", "DELETE"])
        version = c.one("SELECT @@version")
        last = self.binlog_number(c)  # others write to this server, too
        for r in records:
            s = r.says
            self.assertEqual((s["version"], s["sourceTxid"], s["source"]), (0, "0", {"sourceType": "MySQL", "version": version}))
            self.assertEqual(s["objectName"], f"{self.database}.t\\u002Ex")
            self.assertEqual([s["fields"], s["processTimestamps"]], [[{"name": n, "dataTypeNumber": 3} for n in ("id", "k", "n")], None])
            self.assertEqual(s["bornTimestamp"], s["sourceTimestamp"])
            tags = s["tags"]
            self.assertEqual(json.loads(tags["pk_uk_info"]), {"PRIMARY": ["id"], "by_k": ["k"], "by_n": ["n", "k"]})
            self.assertEqual(tags["server_id"], c.one("SELECT @@server_id"))
            self.assertEqual(tags["metaVersion"], records[0].says["tags"]["metaVersion"])
            self.assertLess(abs(int(tags["readerThroughoutTime"]) / 1000 - s["sourceTimestamp"]), 60)
            if not self.server.mariadb:
                self.assertEqual(tags["thread_id"], c.one("SELECT CONNECTION_ID()"))
            place, safe = ([int(n) for n in s[name].split("@")] for name in ("sourcePosition", "safeSourcePosition"))
            self.assertTrue(first <= place[1] <= last, (first, place, last))
            self.assertLess(safe, place)
        self.assertEqual(records[0].says["sourcePosition"], records[1].says["sourcePosition"])
        self.assertEqual([r.says["id"] for r in records], sorted({r.says["id"] for r in records}))

    @staticmethod
    def binlog_number(connection):
        return int(connection.text("SHOW BINARY LOGS")[-1][0].rsplit(".", 1)[1])

    def test_statements(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")
        task = self.task(self.server, [{"table": f"{self.database}.*", "ddl": "all"}], start=self.server.position(), **FORMAT)
        c.run("ALTER TABLE t ADD c VARCHAR(9) COMMENT 'ü'; INSERT INTO t VALUES (1, 'x')")
        task.run_until_caught_up()
        statement, row = read_records(self.kafka.brokers, self.name)
        s = statement.says
        self.assertEqual((s["operation"], s["objectName"], s["afterImages"]), ("DDL", self.database, "ALTER TABLE t ADD c VARCHAR(9) COMMENT 'ü'"))
        self.assertEqual((s["fields"], s["beforeImages"], s["processTimestamps"]), (None, None, None))
        self.assertEqual(s["sourcePosition"], s["safeSourcePosition"])
        self.assertEqual(s["tags"]["commitTimestamp"], str(s["sourceTimestamp"]))
        self.assertEqual(s["tags"]["server_id"], c.one("SELECT @@server_id"))
        self.assertEqual(row.names, ["id", "c"])

    def test_full_copy_shows_what_the_stream_shows(self):
        """Every type once as INIT, and once as INSERT of the same row: the same values."""
        columns = {kind: values for group in self.groups().values() for kind, values in group.items()}
        c = self.create(self.server)
        c.run("SET sql_mode=''")
        # Row size bounds how many strings one table may have.
        names = [kind for kind in columns if not kind.startswith(("char(255)", "varchar(3000)", "varchar(2000)"))]
        c.run(f"CREATE TABLE t (id INT PRIMARY KEY, {', '.join(f'c{i} {kind}' for i, kind in enumerate(names))})")
        for row in range(3):
            values = ", ".join(str(columns[kind][row % len(columns[kind])]) for kind in names)
            c.run(f"INSERT INTO t VALUES ({row}, {values})")
        task = self.task(self.server, phases=["full", "incremental"], **FORMAT)
        task.run_until_caught_up()
        copied = read_records(self.kafka.brokers, self.name)
        self.assertEqual([r.operation for r in copied], ["INIT"] * 3)
        fold = AvroFold().add_all(copied)
        self.assertEqual(differences(c, self.database, "t", fold.rows(c, self.database, "t")), [])
        c.run("INSERT INTO t SELECT id + 10, " + ", ".join(f"c{i}" for i in range(len(names))) + " FROM t")
        task.run_until_caught_up()
        inserted = read_records(self.kafka.brokers, self.name)[3:]
        self.assertEqual([r.operation for r in inserted], ["INSERT"] * 3)
        for init, insert in zip(sorted(copied, key=lambda r: r.key), sorted(inserted, key=lambda r: r.key)):
            self.assertEqual(init.says["fields"], insert.says["fields"])
            self.assertEqual({**init.image("after"), "id": 0}, {**insert.image("after"), "id": 0})
            self.assertGreaterEqual(init.says["id"], 2**52)

    def test_partial_images(self):
        """What the binlog does not have is EmptyObject NONE, never null."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(9), d INT DEFAULT 4)")
        task = self.task(self.server, start=self.server.position(), **FORMAT)
        c.run("SET binlog_row_image='MINIMAL'; INSERT INTO t VALUES (1,2,'x',NULL); UPDATE t SET a=3 WHERE id=1; DELETE FROM t WHERE id=1")
        task.run_until_caught_up()
        _, update, delete = read_records(self.kafka.brokers, self.name)
        number = {n: ("Integer", {"precision": 4, "value": str(n)}) for n in (1, 3)}
        none = ("EmptyObject", "NONE")
        self.assertEqual(update.image("before"), {"id": number[1], "a": none, "b": none, "d": none})
        self.assertEqual(update.image("after"), {"id": number[1], "a": number[3], "b": none, "d": none})
        self.assertEqual(delete.image("before"), {"id": number[1], "a": none, "b": none, "d": none})


class MysqlAvro(AvroTypes, EndToEnd):
    json_extra = types.MYSQL_JSON
    own_types = {"vector(3)": ["TO_VECTOR('[1,2.5,-3e10]')", "TO_VECTOR('[0,0,0]')"]}

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()


class MariadbAvro(AvroTypes, EndToEnd):
    own_types = {
        "uuid": ["'123e4567-e89b-12d3-a456-426655440000'"], "inet6": ["'::'", "'2001:db8::ff00:42:8329'"], "inet4": ["'192.0.2.7'"],
        "text compressed": ["REPEAT('abc',5000)"], "varchar(2000) compressed": ["REPEAT('ä',1500)", "''"],
    }

    def setUp(self):
        super().setUp()
        self.server = servers.mariadb()



if __name__ == "__main__":
    unittest.main()
