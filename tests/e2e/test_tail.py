"""rowcast tail: the task's topics as readable lines."""

import subprocess
import unittest

from lib import servers
from lib.case import EndToEnd


class Tail(EndToEnd):
    def prepare(self, **destination):
        """A task that has sent three changes of one row and a statement."""
        self.server = servers.mysql()
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(200), qty INT)")
        entries = [{"table": f"{self.database}.*", "topic": f"{self.name}.{{table}}", "ddl": ["alter"]}]
        task = self.task(self.server, entries, start=self.server.position(),
                         destination={"partitions": 2, "ddl_topic": f"{self.name}_ddl", **destination})
        task.run_until_caught_up()  # knows the table as it is before the statement
        c.run("INSERT INTO t VALUES (1, 'äpple\x1b', NULL); UPDATE t SET qty = 7; ALTER TABLE t ADD COLUMN n INT; DELETE FROM t")
        task.run_until_caught_up()
        return c, task

    def lines(self, task, *arguments, code=0):
        process = task.run(*arguments, command="tail")
        self.assertEqual(process.code, code, process.tail())
        return process.output.decode().splitlines()

    def check_lines(self, lines):
        key = f'["{self.database}","t","1"]'
        wanted = [
            rf"{self.name}\.t/\d@\d+  INSERT {self.database}\.t  KEY  id: '1', name: 'äpple\\x1b', qty: NULL",
            rf"{self.name}\.t/\d@\d+  UPDATE {self.database}\.t  KEY  qty: NULL -> '7'",
            rf"{self.name}_ddl/0@0  DDL {self.database}(\.t)?  ALTER TABLE t ADD COLUMN n INT",
            rf"{self.name}\.t/\d@\d+  DELETE {self.database}\.t  KEY  id: '1', name: 'äpple\\x1b', qty: '7', n: NULL",
        ]
        self.assertEqual(len(lines), len(wanted), lines)
        # A statement may have the millisecond of a row before it.
        lines = sorted(lines, key=lambda line: 2.5 if "_ddl/" in line else [n for n, word in enumerate(("INSERT", "UPDATE", "?", "DELETE"), 1) if word in line][0])
        for line, pattern in zip(lines, wanted):
            self.assertRegex(line.replace(key, "KEY"), r"^20\d\d-\d\d-\d\dT[\d:.]{12}Z  " + pattern + "$")

    def test_changes_are_lines_that_people_can_read(self):
        _, task = self.prepare()
        self.check_lines(self.lines(task, "--limit", "4"))
        self.assertEqual(len(self.lines(task, "--limit", "1", "--topic", f"{self.name}_ddl")), 1)
        self.assert_ends(task.run("--topic", "none_such", command="tail"), 5, "--topic none_such: there is no such topic")

    def test_avro_is_read_as_well(self):
        _, task = self.prepare(format="dts-avro")
        self.check_lines(self.lines(task, "--limit", "4"))

    def test_it_follows_and_what_is_not_ours_is_shown_as_such(self):
        c, task = self.prepare()
        with task.start(command="tail") as tail:
            servers.wait_for(lambda: tail.output.count(b"\n") >= 4, 20, "what is there already")
            subprocess.run(["kcat", "-b", self.kafka.brokers, "-P", "-t", f"{self.name}.t", "-p", "0"], input=b'{"hello": 1}\n', check=True, timeout=30)
            c.run("INSERT INTO t VALUES (5, 'later', 1, 1)")
            task.run_until_caught_up()
            servers.wait_for(lambda: tail.output.count(b"\n") >= 6, 20, "the six lines")
            self.assertEqual(tail.stop(), 0, tail.tail())
        lines = tail.output.decode().splitlines()
        self.check_lines(lines[:4])
        self.assertRegex(lines[4], r"not a message of this task, 12 bytes: \{\"hello\": 1\}$")
        self.assertRegex(lines[5], r"INSERT .* id: '5', name: 'later'")


if __name__ == "__main__":
    unittest.main()
