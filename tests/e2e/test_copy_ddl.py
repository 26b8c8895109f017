"""Definitions that change while their table is copied: the task goes on, every message has the
columns of one definition, and the messages add up to the source."""

import random
import signal
import threading
import time
import unittest

from lib import servers
from lib.case import LONG, SEED, note
from lib.compare import Columns, differences
from lib.copycase import CopyCase
from lib.keys import KINDS, pick
from lib.web import LISTEN, Web

ROWS = 2000 if LONG else 900
CHANGES = 25 if LONG else 10


class Definitions:
    """What the DDL of a test did, table by table."""

    def __init__(self, connection, database, kinds, dice):
        self.connection = connection
        self.database = database
        self.dice = dice
        self.kinds = {k.name: k for k in kinds}
        self.columns = {}  # table to the definitions it had, in order
        self.added = {}  # table to {column: the text that rows from before have in it}
        self.truncated = {}
        self.dropped = set()
        self.counter = 0
        for table in self.kinds:
            self.remember(table)

    def now(self, table):
        return list(Columns.read(self.connection, self.database, table))

    def remember(self, table):
        self.columns.setdefault(table, []).append([name for name, _ in self.now(table)])

    def change(self, writers):
        """One random ALTER, or a TRUNCATE; said in a word."""
        table = self.dice.choice(sorted(set(self.kinds) - self.dropped))
        which = self.dice.random()
        with writers as versions:
            if which < 0.15:
                self.connection.run(f"TRUNCATE TABLE {table}")
                if table == "k_auto":  # what the server counts must not come to the key of a number of another session
                    self.connection.run("ALTER TABLE k_auto AUTO_INCREMENT = 500000000")
                self.truncated[table] = list(versions)
                return f"TRUNCATE {table}"
            if which < 0.60:
                return self.add(table)
            return self.drop_column(table)

    def add(self, table):
        self.counter += 1
        name = f"x{self.counter}"
        place = self.dice.choice(["", "FIRST", "AFTER n", "AFTER v"])
        kind, value = self.dice.choice([("INT DEFAULT 7", "7"), ("VARCHAR(20) NOT NULL DEFAULT 'dflt'", "dflt"), ("DECIMAL(9,2)", None), ("TEXT", None)])
        self.connection.run(f"ALTER TABLE {table} ADD COLUMN {name} {kind} {place}")
        self.added.setdefault(table, {})[name] = value
        self.remember(table)
        return f"ADD {table}.{name}"

    def drop_column(self, table):
        extra = [c for c in self.columns[table][-1] if c.startswith("x") and c != "x" or c == "spare"]
        if not extra:
            return self.add(table)
        name = self.dice.choice(extra)
        self.connection.run(f"ALTER TABLE {table} DROP COLUMN {name}")
        self.remember(table)
        return f"DROP {table}.{name}"

    def check_messages(self, messages, renamed=None):
        """Each message has the columns of one definition; within a partition no definition comes
        after a later one."""
        at = {}
        for message in messages:
            table = message.change["table"]
            known = self.columns[(renamed or {}).get(table, table)]
            columns = list(message.change["data"][0])
            if columns not in known:
                raise AssertionError(f"columns of no definition: {message}")
            if list(message.change["mysqlType"]) != columns or list(message.change["sqlType"]) != columns:
                raise AssertionError(f"types of other columns than the data: {message}")
            place = (message.partition, table)
            begin = at.get(place, 0)
            if columns not in known[begin:]:
                raise AssertionError(f"a definition that was past already: {message}")
            at[place] = known.index(columns, begin)

    def as_now(self, table, rows):
        """Rows as they stand after all the changes."""
        names = self.columns[table][-1]
        added = self.added.get(table, {})
        return [{name: row.get(name, added.get(name)) for name in names} for row in rows]


