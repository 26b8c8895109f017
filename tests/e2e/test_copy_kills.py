"""The full copy and everything that dies: rowcast itself, its sessions, the server, a query.

Writers go on all the time, while rowcast is down too, and delete and move rows whose chunk may
have gone out before the kill: a row that such a change took from the source must not stay in the
messages.
"""

import random
import time
import unittest

from lib import servers
from lib.case import LONG, SEED, note
from lib.copycase import CopyCase
from lib.keys import pick
from lib.sql import SqlError
from lib.task import SANITIZED
from lib.writers import Every

ROWS = 3000 if LONG else 1000
KILLS = 20 if LONG else 3


class Kills:
    """Each server's class provides `server` and `seeds`: the first one, how many in the long tier."""

    seconds = 1500 if LONG else 120

    def killed(self, seed, turn):
        dice = random.Random(seed)
        note(f"seed {seed}, turn {turn}")
        c = self.prepare(self.server, pick(turn), ROWS * 4 // 3)
        # So slow that it would just be done when the last kill comes.
        rate = int(ROWS * 5 / (KILLS * 0.8 + 1))
        full = {"chunk_rows": dice.choice([7, 30, 100]), "connections": dice.choice([1, 2, 4])}
        task = self.copy(full=full, throttle={"rows": rate})
        writers = self.write(f"{seed}/{turn}", pause=0.004)
        process = task.start()
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.1, 1.3))
            process.kill()
            time.sleep(dice.choice([0, 0.05, 0.3]))
            process = task.start()
        process.wait_streaming()
        time.sleep(0.5)
        self.assertEqual(process.stop(), 0, process.tail())
        task.change(throttle={"full": {"rows": 0}})
        process = task.start("--until", "caught-up")
        self.assertEqual(process.wait(120), 0, process.tail())
        writers.stop()
        task.run_until_caught_up()
        messages = self.messages()
        fold = self.copy_fold(messages, strict=False)
        self.note_fold(fold, process, writers)
        self.assert_copied(c, fold)
        task.run_until_caught_up()
        self.assertEqual(len(self.messages()), len(messages), "a copy that was done was made again")
        again = fold.inits - ROWS * 5
        # What is in flight at a kill, and what is acknowledged while a busy machine's disk has not yet taken its record.
        flight = full["chunk_rows"] * (full["connections"] + 1) + rate * 0.4
        self.assertLess(again, (KILLS + 1) * flight, "more than the chunks in flight was copied again")

    def test_kills_in_mid_copy(self):
        first, many = self.seeds
        for i in range(many if LONG else 1):
            with self.subTest(turn=first + i):
                self.name, self.database = f"kills{i}_{self.token}", f"d_kills{i}_{self.token}"
                self.killed(SEED + i, first + i)


