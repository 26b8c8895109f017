"""rowcast explain: what would be sent, from the reader, the rules and the encoders that a task runs."""

import json
import os
import unittest

from lib import servers
from lib.case import EndToEnd
from lib.messages import partition_counts

SHAPES = {"columns": {"exclude": ["secret"], "rename": {"cust": "customer_id"}}, "filter": "amount > 10", "dml": ["insert", "update"]}


class Explain:
    """On the server of each subclass."""

    def setUp(self):
        super().setUp()
        self.server = servers.mysql() if self.kind == "mysql" else servers.mariadb()

    def table(self):
        """A connection to the database with a table t in it, and the place behind that."""
        c = self.create(
            self.server,
            "CREATE TABLE t (id INT PRIMARY KEY, cust INT, amount DECIMAL(8,2), secret VARCHAR(20), ts TIMESTAMP(3) NULL, b VARBINARY(8))",
        )
        return c, self.server.position()

    def explain(self, task, start, *arguments):
        """What the command prints with --json: its lines, and the summary behind them."""
        process = task.run("--from", start, "--json", *arguments, command="explain")
        self.assertEqual(process.code, 0, process.tail())
        lines = [json.loads(line) for line in process.output.decode().splitlines()]
        self.assertEqual(lines[-1]["kind"], "summary")
        return lines[:-1], lines[-1]

    def test_it_says_what_a_task_then_sends(self):
        c, start = self.table()
        c.run(
            "INSERT INTO t VALUES (1, 5, 20, 's', '2024-05-01 10:00:00.123', x'00ff'), (2, 6, 5, 's', NULL, NULL);"
            "UPDATE t SET amount = 30 WHERE id = 1; UPDATE t SET id = 7 WHERE id = 1; DELETE FROM t WHERE id = 2"
        )
        task = self.task(self.server, [{"table": f"{self.database}.t", **SHAPES}], start=start, destination={"partitions": 3})
        shown, summary = self.explain(task, start)
        self.assertNotIn(self.name, partition_counts(self.kafka.brokers))  # it made nothing
        self.assertFalse(os.path.exists(task.state))
        task.run_until_caught_up()
        sent = sorted(self.messages(), key=lambda m: m.change["id"])
        would = [s for s in shown if s.get("sent")]
        self.assertEqual([(s["partition"], s["key"]) for s in would], [(m.partition, m.key) for m in sent])
        for said, message in zip(would, sent):
            for ours in (said["message"], message.change):
                ours.pop("ts"), ours.pop("id")  # a number is given to changes that are left out, too
            self.assertEqual(said["message"], message.change)
        self.assertEqual(summary["messages"], len(sent))
        self.assertEqual(set(summary["bytes"]), {"none", "lz4", "gzip", "snappy", "zstd"})
        self.assertLess(summary["bytes"]["zstd"], summary["bytes"]["none"])

    def test_the_row_the_entry_and_the_reason_are_shown(self):
        c, start = self.table()
        c.run(
            "CREATE INDEX cust ON t (cust); ALTER TABLE t ADD COLUMN n INT;"
            "INSERT INTO t VALUES (1, 5, 20, 's', '2024-05-01 10:00:00.123', x'41', 7), (2, 6, 5, 's', NULL, NULL, NULL);"
            "UPDATE t SET amount = 3 WHERE id = 1; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (9, 1, 100, 's', NULL, NULL, 4)"
        )
        entries = [{"table": f"{self.database}.t", "ddl": ["alter"], **SHAPES}]
        etl = 'e_if(op_eq(`id`, 9), e_drop())'
        shown, _ = self.explain(self.task(self.server, entries, start=start, source={"time_zone": "UTC"}, etl=etl), start)
        rows = [s for s in shown if s["kind"] == "row"]
        self.assertEqual([(r["op"], r["sent"], r.get("sent_as")) for r in rows], [
            ("INSERT", True, "INSERT"), ("INSERT", False, None), ("UPDATE", True, "DELETE"), ("DELETE", False, None), ("INSERT", False, None)])
        first = rows[0]
        self.assertEqual(first["after"] | {"ts": None}, {"id": "1", "cust": "5", "amount": "20.00", "secret": "s", "ts": None, "b": "A", "n": "7"})
        self.assertIsNone(first["before"])
        self.assertEqual(first["message"]["data"][0].keys(), {"id", "customer_id", "amount", "ts", "b", "n"})
        self.assertEqual((first["entry"]["index"], first["entry"]["table"]), (0, f"{self.database}.t"))
        self.assertEqual(rows[2]["before"]["amount"], "20.00")
        self.assertEqual(rows[2]["after"]["amount"], "3.00")
        self.assertEqual([r["reason"] for r in rows if not r["sent"]],
                         ["filter: amount > 10", "dml of the entry does not take DELETE", "etl: e_drop() or no e_keep()"])
        statements = [(i, s["sql"].split()[0], s["sent"]) for i, s in enumerate(shown) if s["kind"] == "statement"]
        self.assertEqual(statements, [(0, "CREATE", False), (1, "ALTER", True)])  # in the order of the binlog
        self.assertRegex(first["position"], r"^[\w.-]+\.\d{6}:\d+$")

    def test_people_can_read_it_beside_a_task_that_runs(self):
        c, start = self.table()
        task = self.task(self.server, [f"{self.database}.*"], start=start)
        with task.start() as running:
            running.wait_streaming()
            c.run("INSERT INTO t VALUES (1, 5, 20, 'Täxt', NULL, x'1b5b41'); UPDATE t SET cust = NULL")
            process = task.run("--from", start, command="explain")
            self.assertEqual(process.code, 0, process.tail())
            text = process.output.decode()
            self.assertIn(f"INSERT {self.database}.t  by {self.database}.*", text)
            self.assertIn("cust: '5' -> NULL", text)
            self.assertIn("b: '\\x1b[A'", text)  # nothing that a terminal would act on
            self.assertRegex(text, rf'INSERT to {self.name}/0, key \["{self.database}","t","1"\], \d+ bytes')
            self.assertRegex(text, r"\n2 changes, 2 messages; from .* to .*\nbytes in 1 batches: none \d+ \(100 %\), lz4 ")
            c.run("INSERT INTO t VALUES (2, 5, 20, 's', NULL, NULL)")
            follower = self.follow()
            follower.wait_count(3, 20)
            self.assertEqual(running.stop(), 0)
            self.assertNotIn("source.lost", running.log())

    def test_a_limit_ends_it(self):
        c, place = self.table()
        for i in range(5):
            c.run(f"INSERT INTO t VALUES ({i}, 1, 1, '', NULL, NULL)")
        task = self.task(self.server, [f"{self.database}.*"])
        shown, summary = self.explain(task, place, "--limit", "2")
        self.assertEqual([s["after"]["id"] for s in shown], ["0", "1"])
        self.assertEqual(summary["changes"], 2)
        shown, _ = self.explain(task, "now")
        self.assertEqual(shown, [])
        process = task.run("--from", "nowhere", command="explain")
        self.assert_ends(process, 2, r"--from nowhere: earliest, FILE:POS")

    def test_avro_has_the_same_rows(self):
        c, start = self.table()
        c.run("INSERT INTO t VALUES (1, 5, 20, 's', NULL, x'41')")
        task = self.task(self.server, [f"{self.database}.*"], start=start, destination={"format": "dts-avro", "brokers": "embedded"})
        shown, _ = self.explain(task, start)
        self.assertEqual([(s["op"], s["after"]["b"], s["sent"]) for s in shown], [("INSERT", "A", True)])


class OnMySQL(Explain, EndToEnd):
    kind = "mysql"


class OnMariaDB(Explain, EndToEnd):
    kind = "mariadb"


if __name__ == "__main__":
    unittest.main()
