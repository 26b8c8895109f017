"""Commits that hang between binlog and engine while chunks or definitions are read.

MySQL and MariaDB write a transaction to the binlog, and send it to replicas, before the engine
makes it visible. With lossless semi-sync and no replica that gap lasts until the timeout, or
until semi-sync is switched off: here it is switched on and off in a loop, so that there are
always commits that the stream has passed and that no SELECT sees yet.

What this catches, each of it tried by breaking the program:
  - a chunk that is read at once, while the stream has passed (and dropped) a commit that is not
    visible yet: no wait for the GTID set, a snapshot from before what the stream has passed, a
    SELECT without locks where there are no GTIDs. The change is lost for good, and the row stays
    at its old version.
  - a window that begins at the binlog's position (SHOW BINARY LOG STATUS) at the read: a commit
    that hangs stands before it and is not in the window, so that it is lost in the same way.
  - high taken before the read, where the read waits (MySQL without GTIDs): a change that the
    SELECT saw and the window does not have comes again behind its INIT, as an older value.
Every lost change shows in the comparison with the source: hanging transactions touch keys all
over the tables, and a third of all chunks is read while one hangs.
"""

import random
import threading
import time
import unittest

from lib import servers
from lib.case import LONG, SEED, note
from lib.copycase import CopyCase
from lib.keys import pick
from lib.writers import Every

SEMI_SYNC = {"mysql": "rpl_semi_sync_source", "mariadb": "rpl_semi_sync_master"}


class Gap:
    seconds = 1200 if LONG else 90
    turns = (0, 1, 2, 3) if LONG else (0,)
    options = ()
    kind = "mysql"

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(servers.OwnServer(cls.kind, *cls.options))
        if cls.kind == "mysql":
            with cls.server.connect() as c:
                c.run("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'")

    def gap(self, seed, turn):
        note(f"seed {seed}, turn {turn}")
        dice = random.Random(seed)
        name = SEMI_SYNC[self.kind]
        c = self.prepare(self.server, pick(turn), 6000 if LONG else 800)
        control = self.server.connect()
        control.run(f"SET GLOBAL {name}_wait_point='AFTER_SYNC', GLOBAL {name}_timeout=2000")

        def hang():
            control.run(f"SET GLOBAL {name}_enabled=ON")
            time.sleep(dice.choice([0.05, 0.15, 0.4]) if dice.random() < 0.97 else 2.3)
            control.run(f"SET GLOBAL {name}_enabled=OFF")

        chunk_rows = dice.choice([7, 40, 150]) if LONG else 40
        task = self.copy(full={"chunk_rows": chunk_rows, "connections": 1 + turn % 3}, throttle={"rows": 1200})
        # Many sessions, since each of them hangs; what commits in a gap is spread over the tables.
        writers = self.write(f"{seed}/{turn}", sessions=12, pause=0.001, big=40)
        with Every(lambda: dice.choice([0.002, 0.01, 0.05]), hang) as hanging:
            process = task.start("--until", "caught-up")
            code = process.wait(300 if LONG else 120)  # a chunk of 7 rows waits for each commit that hangs
            self.assertEqual(code, 0, process.tail())
        control.run(f"SET GLOBAL {name}_enabled=OFF")
        control.close()
        writers.stop()
        task.run_until_caught_up()
        fold = self.copy_fold()
        note(f"{hanging.calls} times")
        self.note_fold(fold, process, writers)
        self.assert_copied(c, fold)
        self.assertGreater(hanging.calls, 5)

    def test_commits_that_hang(self):
        for turn in self.turns:
            with self.subTest(turn=turn):
                self.name, self.database = f"gap{turn}_{self.token}", f"d_gap{turn}_{self.token}"
                self.gap(SEED + turn, turn)

    def test_definitions_that_hang(self):
        """Starts while two columns go on changing names: no row tells the two definitions apart."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, b INT)")
        name = SEMI_SYNC[self.kind]
        control = self.server.connect()
        control.run(f"SET GLOBAL {name}_wait_point='AFTER_SYNC', GLOBAL {name}_timeout=2000")
        stop = threading.Event()

        def change():
            while not stop.is_set():
                c.run("ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a; INSERT INTO t (a, b) VALUES (1, 2)")

        def hang():
            control.run(f"SET GLOBAL {name}_enabled=ON")
            time.sleep(0.1)
            control.run(f"SET GLOBAL {name}_enabled=OFF")

        changing = threading.Thread(target=change)
        changing.start()
        try:
            with Every(lambda: 0.002, hang):
                for i in range(20 if LONG else 5):
                    task = self.task(self.server, name=f"{self.name}_{i}", phases=["incremental"])
                    with task.start() as process, self.follow(task.name) as follower:
                        follower.wait(lambda m: sum(not x.change["isDdl"] for x in m) >= 4, 30, "rows")
                        self.assertEqual(process.stop(), 0, process.tail())
                    rows = [(m.change["data"][0]["a"], m.change["data"][0]["b"]) for m in self.messages(task.name) if not m.change["isDdl"]]
                    self.assertEqual(set(rows), {("1", "2")})
        finally:
            stop.set()
            changing.join()
            control.close()


class GapMysql(Gap, CopyCase):
    pass


class GapMysqlWithoutGtid(Gap, CopyCase):
    options = ("--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")


class GapMariadb(Gap, CopyCase):
    kind = "mariadb"


if __name__ == "__main__":
    unittest.main()
