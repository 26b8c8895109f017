"""The full copy and the stream under one filter: rows cross it in all four ways while the copy
runs, and what the messages add up to is SELECT .. WHERE of the source."""

import unittest

from lib import servers
from lib.case import LONG, SEED, note
from lib.copycase import CopyCase
from lib.keys import pick
from lib.sql import Background
from lib.writers import wait_transactions

ROWS = 3000 if LONG else 900
# Each change has a new v, so that a third of them cross one way or the other; bodies begin with
# letters whose order only the source knows.
FILTER = "v mod 3 <> 1 and (n > 30 or body <=> null or body like 'a%') or n in (7, 8, 9)"


class Filtered:
    """Each server's class provides `server`, and the kinds of keys to begin with."""

    seconds = 900 if LONG else 120

    def entry(self):
        return {"table": f"{self.database}.*", "filter": FILTER}

    def live(self, turn, chunk_rows):
        note(f"seed {SEED}, turn {turn}, chunk_rows {chunk_rows}")
        c = self.prepare(self.server, pick(turn), ROWS * 4 // 3)
        task = self.copy([self.entry()], full={"connections": 1 + turn % 3, "chunk_rows": chunk_rows})
        writers = self.write(f"{SEED}/{turn}")
        wait_transactions(writers, 20)
        process = task.start("--until", "caught-up")
        self.assertEqual(process.wait(100), 0, process.tail())
        during = writers.transactions()
        writers.stop()
        task.run_until_caught_up()
        messages = self.messages()
        fold = self.copy_fold(messages)
        self.assert_copied(c, fold, where=FILTER)
        self.assertNotIn("copy.unfiltered", process.log())
        self.note_fold(fold, process, writers)
        self.assertGreater(during, 20)
        types = [m.change["type"] for m in messages]
        for kind in ("INIT", "INSERT", "UPDATE", "DELETE"):
            self.assertGreater(types.count(kind), 3, kind)

    def test_rows_cross_the_filter(self):
        for i in range(4 if LONG else 1):
            with self.subTest(turn=self.first + i):
                self.name, self.database = f"cross{i}_{self.token}", f"d_cross{i}_{self.token}"
                self.live(self.first + i, 7 if i % 2 else 100)

    def test_a_table_without_a_key(self):
        c = self.create(self.server, "CREATE TABLE t (a INT, b VARCHAR(30))")
        c.run("INSERT INTO t VALUES " + ",".join(f"({i % 50},'x{i % 20}')" for i in range(2000)))
        stop = []

        def load(connection):
            n = 0
            while not stop:
                n += 1
                connection.run(f"INSERT INTO t VALUES ({n},'new'); UPDATE t SET b=if(b='x3','y','x3') WHERE a={n % 50} LIMIT 3; DELETE FROM t WHERE a={n % 7} LIMIT 1")

        condition = "b = 'X3' or a < 5 and b <> 'new'"
        with self.server.connect(self.database) as w:
            loading = Background(load, w)
            task = self.copy([{"table": f"{self.database}.t", "filter": condition}], full={"keyless": "unlocked" if self.unlocked else "lock"})
            process = task.start("--until", "caught-up")
            code = process.wait(60)
            stop.append(1)
            loading.join()
        self.assertEqual(code, 0, process.tail())
        task.run_until_caught_up()
        messages = self.messages()
        self.assertTrue({"INIT", "INSERT", "DELETE"} <= {m.change["type"] for m in messages})
        if not self.unlocked:
            self.assert_copied(c, self.copy_fold(messages), ["t"], where=condition)

    def test_what_the_source_refuses_is_decided_here(self):
        """A row for which the condition has no value ends the task as it does in the stream; none, and nothing is asked twice."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, n BIGINT)")
        c.run("INSERT INTO t VALUES (1, 1), (2, 9223372036854775807), (3, 3)")
        process = self.copy([{"table": f"{self.database}.t", "filter": "id = 2 or n + 1 > 3"}]).run("--until", "caught-up")
        self.assertEqual(process.code, 0, process.tail())
        self.assertEqual(sorted(m.change["data"][0]["id"] for m in self.messages()), ["2", "3"])
        process = self.copy([{"table": f"{self.database}.t", "filter": "n + 1 > 3"}], f"{self.name}_x").run("--until", "caught-up")
        self.assert_ends(process, 7, "BIGINT value is out of range")
        self.assertIn("copy.unfiltered", process.log())


class FilteredMysql(Filtered, CopyCase):
    first, unlocked = 0, True

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()


class FilteredMysqlWithoutGtid(Filtered, CopyCase):
    first, unlocked = 1, True
    test_what_the_source_refuses_is_decided_here = test_a_table_without_a_key = None

    def setUp(self):
        super().setUp()
        self.server = servers.mysql("nogtid", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")


class FilteredMariadb(Filtered, CopyCase):
    first, unlocked = 2, False

    def setUp(self):
        super().setUp()
        self.server = servers.mariadb()


if __name__ == "__main__":
    unittest.main()
