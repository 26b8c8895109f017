"""SIGKILL at random moments under load: nothing missing, order per key, the same change with the
same id, and how long it takes until messages come again."""

import random
import time
import unittest

from lib import servers
from lib.case import LONG, SEED, EndToEnd, note
from lib.load import TABLES, Load, create_statements
from lib.task import SANITIZED

KILLS = 100 if LONG else 4 if SANITIZED else 20


class Kills:
    """Each server's class provides `server` and the number of its kills."""

    seconds = 600 if LONG else 150

    def test_kills_under_load(self):
        c = self.create(self.server, *create_statements())
        dice = random.Random(SEED)
        note(f"seed {SEED}")
        task = self.task(self.server, destination={"partitions": 4})
        process = task.start()
        process.wait_streaming()
        follower = self.follow()
        load = Load(self.server, self.database, SEED, sessions=3, pause=0.002)
        follower.wait_count(1, 20)
        restarts = []
        for _ in range(self.kills):
            time.sleep(dice.uniform(0.02, 0.9))
            process.kill()
            time.sleep(dice.choice([0, 0, 0.1]))
            restarts.append(time.time())
            process = task.start()
            if dice.random() < 0.8:  # else it is killed on its way up
                follower.wait(lambda ms: ms and ms[-1].timestamp / 1000 >= restarts[-1], 20, "messages after a kill")
        process.wait_streaming()
        load.stop()
        self.assertEqual(process.stop(), 0, process.tail())
        task.run_until_caught_up(120)
        messages = self.messages()
        fold = self.fold(messages)
        self.assert_tables_equal(c, fold, TABLES)
        note(f"{self.kills} kills, {load.transactions()} transactions, {len(messages)} messages, {fold.repeats} of them repeats")
        stamps = sorted(m.timestamp / 1000 for m in messages)
        gaps = sorted(g for g in (next((s - r for s in stamps if s >= r), None) for r in restarts) if g is not None)
        note(f"first message after a restart: median {gaps[len(gaps) // 2] * 1000:.0f} ms, worst {gaps[-1] * 1000:.0f} ms")


class KillsMysql(Kills, EndToEnd):
    kills = KILLS

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()


class KillsMysqlWithoutGtid(Kills, EndToEnd):
    kills = max(KILLS // 4, 2)

    def setUp(self):
        super().setUp()
        self.server = servers.mysql("nogtid", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")


class KillsMariadb(Kills, EndToEnd):
    kills = max(KILLS // 4, 2)

    def setUp(self):
        super().setUp()
        self.server = servers.mariadb()


if __name__ == "__main__":
    unittest.main()
