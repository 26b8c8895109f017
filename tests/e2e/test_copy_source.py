"""What the full copy asks of the source: rights, statements, tables that cannot be read."""

import re
import time
import unittest

from lib import servers
from lib.case import LONG, note
from lib.copycase import CopyCase
from lib.keys import KINDS

SMALL = 5000 if LONG else 200
NOT_GRANTED = 4


class Source(CopyCase):
    seconds = 600 if LONG else 60

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    def test_tables_without_select(self):
        """Those that are named are listed, all of them at once, before anything is sent."""
        c = self.create(self.server)
        for table in ("a", "b", "c", "d"):
            c.run(f"CREATE TABLE {table} (id INT PRIMARY KEY); INSERT INTO {table} VALUES (1)")
        user = self.grant(self.server, self.user(), f"SELECT ON {self.database}.a", f"SELECT ON {self.database}.d")
        objects = [f"{self.database}.{table}" for table in ("a", "b", "c", "d")]
        process = self.copy(objects, user=user).run("--until", "caught-up", seconds=30)
        self.assertEqual(process.code, NOT_GRANTED, process.tail())
        line = next(text for text in process.log().splitlines() if "task.failed" in text)
        self.assertIn(f"{self.database}.c", line)
        self.assertIn("SELECT", line)
        self.assertNotIn(f"{self.database}.a", line)
        self.assertEqual(self.messages(), [])

    def test_a_table_that_is_not_there(self):
        """A name without a pattern that no table has is not passed over in silence."""
        self.create(self.server, "CREATE TABLE a (id INT PRIMARY KEY)")
        process = self.copy([f"{self.database}.a", f"{self.database}.nothing"]).run("--until", "caught-up", seconds=30)
        self.assertRegex(process.log(), rf"{self.database}\.nothing")

    def test_tables_behind_a_pattern_are_those_that_can_be_seen(self):
        c = self.create(self.server)
        for table in ("a", "b"):
            c.run(f"CREATE TABLE {table} (id INT PRIMARY KEY); INSERT INTO {table} VALUES (1)")
        user = self.grant(self.server, self.user(), f"SELECT ON {self.database}.a")
        process = self.copy(user=user).run("--until", "caught-up", seconds=30)
        self.assertEqual(process.code, 0, process.tail())
        self.assertEqual([m.change["table"] for m in self.messages()], ["a"])

    def test_select_and_replication_are_enough(self):
        c = self.create(self.server, KINDS[0].create())
        c.run("INSERT INTO k_auto (n, v) VALUES (1, 1)")
        user = self.grant(self.server, self.user(), f"SELECT ON {self.database}.*")
        process = self.copy(user=user).run("--until", "caught-up")
        self.assertEqual(process.code, 0, process.tail())
        self.assertEqual(len(self.messages()), 1)

    def test_views_and_other_engines(self):
        """A view holds no rows; tables of other engines are copied like the others."""
        c = self.create(self.server, "CREATE TABLE a (id INT PRIMARY KEY)", "CREATE VIEW w AS SELECT * FROM a", "CREATE TABLE m (id INT PRIMARY KEY) ENGINE=MyISAM")
        c.run("INSERT INTO a VALUES (1); INSERT INTO m VALUES (2)")
        self.copy().run_until_caught_up()
        self.assertEqual(sorted(m.change["table"] for m in self.messages()), ["a", "m"])

    def test_names_that_need_quotes(self):
        c = self.create(self.server)
        c.run("CREATE TABLE `we``ird \"t\" ä` (`i d` INT, `k``ey` VARCHAR(10) COLLATE utf8mb4_bin, `select` INT, PRIMARY KEY (`k``ey`, `i d`))")
        c.run("INSERT INTO `we``ird \"t\" ä` VALUES " + ",".join(f"({i},'k{i}',{i})" for i in range(50)))
        self.copy(full={"chunk_rows": 7}).run_until_caught_up()
        messages = self.messages()
        self.assertEqual(len(messages), 50)
        self.assertEqual({m.change["table"] for m in messages}, {'we`ird "t" ä'})

    def test_partitioned_table(self):
        c = self.create(self.server, "CREATE TABLE p (id INT PRIMARY KEY, v INT) PARTITION BY HASH (id) PARTITIONS 7")
        c.run("INSERT INTO p VALUES " + ",".join(f"({i},{i})" for i in range(500)))
        self.copy(full={"chunk_rows": 30}).run_until_caught_up()
        self.assert_copied(c, self.copy_fold(), ["p"])
        self.assertEqual(len(self.messages()), 500)

    def test_a_table_that_the_server_refuses(self):
        """Nothing can be read of it: the sentence names the table and what the server said."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")
        c.run("INSERT INTO t VALUES (1); ALTER TABLE t DISCARD TABLESPACE")
        process = self.copy(retry={"other": "1m"}).run("--until", "caught-up", seconds=100)
        self.assertEqual(process.code, NOT_GRANTED, process.tail())
        self.assertRegex(process.log(), rf"{self.database}\.t\b.*(?i:tablespace)")

    if not LONG:
        test_a_table_that_the_server_refuses = None  # it is tried for a minute


class Statements(CopyCase):
    """The server's general log says what was asked of it."""

    seconds = 600 if LONG else 60

    def test_many_small_tables(self):
        """No query a table that could be one for all."""
        with servers.OwnServer("mysql", "--log-output=FILE", "--table-open-cache=6000", "--innodb-open-files=6000") as server:
            c = self.create(server)
            c.script(f"CREATE TABLE t{i} (id INT PRIMARY KEY, v VARCHAR(20))" for i in range(SMALL))
            c.script(f"INSERT INTO t{i} VALUES (1,'a'),(2,'b')" for i in range(SMALL))
            c.run("SET GLOBAL general_log=ON")
            began = time.monotonic()
            process = self.copy(server=server).run("--until", "caught-up", seconds=300)
            took = time.monotonic() - began
            c.run("SET GLOBAL general_log=OFF")
            self.assertEqual(process.code, 0, process.tail())
            self.assertEqual(len(self.messages()), 2 * SMALL)
            statements = self.statements(c.one("SELECT @@general_log_file"), server.data)
        by_form = {}
        for statement in statements:
            form = re.sub(r"\bt\d+\b", "T", statement)
            form = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\S*|\d+", "N", form)[:120]
            by_form[form] = by_form.get(form, 0) + 1
        often = {form: count for form, count in by_form.items() if count >= SMALL // 2}
        note(f"{SMALL} tables in {took:.1f} s, {process.peak()} KiB, {len(statements)} statements; a table: "
             + "; ".join(f"{count / SMALL:.1f} x {form}" for form, count in often.items()))
        for form in often:
            self.assertNotRegex(form, r"(?i)information_schema|performance_schema|\bSHOW (?!BINARY LOG STATUS)|EXPLAIN|COUNT\(|MIN\(|MAX\(|mysql\.", "asked once a table")
        self.assertLess(len(statements), SMALL * 9 + 120)

    @staticmethod
    def statements(path, data):
        """What was run, without the preparing of it."""
        full = path if path.startswith("/") else f"{data}/{path}"
        found = []
        with open(full, encoding="utf-8", errors="replace") as f:
            for line in f:
                parts = line.rstrip("\n").split("\t")
                command = re.search(r"\d+ (Query|Execute)$", parts[1]) if len(parts) > 2 else None
                if command:
                    found.append(parts[2])
        return found


if __name__ == "__main__":
    unittest.main()