class KillsMysql(Kills, CopyCase):
    seeds = (0, 4)

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    def slow_copy(self, server=None, turn=3):
        """A copy of 4,500 rows that takes a while, with writers; connection, task, writers. The
        task's account is its own, so that its sessions can be told from those of others."""
        c = self.prepare(server or self.server, pick(turn), 1200)
        user = self.grant(self.server, self.user(), "SELECT ON *.*")
        task = self.copy(full={"chunk_rows": 20, "connections": 2}, throttle={"rows": 3000}, user=user)
        return c, task, self.write(SEED, pause=0.005)

    def finish(self, c, task, writers, process, strict=True):
        self.assertEqual(process.wait(90), 0, process.tail())
        writers.stop()
        task.run_until_caught_up()
        fold = self.copy_fold(strict=strict)
        self.note_fold(fold, process, writers)
        self.assert_copied(c, fold)
        return fold

    def test_a_kill_between_the_rows_and_the_record_of_them(self):
        """Rows that were sent just before a kill are deleted, and moved, before the restart."""
        self.kinds = pick(0)
        for round_ in range(6 if LONG else 2):
            self.name, self.database = f"ghost{round_}_{self.token}", f"d_ghost{round_}_{self.token}"
            c = self.prepare(self.server, pick(0)[:1], 2000)
            task = self.copy(full={"chunk_rows": 50})
            process = task.start()
            self.follow(self.name).wait_count(1 + round_ * 40, 20)
            process.kill()
            sent = [m.change["data"][0]["id"] for m in self.messages()]
            c.run(f"DELETE FROM k_auto WHERE id IN ({','.join(sent[::2])})")
            c.run(f"UPDATE k_auto SET v = v + 1, id = id + 500000000 WHERE id IN ({','.join(sent[1::2])})")
            task.run_until_caught_up()
            fold = self.copy_fold(strict=False)
            self.assert_copied(c, fold)
            note(f"{len(sent)} rows were sent before the kill, {fold.inits} in all")

    def test_sessions_that_are_killed(self):
        c, task, writers = self.slow_copy()
        process = task.start("--until", "caught-up")
        process.wait_streaming()

        def kill():
            with self.server.connect() as k:
                for session in self.copy_sessions(k, self.user()):
                    try:
                        k.run(f"KILL {session}")
                    except SqlError:
                        pass  # it ended by itself

        with Every(lambda: random.uniform(0.05, 0.3), kill) as killer:
            time.sleep(1.2)
        note(f"killed {killer.calls} times")
        self.finish(c, task, writers, process)

    def test_queries_that_are_killed(self):
        c, task, writers = self.slow_copy(turn=1)
        process = task.start("--until", "caught-up")
        process.wait_streaming()

        def kill():
            with self.server.connect() as k:
                for session in self.copy_sessions(k, self.user()):
                    try:
                        k.run(f"KILL QUERY {session}")
                    except SqlError:
                        pass

        with Every(0.02, kill):
            time.sleep(1.0)
        self.finish(c, task, writers, process)

    def test_a_table_that_is_locked(self):
        c, task, writers = self.slow_copy()
        process = task.start("--until", "caught-up")
        process.wait_streaming()
        time.sleep(0.3)
        with self.server.connect(self.database) as k, writers:
            k.run("LOCK TABLES " + ", ".join(f"{kind.name} WRITE" for kind in self.kinds))
            time.sleep(1.5)
            self.assertTrue(process.alive(), process.tail())
            k.run("UNLOCK TABLES")
        self.finish(c, task, writers, process)

    def test_time_limits_of_the_server(self):
        """max_execution_time for everyone, and locks that are waited for a second at most."""
        c, task, writers = self.slow_copy(servers.mysql("copy"))
        with self.server.connect() as k:
            k.run("SET GLOBAL max_execution_time=1, GLOBAL lock_wait_timeout=1")
            try:
                process = task.start("--until", "caught-up")
                process.wait_streaming()
                with self.server.connect(self.database) as other, writers:
                    other.run(f"LOCK TABLES {self.kinds[4].name} WRITE")
                    time.sleep(2.2)
                    other.run("UNLOCK TABLES")
                self.finish(c, task, writers, process)
            finally:
                k.run("SET GLOBAL max_execution_time=0, GLOBAL lock_wait_timeout=31536000")

    def test_a_server_that_is_restarted(self):
        with servers.OwnServer("mysql") as server:
            c, task, writers = self.slow_copy(server)
            process = task.start("--until", "caught-up")
            process.wait_streaming()
            time.sleep(0.4)
            writers.stop()
            for kill in (True, False):
                server.restart(kill=kill)
                time.sleep(0.4)
            with server.connect(self.database) as again:
                writers = self.write(f"{SEED}/2", pause=0.005, version=10**9)
                self.finish(again, task, writers, process)
            del c

    def test_a_copy_goes_on_at_a_replica(self):
        """Places of one server mean nothing on the other: what was open is read again."""
        with servers.OwnServer("mysql") as source, servers.OwnServer("mysql") as replica:
            with replica.connect() as r:
                r.run(
                    f"RESET BINARY LOGS AND GTIDS; CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={source.port}, SOURCE_USER='app',"
                    " SOURCE_PASSWORD='app-pw', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1; START REPLICA"
                )
                c, task, writers = self.slow_copy(source)
                process = task.start()
                self.follow().wait_count(1000, 30)
                # Not killed: what is sent again on another server has other ids, so that a fold by ids
                # takes a repeat for an older value.
                self.assertEqual(process.stop(), 0, process.tail())
                writers.stop()
                executed = c.one("SELECT @@gtid_executed")
                self.assertEqual(r.one(f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{executed}', 30)"), "0")
                r.run("STOP REPLICA; FLUSH BINARY LOGS")
            task.change(source={"port": replica.port})
            self.server = replica
            writers = self.write(f"{SEED}/2", pause=0.005, version=10**9)
            with replica.connect(self.database) as there:
                self.finish(there, task, writers, task.start("--until", "caught-up"), strict=False)

    def test_a_stop_while_queries_wait(self):
        """What the connections of the copy have in hands is theirs until they are over."""
        c, task, _ = self.slow_copy()
        for _ in range(2):
            process = task.start()
            process.wait_log(r"copy\.start", 30)
            with self.server.connect(self.database) as other:
                other.run("LOCK TABLES " + ",".join(f"{k.name} WRITE" for k in self.kinds))
                servers.wait_for(lambda: any("metadata lock" in str(row[6]) for row in c.text("SHOW PROCESSLIST") if row[1] == self.user()), 30, "a query that waits")
                self.assertEqual(process.stop(), 0, process.tail())

    def test_chunks_that_are_larger_than_the_memory(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, doc TEXT)")
        for at in range(0, 30000, 1000):
            c.run("INSERT INTO t VALUES " + ",".join(f"({i},REPEAT('z',3000))" for i in range(at, at + 1000)))
        self.kinds = []
        process = self.copy(full={"connections": 4}).run("--until", "caught-up", seconds=90)
        self.assertEqual(process.code, 0, process.tail())
        note(f"90 MB in chunks of 30 MB: {process.peak()} KiB")
        if not SANITIZED:
            # limits.memory is 40 MiB, the process some 16; a busy machine adds what librdkafka packs meanwhile.
            self.assertLess(process.peak(), 80 * 1024)
        self.assertEqual(len(self.messages()), 30000)


class KillsMysqlWithoutGtid(Kills, CopyCase):
    seeds = (1, 3)

    def setUp(self):
        super().setUp()
        self.server = servers.mysql("nogtid", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")

    def test_rows_that_are_locked(self):
        """Its reads wait for row locks; those that wait in vain are made again."""
        c = self.prepare(self.server, pick(1), 800)
        with self.server.connect() as k:
            k.run("SET GLOBAL innodb_lock_wait_timeout=1")
            self.addCleanup(lambda: self.server.connect().run("SET GLOBAL innodb_lock_wait_timeout=50"))
        task = self.copy(full={"chunk_rows": 50})
        with self.server.connect(self.database) as k:
            k.run(f"BEGIN; UPDATE {self.kinds[0].name} SET v = v + 1 WHERE n > 300 AND n < 500")
            process = task.start("--until", "caught-up")
            process.wait_streaming()
            time.sleep(2.5)
            self.assertTrue(process.alive(), process.tail())
            k.run("COMMIT")
            self.assertEqual(process.wait(60), 0, process.tail())
        self.assert_copied(c, self.copy_fold())


class KillsMariadb(Kills, CopyCase):
    seeds = (2, 3)

    def setUp(self):
        super().setUp()
        self.server = servers.mariadb()

    def test_time_limit_of_the_server(self):
        with servers.OwnServer("mariadb") as server:
            c = self.prepare(server, pick(2), 800)
            with server.connect() as k:
                k.run("SET GLOBAL max_statement_time=0.001")
            process = self.copy(full={"chunk_rows": 100}).run("--until", "caught-up")
            self.assertEqual(process.code, 0, process.tail())
            self.assert_copied(c, self.copy_fold())


if __name__ == "__main__":
    unittest.main()