class Ddl:
    """Each server's class provides `server` and `seeds`."""

    seconds = 900 if LONG else 120

    def altered(self, seed, turn):
        note(f"seed {seed}, turn {turn}")
        dice = random.Random(seed)
        c = self.prepare(self.server, pick(turn), ROWS * 4 // 3)
        definitions = Definitions(c, self.database, self.kinds, dice)
        full = {"chunk_rows": dice.choice([7, 20, 60]), "connections": dice.choice([1, 2, 4])}
        # So slow that it is under way at the last change, however long the changes take; then as fast as it can.
        task = self.copy(full=full, throttle={"rows": int(ROWS * 4 / (CHANGES * 0.6))}, http=LISTEN)
        writers = self.write(f"{seed}/{turn}", pause=0.005)
        process = task.start("--until", "caught-up")
        process.wait_streaming()
        did, beside = [], 0
        for _ in range(CHANGES):
            time.sleep(dice.uniform(0.05, 0.4))
            did.append(definitions.change(writers))
            beside += process.alive()
        note(", ".join(did))
        try:
            Web(process).throttle(full={"rows": 0})
        except OSError:
            pass  # it has come to its end
        self.assertEqual(process.wait(120), 0, process.tail())
        writers.stop()
        task.run_until_caught_up()
        messages = self.messages()
        definitions.check_messages(messages)
        fold = self.copy_fold(messages, strict=False, truncated=definitions.truncated)
        self.note_fold(fold, process, writers)
        found = []
        for kind in self.kinds:
            rows = definitions.as_now(kind.name, fold.remaining(f"{self.database}.{kind.name}"))
            found += differences(c, self.database, kind.name, rows)
        self.assertEqual(found, [])
        self.assertGreater(beside, CHANGES // 2, "the copy was over before most of the changes")

    def test_definitions_that_change(self):
        first, many = self.seeds
        for i in range(many if LONG else 1):
            with self.subTest(turn=first + i):
                self.name, self.database = f"ddl{i}_{self.token}", f"d_ddl{i}_{self.token}"
                self.altered(SEED + i, first + i)

    def slow(self, kinds, count=1500, rate=700, **keys):
        """A copy that is at its first table for seconds; connection, task, process."""
        c = self.prepare(self.server, kinds, count)
        task = self.copy(full={"chunk_rows": 20, "connections": 1}, throttle={"rows": rate}, **keys)
        return c, task, task.start("--until", "caught-up")

    def ended(self, process):
        self.assertEqual(process.wait(60), 0, process.tail())

    def test_definitions_that_change_while_the_stream_stands(self):
        """The task is held while a table changes again and again, rows in between: what it was at
        each of them stands in the statements alone."""
        kinds = [k for k in KINDS if k.name == "k_auto"]
        c, task, process = self.slow(kinds, rate=300)
        self.follow().wait_count(100, 30)
        process.signal(signal.SIGSTOP)
        steps = ["DROP COLUMN spare", "ADD COLUMN x1 INT DEFAULT 7 FIRST", "ADD COLUMN x2 TEXT AFTER n", "RENAME COLUMN x1 TO x3", "MODIFY x3 BIGINT AFTER v"]
        for i, step in enumerate(steps):
            c.run(f"ALTER TABLE k_auto {step}; UPDATE k_auto SET v = v + 1 WHERE id % 10 = {i}; INSERT INTO k_auto (n, v) VALUES ({i}, {i})")
        process.signal(signal.SIGCONT)
        self.ended(process)
        task.run_until_caught_up()  # if it had ended before it could be held
        rows = []
        for row in self.copy_fold(strict=False).remaining(f"{self.database}.k_auto"):
            row.setdefault("x3", row.get("x1", "7"))
            rows.append({name: row.get(name) for name in ("id", "n", "x2", "v", "x3", "body")})
        self.assertEqual(differences(c, self.database, "k_auto", rows), [])

    def test_a_table_that_is_dropped(self):
        """Before its turn, and in the middle of it."""
        kinds = [k for k in KINDS if k.name in ("k_auto", "k_bin16", "k_decimal")]
        c, task, process = self.slow(kinds)
        self.follow().wait_count(300, 30)
        tables = {m.change["table"] for m in self.messages()}
        c.run("DROP TABLE " + ", ".join(k.name for k in kinds if k.name in tables))
        left = [k.name for k in kinds if k.name not in tables]
        for table in left[:1]:
            c.run(f"DROP TABLE {table}")
        self.ended(process)
        self.assert_copied(c, self.copy_fold(strict=False), left[1:])
        del task

    def test_a_table_that_is_dropped_and_made_again(self):
        c, task, process = self.slow(KINDS[:1])
        self.follow().wait_count(300, 30)
        c.run("DROP TABLE k_auto; CREATE TABLE k_auto (id BIGINT NOT NULL PRIMARY KEY, other VARCHAR(30), v BIGINT, n INT)")
        c.run("INSERT INTO k_auto VALUES " + ",".join(f"({i},'new',{10**6},0)" for i in range(500)))
        self.ended(process)
        task.run_until_caught_up()
        rows = [row for row in self.copy_fold(strict=False).table(f"{self.database}.k_auto") if "other" in row]
        self.assertEqual(differences(c, self.database, "k_auto", rows), [])

    def test_a_table_that_is_renamed(self):
        """Under its new name it is the same table to those who know of the RENAME."""
        c, task, process = self.slow(KINDS[:2])
        self.follow().wait_count(300, 30)
        c.run("RENAME TABLE k_auto TO k_renamed")
        c.run("UPDATE k_renamed SET v = v + 1 WHERE n % 3 = 0; DELETE FROM k_renamed WHERE n % 7 = 0; INSERT INTO k_renamed (n, v) VALUES (4, 1)")
        self.ended(process)
        task.run_until_caught_up()
        fold = self.copy_fold(strict=False, alias={"k_auto": "k_renamed"})
        self.assert_copied(c, fold, ["k_renamed", "k_ci"])

    def test_a_table_that_is_truncated(self):
        c, task, process = self.slow(KINDS[:1])
        self.follow().wait_count(300, 30)
        c.run("TRUNCATE TABLE k_auto; INSERT INTO k_auto (id, n, v) VALUES (1, 0, 5), (50, 1, 5), (1000000, 2, 5)")
        self.ended(process)
        task.run_until_caught_up()
        fold = self.copy_fold(strict=False, truncated={"k_auto": [0]})
        self.assert_copied(c, fold)

    def test_a_table_that_is_swapped_in(self):
        """A freshly loaded table that takes the name: its rows were never sent, so they are copied."""
        c = self.prepare(self.server, KINDS[:1], 300)
        task = self.copy([f"{self.database}.k_auto"])
        with task.start() as process:
            process.wait_log(r"copy\.done", 30)
            before = {(m.partition, m.offset) for m in self.messages()}
            c.run("CREATE TABLE loaded LIKE k_auto; INSERT INTO loaded (id, n, v) SELECT id + 7, n, v + 5 FROM k_auto")
            c.run("RENAME TABLE k_auto TO k_old, loaded TO k_auto; UPDATE k_auto SET v = v + 1 WHERE id % 5 = 0")
            process.wait_log(r"copy\.done", 30, times=2)
            self.assertEqual(process.stop(), 0)
        task.run_until_caught_up()
        rows = {}
        for message in self.messages():
            if (message.partition, message.offset) not in before:
                row = message.change["data"][0]
                rows[row["id"]] = row
        self.assertEqual(differences(c, self.database, "k_auto", rows.values()), [])

    def test_starts_while_a_table_changes(self):
        """A first start is somewhere, and definitions are of a moment later: with a statement and
        rows in between it begins once more."""
        c = self.prepare(self.server, KINDS[:1], 200)
        stop = threading.Event()

        def change():
            with self.server.connect() as other:
                other.run(f"USE `{self.database}`")
                while not stop.is_set():
                    for step in ("ADD COLUMN x1 INT FIRST", "DROP COLUMN x1"):
                        other.run(f"UPDATE k_auto SET v = v + 1 WHERE id % 50 = 1; ALTER TABLE k_auto {step}")
                        time.sleep(0.1)

        changing = threading.Thread(target=change)
        changing.start()
        try:
            for i in range(5):
                process = self.copy(name=f"{self.name}_{i}").run("--until", "caught-up")
                self.assertEqual(process.code, 0, process.tail())
        finally:
            stop.set()
            changing.join()
        del c

    def test_a_key_that_is_replaced(self):
        """Chunks are cut by a key that is gone."""
        c, task, process = self.slow([k for k in KINDS if k.name == "k_unique"])
        self.follow().wait_count(300, 30)
        c.run("ALTER TABLE k_unique DROP KEY uc, ADD COLUMN id INT NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST")
        self.ended(process)
        task.run_until_caught_up()
        rows = {}
        for message in self.messages():
            data = message.change["data"][0]
            rows[(data["code"], data["x"])] = data
        self.assertEqual(len(rows), int(c.one("SELECT COUNT(*) FROM k_unique")))


class DdlMysqlFullMetadata(Ddl, CopyCase):
    """The names and types of every row are in the binlog itself."""

    seeds = (0, 2)

    test_definitions_that_change_while_the_stream_stands = test_a_table_that_is_swapped_in = test_starts_while_a_table_changes = None

    def setUp(self):
        super().setUp()
        self.server = servers.mysql("full", "--binlog-row-metadata=FULL")


class DdlMysql(Ddl, CopyCase):
    seeds = (3, 1)

    test_a_key_that_is_replaced = None

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    if not LONG:
        test_definitions_that_change = None


class DdlMariadb(Ddl, CopyCase):
    seeds = (2, 1)

    test_a_key_that_is_replaced = test_a_table_that_is_dropped_and_made_again = test_a_table_that_is_swapped_in = test_starts_while_a_table_changes = None

    def setUp(self):
        super().setUp()
        self.server = servers.mariadb()

    if not LONG:
        test_definitions_that_change = test_a_table_that_is_dropped = test_a_table_that_is_truncated = None


class DdlMysqlWithoutGtid(DdlMariadb):
    seeds = (1, 1)

    def setUp(self):
        super().setUp()
        self.server = servers.mysql("nogtid", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")

    if not LONG:
        test_a_table_that_is_renamed = test_definitions_that_change_while_the_stream_stands = None


if __name__ == "__main__":
    unittest.main()
