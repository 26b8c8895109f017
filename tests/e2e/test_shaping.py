"""What goes out, and how: filters, columns, names, row changes."""

import json
import re
import unittest

from lib import servers
from lib.avro import read_records
from lib.case import EndToEnd

FULL = ["full", "incremental"]


class Shaping:
    """On the server of each subclass."""

    seconds = 90

    def setUp(self):
        super().setUp()
        self.server = servers.mysql() if self.kind == "mysql" else servers.mariadb()

    def entry(self, table, **keys):
        return {"table": f"{self.database}.{table}", **keys}

    def stream(self, connection, changes, *entries, name=None, **keys):
        """The changes that a task with these entries makes of the statements, in order."""
        task = self.task(self.server, list(entries), name, start=self.server.position(), **keys)
        connection.run(changes)
        task.run_until_caught_up()
        return [m.change for m in self.messages(name)]

    def test_an_update_crosses_the_filter_in_four_ways(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, amount DECIMAL(10,2), note VARCHAR(20))")
        changes = self.stream(
            c,
            "INSERT INTO t VALUES (1, 5, 'out'), (2, 15, 'in'), (3, NULL, 'unknown');"
            "UPDATE t SET note = 'still out' WHERE id = 1; UPDATE t SET amount = 10.01 WHERE id = 1;"
            "UPDATE t SET note = 'still in' WHERE id = 1; UPDATE t SET amount = 10 WHERE id = 1; UPDATE t SET amount = 0 WHERE id = 3;"
            "DELETE FROM t WHERE id = 1; DELETE FROM t WHERE id = 2",
            self.entry("t", filter="amount > 10"),
        )
        found = [(m["type"], m["data"][0]["id"], m["data"][0]["amount"], m["data"][0]["note"]) for m in changes]
        self.assertEqual(found, [
            ("INSERT", "2", "15.00", "in"), ("INSERT", "1", "10.01", "still out"), ("UPDATE", "1", "10.01", "still in"),
            ("DELETE", "1", "10.01", "still in"), ("DELETE", "2", "15.00", "in"),
        ])
        self.assertEqual(changes[2]["old"], [{"note": "still out"}])
        self.assertIsNone(changes[1]["old"])
        self.assertNotIn("old", changes[3])

    def test_a_filter_sees_both_halves_of_a_changed_key(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        changes = self.stream(
            c, "INSERT INTO t VALUES (1, 1), (2, 2), (50, 3); UPDATE t SET id = 101 WHERE id = 1; UPDATE t SET id = 3 WHERE id = 2;"
            "UPDATE t SET id = 99 WHERE id = 50; UPDATE t SET id = 5 WHERE id = 101",
            self.entry("t", filter="id < 10 or id = 101"), destination={"partitions": 3},
        )
        found = sorted((m["id"], m["type"], m["data"][0]["id"]) for m in changes)
        self.assertEqual([f[1:] for f in found], [
            ("INSERT", "1"), ("INSERT", "2"), ("DELETE", "1"), ("INSERT", "101"), ("DELETE", "2"), ("INSERT", "3"), ("DELETE", "101"), ("INSERT", "5")])

    def test_the_source_is_asked_where_weights_decide(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20) COLLATE utf8mb4_unicode_ci, l VARCHAR(20) CHARACTER SET latin1)")
        rows = ["strasse", "STRASSE", "straße", "strase", "Éa", "ea", "日本", "sträße"]
        values = ", ".join(f"({i}, '{w}', '{w if w != '日本' else 'x'}')" for i, w in enumerate(rows))
        condition = "v = 'straße' or l = 'EA' or v like '日%' or lower(l) = 'éa' and v regexp '^é'"
        changes = self.stream(c, f"INSERT INTO t VALUES {values}; INSERT INTO t SELECT id + 100, v, l FROM t", self.entry("t", filter=condition))
        passed = [row[0] for row in c.text(f"SELECT id FROM t WHERE {condition} ORDER BY id")]
        self.assertGreater(len(passed), 5)
        self.assertEqual([m["data"][0]["id"] for m in changes], passed)

    def test_copy_and_stream_filter_alike(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, n INT, ts TIMESTAMP NULL, v VARCHAR(20), d DOUBLE)")
        c.run("SET time_zone = '+00:00'")
        values = ", ".join(f"({i}, {i % 7}, from_unixtime({1700000000 + i * 1000}), '{'äaÄAbé'[i % 6]}{i % 5}', {i / 8})" for i in range(500))
        c.run(f"INSERT INTO t VALUES {values}")
        condition = "n in (1, 3, 5) and ts > '2023-11-16 12:00:00' and v >= 'a1' and d / 2 < 25.5 or id = 7"
        task = self.task(self.server, [self.entry("t", filter=condition)], phases=FULL, source={"time_zone": "UTC"})
        task.run_until_caught_up()
        c.run("INSERT INTO t SELECT id + 1000, n, ts, v, d FROM t")
        task.run_until_caught_up()
        passed = {row[0] for row in c.text(f"SELECT id FROM t WHERE {condition}")}
        changes = [m.change for m in self.messages()]
        self.assertEqual({m["data"][0]["id"] for m in changes}, passed)
        self.assertEqual({m["data"][0]["id"] for m in changes if m["type"] == "INIT"}, {i for i in passed if int(i) < 1000})
        self.assertEqual({m["type"] for m in changes}, {"INIT", "INSERT"})

    def test_columns_are_taken_left_out_and_renamed(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, secret VARCHAR(9), secret_2 INT, cust INT, a_x INT, a_y INT)")
        changes = self.stream(
            c, "INSERT INTO t VALUES (1, 's', 2, 3, 4, 5); UPDATE t SET secret = 'z' WHERE id = 1; UPDATE t SET cust = 9 WHERE id = 1",
            self.entry("t", filter="secret_2 = 2", columns={"include": ["id", "secret*", "CUST", "a_*"], "exclude": ["secret*"],
                                                           "rename": {"cust": "customer_id", "a_*": "*_a"}}),
        )
        self.assertEqual([m["data"][0] for m in changes], [{"id": "1", "customer_id": c, "x_a": "4", "y_a": "5"} for c in ("3", "3", "9")])
        self.assertEqual(set(changes[0]["mysqlType"]), {"id", "customer_id", "x_a", "y_a"})
        self.assertEqual(set(changes[0]["sqlType"]), {"id", "customer_id", "x_a", "y_a"})
        self.assertEqual([m.get("old") for m in changes], [None, [{}], [{"customer_id": "3"}]])

    def test_names_and_topics_are_made_from_the_source_s(self):
        c = self.create(self.server, "CREATE TABLE user_7 (id INT PRIMARY KEY, Mixed INT)", "CREATE TABLE other (Id INT PRIMARY KEY)")
        entries = [
            {"table": f"{self.database}./user_(\\d+)/", "topic": f"{self.name}.shard{{1}}", "database_as": "Store", "table_as": "user_of_{1}_{database}"},
            self.entry("*", topic=f"{self.name}.{{table}}"),
        ]
        self.stream(c, "INSERT INTO user_7 VALUES (1, 2); INSERT INTO other VALUES (3)", *entries, destination={"names": "upper"})
        first, second = self.messages(f"{self.name}.shard7")[0], self.messages(f"{self.name}.other")[0]
        self.assertEqual((first.change["database"], first.change["table"]), ("Store", f"user_of_7_{self.database}"))
        self.assertEqual(first.change["data"], [{"ID": "1", "MIXED": "2"}])
        self.assertEqual(first.change["pkNames"], ["ID"])
        self.assertEqual((second.change["database"], second.change["table"]), (self.database.upper(), "OTHER"))
        self.assertEqual(json.loads(first.key), [self.database, "user_7", "1"])  # keys keep the source's names

    def test_capitals_are_as_names_says(self):
        """default is source; what an entry maps is as it was typed."""
        c = self.create(self.server, "CREATE TABLE Camel (Id INT PRIMARY KEY, Old INT)")
        start = self.server.position()
        c.run("INSERT INTO Camel VALUES (1, 2)")
        table, columns = c.one("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"), ["Id", "New"]
        wanted = {"default": (table, columns), "source": (table, columns), "lower": (table.lower(), ["id", "New"]), "upper": (table.upper(), ["ID", "New"])}
        for names, (name, members) in wanted.items():
            with self.subTest(names=names):
                topic = f"{self.name}_{names}"
                entry = self.entry(table, columns={"rename": {"Old": "New"}})
                self.task(self.server, [entry], topic, start=start, destination={"names": names}).run_until_caught_up()
                (message,) = self.messages(topic)
                self.assertEqual((message.change["table"], list(message.change["data"][0])), (name, members))

    def test_row_changes_are_chosen(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        changes = self.stream(
            c, "INSERT INTO t VALUES (1, 1), (2, 2); UPDATE t SET v = 5; UPDATE t SET v = 3 WHERE id = 2; DELETE FROM t WHERE id = 1",
            self.entry("t", dml=["insert", "update"], filter="v < 5"),
        )
        self.assertEqual([(m["type"], m["data"][0]["v"]) for m in changes],
                         [("INSERT", "1"), ("INSERT", "2"), ("DELETE", "1"), ("DELETE", "2"), ("INSERT", "3")])

    def test_a_script_masks_adds_and_drops(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, phone VARCHAR(20), amount DECIMAL(10,2), at DATETIME)", "CREATE TABLE other (id INT PRIMARY KEY)")
        script = """script:e_if(op_eq(__TB__, "t"), e_compose(
            e_if(op_gt(`amount`, 100), e_drop()),
            e_set(`phone`, str_mask(`phone`, 3, 6, '*')),
            e_set(`operation_type`, (op_eq(__OPERATION__, __OP_DELETE__) ? 'gone' : 'there')),
            e_set(`day`, dt_str(`at`, 'yyyyMMdd')),
            e_set(`changed`, __COMMIT_TIMESTAMP__)))"""
        changes = self.stream(
            c, "INSERT INTO t VALUES (1, '13800001234', 5, '2024-01-31 10:00:00'), (2, '1', 500, NULL), (3, NULL, 1, NULL); INSERT INTO other VALUES (7);"
            "UPDATE t SET phone = '13900005678' WHERE id = 1; UPDATE t SET amount = 6 WHERE id = 1; DELETE FROM t WHERE id = 1",
            self.entry("*"), etl=script, source={"time_zone": "UTC"},
        )
        rows = [(m["type"], m["table"], {k: v for k, v in m["data"][0].items() if k != "changed"}) for m in changes]
        first = {"id": "1", "phone": "138****1234", "amount": "5.00", "at": "2024-01-31 10:00:00", "operation_type": "there", "day": "20240131"}
        self.assertEqual(rows, [
            ("INSERT", "t", first), ("INSERT", "t", {"id": "3", "phone": None, "amount": "1.00", "at": None, "operation_type": "there", "day": None}),
            ("INSERT", "other", {"id": "7"}), ("UPDATE", "t", {**first, "phone": "139****5678"}),
            ("UPDATE", "t", {**first, "phone": "139****5678", "amount": "6.00"}),
            ("DELETE", "t", {**first, "phone": "139****5678", "amount": "6.00", "operation_type": "gone"}),
        ])
        self.assertEqual(changes[3]["old"], [{"phone": "138****1234"}])  # what was sent, not what it was
        self.assertEqual(changes[0]["mysqlType"]["day"], "varchar(4096)")
        self.assertEqual(changes[0]["mysqlType"]["changed"], "datetime")
        self.assertEqual(changes[0]["sqlType"]["changed"], 93)
        self.assertRegex(changes[0]["data"][0]["changed"], r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$")
        self.assertEqual(changes[2]["mysqlType"].keys(), {"id"})

    def test_rows_are_dropped_by_table_operation_and_time(self):
        """The other uses of the language: conditions over tables and operations, a moment against a text, the commit's time in each kind of change."""
        c = self.create(self.server, "CREATE TABLE user_1 (id INT PRIMARY KEY, at DATETIME, body TEXT)", "CREATE TABLE user_x (id INT PRIMARY KEY)", "CREATE TABLE keep (id INT PRIMARY KEY)")
        script = """e_compose(
            e_if(regex_match(__TB__, 'user_[a-z]+'), e_drop()),
            e_if(op_eq(__TB__, 'user_1'), e_if(op_lt(`at`, '2024-01-01 00:00:00'), e_drop())),
            e_if(op_and(op_eq(__TB__, 'keep'), op_eq(__OPERATION__, __OP_DELETE__)), e_drop()),
            e_if(op_or(op_or(op_eq(__OPERATION__, __OP_INSERT__), op_eq(__OPERATION__, __OP_UPDATE__)), op_eq(__OPERATION__, __OP_DELETE__)),
                 e_set(`committed`, __COMMIT_TIMESTAMP__)),
            tail_replace_string_field('secret', '***', true))"""
        changes = self.stream(
            c, "INSERT INTO user_1 VALUES (1, '2023-12-31 23:59:59', 'a secret'), (2, '2024-01-01', 'a secret'), (3, NULL, NULL); INSERT INTO user_x VALUES (1); INSERT INTO keep VALUES (1), (2);"
            "UPDATE user_1 SET body = 'none'; DELETE FROM keep WHERE id = 1; DELETE FROM user_1",
            self.entry("*"), etl=script, source={"time_zone": "UTC"})
        rows = [(m["type"], m["table"], m["data"][0]["id"], m["data"][0].get("body")) for m in changes]
        self.assertEqual(rows, [
            ("INSERT", "user_1", "2", "a ***"), ("INSERT", "user_1", "3", None), ("INSERT", "keep", "1", None), ("INSERT", "keep", "2", None),
            ("UPDATE", "user_1", "2", "none"), ("UPDATE", "user_1", "3", "none"), ("DELETE", "user_1", "2", "none"), ("DELETE", "user_1", "3", "none")])
        for m in changes:
            self.assertRegex(m["data"][0]["committed"], r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$")

    def test_every_change_is_an_insert_of_an_audit_trail(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        script = """e_compose(
            e_switch(op_eq(__OPERATION__, __OP_DELETE__), e_set(`op`, "delete"), op_eq(__OPERATION__, __OP_UPDATE__), e_set(`op`, "update"), default = e_set(`op`, "insert")),
            e_set(`at`, dt_now()), e_set(__OPERATION__, __OP_INSERT__))"""
        changes = self.stream(c, "INSERT INTO t VALUES (1, 1); UPDATE t SET v = 2; DELETE FROM t", self.entry("t"), etl=script)
        self.assertEqual([(m["type"], m["old"], m["data"][0]["v"], m["data"][0]["op"]) for m in changes],
                         [("INSERT", None, "1", "insert"), ("INSERT", None, "2", "update"), ("INSERT", None, "2", "delete")])

    def test_columns_are_added_with_types_of_their_own(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        changes = self.stream(
            c, "INSERT INTO t VALUES (1, 10); UPDATE t SET v = 20",
            self.entry("t", filter="v >= 10", columns={"exclude": ["v"]}, add_columns=[
                {"name": "region", "type": "varchar(16)", "value": "'eu'"}, {"name": "half", "type": "decimal(10,1)", "value": "`id` / 2.0"},
                {"name": "kind", "type": "enum('a','b')", "value": "'b'"}, {"name": "origin", "type": "varchar(64)", "value": "__DB__ + '.' + __TB__"}]),
            etl="e_set(`region`, str_upper(`region`))",
        )
        row = {"id": "1", "region": "EU", "half": "0.5", "kind": "b", "origin": f"{self.database}.t"}
        self.assertEqual([m["data"][0] for m in changes], [row, row])
        self.assertEqual(changes[0]["mysqlType"], {"id": changes[0]["mysqlType"]["id"], "region": "varchar(16)", "half": "decimal(10,1)", "kind": "enum('a','b')", "origin": "varchar(64)"})
        self.assertEqual(changes[1]["old"], [{}])

    def test_a_row_that_fails_is_judged_by_etl_on_error(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        start = self.server.position()
        c.run("INSERT INTO t VALUES (1, 0), (2, 5)")
        script = "e_set(`w`, 10 / `v`)"
        expected = {"skip": [("2", "2")], "null": [("1", None), ("2", "2")]}
        for policy, rows in expected.items():
            task = self.task(self.server, [self.entry("t")], f"{self.name}_{policy}", start=start, etl=script, etl_on_error=policy)
            process = task.run_until_caught_up()
            self.assertEqual([(m.change["data"][0]["id"], m.change["data"][0]["w"]) for m in self.messages(f"{self.name}_{policy}")], rows)
            self.assertRegex(process.log(), "etl.failed.*key=.*division by zero")
        process = self.task(self.server, [self.entry("t")], f"{self.name}_fail", start=start, etl=script).run("--until", "caught-up")
        self.assert_ends(process, 7, "division by zero")

    def test_copy_and_stream_shape_alike(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), n INT)")
        c.run("INSERT INTO t VALUES " + ", ".join(f"({i}, 'text {i}', {i % 5})" for i in range(200)))
        keys = {"etl": "e_compose(e_keep(op_eq(`n`, 3)), e_set(`v`, str_upper(`v`)), e_set(`m`, `n` * 2))", "phases": FULL}
        task = self.task(self.server, [self.entry("t", columns={"rename": {"v": "name"}})], **keys)
        task.run_until_caught_up()
        c.run("INSERT INTO t SELECT id + 1000, v, n FROM t")
        task.run_until_caught_up()
        changes = [m.change for m in self.messages()]
        copied = {int(m["data"][0]["id"]): m["data"][0] for m in changes if m["type"] == "INIT"}
        streamed = {int(m["data"][0]["id"]) - 1000: m["data"][0] for m in changes if m["type"] == "INSERT"}
        self.assertEqual(copied.keys(), {i for i in range(200) if i % 5 == 3})
        self.assertEqual({i: {**row, "id": 0} for i, row in copied.items()}, {i: {**row, "id": 0} for i, row in streamed.items()})
        self.assertEqual(copied[3], {"id": "3", "name": "TEXT 3", "n": "3", "m": "6"})

    def test_texts_of_other_character_sets_are_set_or_left_alone(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET latin1, w VARCHAR(20) CHARACTER SET latin1)")
        changes = self.stream(
            c, "INSERT INTO t VALUES (1, 'é1', 'ü'), (2, 'é2', 'ü'); UPDATE t SET w = 'ö' WHERE id = 2",
            self.entry("t"), etl="e_if(op_eq(`id`, 1), e_set(`v`, str_upper(`v`) + '日'))")
        self.assertEqual([(m["data"][0]["v"], m["data"][0]["w"]) for m in changes], [("É1日", "ü"), ("é2", "ü"), ("é2", "ö")])
        self.assertEqual(changes[2]["old"], [{"w": "ü"}])

    def test_avro_carries_what_rules_make(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET latin1, n DECIMAL(10,2), s SET('a','b'), j JSON)")
        task = self.task(
            self.server, [self.entry("t", filter="n < 5", table_as="out.{table}", columns={"exclude": ["n"], "rename": {"v": "w", "id": "key"}}, add_columns=[
                {"name": "region", "type": "varchar(16)", "value": "'eu'"}, {"name": "b", "type": "text", "value": "'x'"},
                {"name": "dd", "type": "decimal(10,2)", "value": "`id`"}, {"name": "en", "type": "enum('a','b')", "value": "'b'"}])],
            start=self.server.position(), destination={"format": "dts-avro"},
            etl="e_compose(e_set(`v`, str_upper(`v`)), e_set(`x`, 'new'), e_set(`y`, 5), e_set(`z`, 1.5), e_set(`at`, dt_now()), e_set(`s`, 'b'), e_set(`j`, '[1]'))")
        c.run("INSERT INTO t VALUES (1, 'aé', 1, 'a', '{}'), (2, 'x', 9, 'a', '{}'); UPDATE t SET v = 'b' WHERE id = 1; UPDATE t SET n = 7 WHERE id = 1")
        process = task.run_until_caught_up()
        self.assertRegex(process.log(), "acknowledged=[3-9]")
        records = read_records(self.kafka.brokers, self.name)
        self.assertEqual([r.operation for r in records], ["INSERT", "UPDATE", "DELETE"])
        for r in records:
            self.assertEqual(r.says["objectName"], f"{self.database}.out\\u002Et")
            self.assertEqual([(f["name"], f["dataTypeNumber"]) for f in r.says["fields"]], [
                ("key", 3), ("w", 253), ("s", 248), ("j", 245 if self.kind == "mysql" else 251), ("region", 253), ("b", 252), ("dd", 246), ("en", 247), ("x", 253), ("y", 8), ("z", 5), ("at", 12)])
            self.assertEqual(json.loads(r.says["tags"]["pk_uk_info"]), {"PRIMARY": ["key"]})
        after = records[0].image("after")
        self.assertEqual({name: after[name][1].get("value") for name in ("key", "y")}, {"key": "1", "y": "5"})
        self.assertEqual(records[1].image("before")["w"], after["w"])
        self.assertIn("b'A\\xc3\\x89'", str(after["w"]))

    @staticmethod
    def plain(types):
        """Without the widths of integers, which MariaDB shows and types that scripts make do not have."""
        return {name: re.sub(r"int\(\d+\)", "int", text) for name, text in types.items()}

    def apply(self, connection, messages):
        """A consumer that builds its tables from the statements, and asks of each row whether it has the table's columns."""
        types = {}
        for change in (m.change for m in messages):
            if change["isDdl"]:
                connection.run(f"CREATE DATABASE IF NOT EXISTS `{change['database']}`; USE `{change['database']}`")
                connection.run(change["sql"])
                types.clear()
                continue
            place = change["database"], change["table"]
            if place not in types:
                types[place] = self.plain(dict(connection.text("SELECT column_name, column_type FROM information_schema.columns"
                                                    f" WHERE table_schema='{place[0]}' AND table_name='{place[1]}'")))
            self.assertEqual(self.plain(change["mysqlType"]), types[place], change)
            self.assertLessEqual(change["data"][0].keys(), types[place].keys())
        return types

    def test_a_consumer_can_build_its_tables_from_the_ddl_topic(self):
        c = self.create(
            self.server,
            "CREATE TABLE orders (id INT PRIMARY KEY, cust INT NOT NULL, secret VARCHAR(20), `odd ``name` ENUM('a','b'), twice INT AS (cust * 2) STORED,"
            " KEY by_cust (cust), KEY by_secret (secret, cust), UNIQUE KEY u (`odd ``name`, id), CHECK (cust > 0))",
            "CREATE TABLE log (id INT PRIMARY KEY, text LONGTEXT) COMMENT='secret'")
        c.run("INSERT INTO orders (id, cust, secret) VALUES (1, 1, 'x'); INSERT INTO log VALUES (1, 'a')")
        out = f"{self.database}_out"
        self.databases.append((self.server, out))
        entry = {"database_as": "{database}_out", "table_as": "{table}_as_sent", "ddl": "all",
                 "columns": {"exclude": ["secret*"], "rename": {"cust": "customer_id", "odd*": "even*"}},
                 "add_columns": [{"name": "region", "type": "varchar(16)", "value": "'eu'"}, {"name": "half", "type": "decimal(10,2)", "value": "`id` / 2.0"}]}
        task = self.task(self.server, [self.entry("*", **entry)], phases=["schema", "incremental"],
                         etl="e_compose(e_set(`op`, str_format('{}', __TB__)), e_set(`n`, `id` * 2))")
        task.run_until_caught_up()
        schema = self.messages()
        self.assertEqual([m.change["table"] for m in schema], ["log_as_sent", "orders_as_sent"])
        self.assertNotIn("by_secret", schema[1].change["sql"])
        for text in (
            "INSERT INTO orders (id, cust) VALUES (2, 2)", "ALTER TABLE orders ADD COLUMN secret_2 INT, ADD COLUMN note VARCHAR(5) AFTER cust, ADD KEY k (note, cust)",
            "INSERT INTO orders (id, cust, note) VALUES (3, 3, 'n')", "ALTER TABLE orders DROP COLUMN secret_2", "ALTER TABLE orders CHANGE note cust_note VARCHAR(30) AFTER secret, DROP KEY by_cust",
            "UPDATE orders SET cust_note = 'x'", "CREATE TABLE fresh (id INT PRIMARY KEY, cust BIGINT, secret INT, KEY (cust, secret))", "INSERT INTO fresh VALUES (1, 2, 3)",
            "RENAME TABLE fresh TO newer, log TO older", "INSERT INTO newer VALUES (2, 3, 4)", f"TRUNCATE `{self.database}`.older", "INSERT INTO older VALUES (5, 'b')",
            "CREATE TABLE copy LIKE newer", "DROP TABLE copy, older", "DELETE FROM orders",
        ):
            c.run(text)
        task.run_until_caught_up()
        messages = self.messages()
        self.assertEqual({m.change["database"] for m in messages}, {out})
        self.assertFalse([m for m in messages if m.change["isDdl"] and "secret_2" in m.change["sql"]])
        with self.server.connect() as consumer:
            self.apply(consumer, messages)
            tables = [row[0] for row in consumer.text(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{out}' ORDER BY 1")]
            self.assertEqual(tables, ["newer_as_sent", "orders_as_sent"])

    def test_statements_that_cannot_be_written_anew_keep_their_text(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")
        changes = self.stream(c, "CREATE VIEW w AS SELECT id FROM t; DROP VIEW w", self.entry("*", ddl="all", table_as="x_{table}"))
        self.assertEqual([m["table"] for m in changes], ["x_w", "x_w"])
        self.assertEqual(changes[1]["sql"], "DROP VIEW w")

    def test_a_column_is_of_the_filter_or_of_the_script(self):
        self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        task = self.task(self.server, [self.entry("t", filter="v > 1")], phases=FULL, etl="e_set(`w`, `v`)")
        process = task.run("--until", "caught-up")
        self.assert_ends(process, 2, "column v of table .* is used by objects\\[\\].filter")

    def test_what_is_wrong_is_said_before_anything_runs(self):
        script = "e_iff(true, e_set(phone, 1))"
        task = self.task(self.server, etl=script, objects=[self.entry("a", filter="amount > > 10"), self.entry("b", filter="lowr(a) = 'x' or b in (select 1)"), self.entry("c", filter="x = 1;")])
        process = task.run()
        self.assertEqual(process.code, 2)
        for words in ("a value is expected, not >", "is lower meant", "a ; has no place here", "is e_if meant", "\\^"):
            self.assertRegex(process.log(), words)

    def test_a_filter_without_meaning_for_a_table_ends_the_task(self):
        self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, dt DATE, j JSON)")
        for condition, words in [("nothing = 1", "has no column `nothing`"), ("dt = '2020'", "this is no date"), ("dt > id", "compared with dates")]:
            task = self.task(self.server, [self.entry("t", filter=condition)], name=f"{self.name}_{abs(hash(condition)) % 9999}", phases=FULL)
            process = task.run("--until", "caught-up")
            self.assertEqual(process.code, 2, process.tail())
            self.assertIn(words, process.log())


class ShapingMysql(Shaping, EndToEnd):
    kind = "mysql"

    def test_an_image_without_a_column_of_the_filter_ends_the_task(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)")
        c.run("SET binlog_row_image = 'minimal'")
        task = self.task(self.server, [self.entry("t", filter="a = 1")], start=self.server.position())
        c.run("INSERT INTO t VALUES (1, 1, 1); UPDATE t SET b = 2")
        process = task.run("--until", "caught-up")
        self.assert_ends(process, 7, "without column a, which an expression needs")


class ShapingMariadb(Shaping, EndToEnd):
    kind = "mariadb"


if __name__ == "__main__":
    unittest.main()
