"""rowcast verify: the source against what the messages add up to, and what must be told apart."""

import json
import unittest

from lib import servers
from lib.case import EndToEnd

FULL = ["full", "incremental"]
KINDS = ("missing", "extra", "different")


class Verify:
    """On the server of each subclass."""

    seconds = 120

    def setUp(self):
        super().setUp()
        self.server = servers.mysql() if self.kind == "mysql" else servers.mariadb()

    def verify(self, task, code, *arguments):
        """Table to what the command says of it."""
        process = task.run("--json", *arguments, command="verify")
        lines = [json.loads(line) for line in process.output.decode().splitlines()]
        self.assertEqual(process.code, code, f"{process.tail()}\n{process.output.decode()}")
        self.summary = lines[-1]
        return {line["table"]: line for line in lines[:-1]}

    def assert_equal_to(self, found, **rows):
        for table, count in rows.items():
            told = {k: found[table][k] for k in ("compared", "rows", "keys", "equal", *KINDS, "changing")}
            self.assertEqual(told, {"compared": True, "rows": count, "keys": count, "equal": count, "missing": 0, "extra": 0, "different": 0, "changing": 0}, found[table])

    def behind_its_back(self, c, *statements):
        c.run("SET SESSION sql_log_bin = 0")
        for statement in statements:
            c.run(statement)
        c.run("SET SESSION sql_log_bin = 1")

    def three_tables(self):
        return self.create(
            self.server,
            "CREATE TABLE t (id INT, part VARCHAR(20), v DECIMAL(10,2), ts TIMESTAMP(3) NULL, e ENUM('a','b'), b BLOB, f DOUBLE, PRIMARY KEY (part, id))",
            "CREATE TABLE other (id BIGINT UNSIGNED PRIMARY KEY, j JSON)",
            "CREATE TABLE keyless (a INT, b VARCHAR(10))",
            "INSERT INTO t VALUES " + ", ".join(f"({i}, '{'xÄ'[i % 2]}\"{i % 3}', {i}.25, '2024-05-01 10:00:00.123', 'b', x'00ff{i:04x}', {i / 7})" for i in range(300)),
            "INSERT INTO other VALUES (1, '{\"a\": [1, 2.5]}'), (18446744073709551615, NULL)",
            "INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (2, NULL)",
        )

    def change(self, c):
        c.run("UPDATE t SET v = v + 1 WHERE id < 50; DELETE FROM t WHERE id BETWEEN 60 AND 80; UPDATE t SET id = id + 1000 WHERE id > 280;"
              "UPDATE keyless SET b = 'y' WHERE a = 2; DELETE FROM keyless WHERE a = 1 LIMIT 1; INSERT INTO other VALUES (7, 'true')")

    def run_and_change(self, **keys):
        c = self.three_tables()
        task = self.task(self.server, phases=FULL, full={"keyless": "unlocked"}, destination={"partitions": 3, **keys.pop("destination", {})}, **keys)
        task.run_until_caught_up()
        self.change(c)
        task.run_until_caught_up()
        return c, task

    def goes_red(self, c, task):
        self.assert_equal_to(self.verify(task, 0), t=279, other=3, keyless=2)
        self.behind_its_back(c, "DELETE FROM t WHERE id = 3", "UPDATE t SET v = 0 WHERE id = 4", "INSERT INTO t (id, part) VALUES (5000, 'new')",
                             "INSERT INTO keyless VALUES (9, '9')")
        found = self.verify(task, 9)
        t = found["t"]
        self.assertEqual([t[k] for k in ("rows", "keys", "equal", *KINDS)], [279, 279, 277, 1, 1, 1])
        told = {d["kind"]: json.loads(d["key"]) for d in t["differences"]}
        self.assertEqual(told, {"missing": [self.database, "t", "new", "5000"], "extra": [self.database, "t", 'Ä"0', "3"], "different": [self.database, "t", 'x"1', "4"]})
        self.assertEqual([found["keyless"][k] for k in KINDS], [1, 0, 0])
        self.assert_equal_to(found, other=3)
        self.assertEqual(self.summary["differences"], 4)
        self.assertEqual(list(self.verify(task, 0, "--table", f"{self.database}.other")), ["other"])

    def test_equal_and_what_was_done_behind_the_back_is_named(self):
        c, task = self.run_and_change()
        self.goes_red(c, task)
        text = task.run(command="verify").output.decode()
        self.assertRegex(text, rf"(?m)^{self.database}\.t  rows 279  keys 279  equal 277  missing 1  extra 1  different 1$")
        self.assertRegex(text, rf'(?m)^    extra      \["{self.database}","t","Ä\\"0","3"\]  last message {self.name}/\d at \d+$')
        self.assertIn("no task runs", text)

    def test_avro_is_compared_likewise(self):
        c, task = self.run_and_change(destination={"format": "dts-avro"})
        self.goes_red(c, task)

    def test_rules_count_as_in_the_task(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, amount INT, secret VARCHAR(9))", "INSERT INTO t VALUES (1, 5, 's'), (2, 15, 's'), (3, 25, 's')")
        entry = {"table": f"{self.database}.t", "filter": "amount > 10", "table_as": "renamed", "columns": {"exclude": ["secret"], "rename": {"amount": "sum"}}}
        task = self.task(self.server, [entry], phases=FULL, etl='e_set(`tag`, "x")')
        task.run_until_caught_up()
        c.run("UPDATE t SET amount = 50 WHERE id = 1; UPDATE t SET amount = 1 WHERE id = 2; UPDATE t SET secret = 'z'")
        task.run_until_caught_up()
        self.assert_equal_to(self.verify(task, 0), t=2)
        self.behind_its_back(c, "UPDATE t SET secret = 'q', amount = amount + IF(id = 3, 1, 0)")
        self.assertEqual([d["kind"] for d in self.verify(task, 9)["t"]["differences"]], ["different"])

    def test_a_source_that_is_written_to_is_no_difference(self):
        c = self.three_tables()
        task = self.task(self.server, phases=FULL, full={"keyless": "unlocked"}, destination={"partitions": 2})
        with task.start() as running:
            running.wait_log("copy.done|task.state state=streaming", 30)
            stop = self.keep_writing()
            try:
                found = self.verify(task, 0, "--table", f"{self.database}.t", "--table", f"{self.database}.other")
            finally:
                stop()
            self.assertEqual(self.summary["differences"], 0, found)
            self.assertTrue(self.summary["task_runs"])
            self.behind_its_back(c, "DELETE FROM other WHERE id = 1")
            self.assertEqual([d["kind"] for d in self.verify(task, 9)["other"]["differences"]], ["extra"])
            self.assertEqual(running.stop(), 0)

    def keep_writing(self):
        import threading

        ends, connection = threading.Event(), self.server.connect()
        connection.run(f"USE `{self.database}`")

        def write():
            n = 0
            while not ends.is_set():
                n += 1
                connection.run(f"UPDATE t SET v = {n % 1000} WHERE id % 10 = {n % 10}; INSERT INTO other VALUES ({100 + n}, NULL); DELETE FROM other WHERE id = {50 + n}")

        thread = threading.Thread(target=write, daemon=True)
        thread.start()

        def stop():
            ends.set()
            thread.join(20)
            connection.close()

        return stop

    def test_statements_that_empty_a_table_count(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)", "CREATE TABLE d (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1, 1), (2, 2)", "INSERT INTO d VALUES (1)")
        entries = [{"table": f"{self.database}.*", "ddl": ["create", "drop", "truncate", "alter", "rename"]}]
        task = self.task(self.server, entries, phases=["schema", *FULL], destination={"ddl_topic": f"{self.name}_ddl", "partitions": 2})
        task.run_until_caught_up()
        c.run("TRUNCATE t; INSERT INTO t VALUES (2, 3), (7, 7); DROP TABLE d; CREATE TABLE d (id INT PRIMARY KEY, n INT); INSERT INTO d VALUES (5, 5);"
              "ALTER TABLE t ADD COLUMN late INT DEFAULT 4; INSERT INTO t VALUES (8, 8, 8)")
        task.run_until_caught_up()
        found = self.verify(task, 0)
        self.assert_equal_to(found, t=3, d=1)
        self.assertEqual((found["t"]["equal_in_part"], found["d"]["equal_in_part"]), (2, 0))  # sent before the column was there
        c.run("RENAME TABLE d TO elsewhere")
        task.run_until_caught_up()
        found = self.verify(task, 0)
        self.assertFalse(found["elsewhere"]["compared"])
        self.assertIn("RENAME TABLE d", found["elsewhere"]["reason"])

    def test_what_cannot_be_compared_is_said(self):
        self.create(self.server, "CREATE TABLE keyless (a INT)", "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)")
        task = self.task(self.server, [{"table": f"{self.database}.*", "dml": ["insert"]}])
        task.run_until_caught_up()
        self.assertEqual({t: r["compared"] for t, r in self.verify(task, 0).items()}, {"keyless": False, "t": False})
        task.change(objects=[{"table": f"{self.database}.*", "ddl": []}])
        found = self.verify(task, 9)
        self.assertIn("without the full phase", found["keyless"]["reason"])
        self.assertEqual((found["t"]["missing"], found["t"]["notice"][:26]), (1, "the task has no full phase"))
        process = task.run("--table", "no.such", command="verify")
        self.assert_ends(process, 2, "--table no.such: objects take no such table")


class OnMySQL(Verify, EndToEnd):
    kind = "mysql"


class OnMariaDB(Verify, EndToEnd):
    kind = "mariadb"


if __name__ == "__main__":
    unittest.main()
