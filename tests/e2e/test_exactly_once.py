"""delivery: exactly-once: whatever happens to rowcast, a consumer that reads what is committed sees
every change once, counted by id, and the fold equals the source."""

import json
import os
import random
import shutil
import signal
import time
import unittest
from collections import Counter

from lib import servers
from lib.case import LONG, SEED, EndToEnd, note
from lib.copycase import CopyCase
from lib.keys import pick
from lib.load import TABLES, Load, create_statements
from lib.proxy import Proxy
from lib.task import SANITIZED
from lib.web import LISTEN, Web

KILLS = 100 if LONG else 4 if SANITIZED else 10
# The reader waits for room most of the time.
SLOW_LIMITS = {"memory": "8MB", "lanes": 1}
SLOW_CODEC = {"compression": "gzip", "compression_level": 9}


class ExactlyOnce(EndToEnd):
    seconds = 600 if LONG else 120

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    def exactly_once(self, **keys):
        destination = {"partitions": 4, "delivery": "exactly-once", **keys.pop("destination", {})}
        return self.task(self.server, destination=destination, **keys)

    def assert_once(self, connection, tables=TABLES):
        """kcat reads what is committed, unless it is told otherwise."""
        messages = self.messages()
        fold = self.fold(messages)
        self.assertEqual(fold.repeats, 0)
        self.assert_tables_equal(connection, fold, tables)
        return messages

    def test_kills_under_load(self):
        c = self.create(self.server, *create_statements())
        dice = random.Random(SEED)
        note(f"seed {SEED}")
        task = self.exactly_once()
        process = task.start()
        process.wait_streaming()
        load = Load(self.server, self.database, SEED, sessions=3, pause=0.002)
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.02, 1.5))
            process.kill()
            if dice.random() < 0.3:  # the folder is a copy of what the topic holds
                shutil.rmtree(task.state, ignore_errors=True)  # killed early it is not there yet
            process = task.start()
        process.wait_streaming()
        load.stop()
        self.assertEqual(process.stop(), 0, process.tail())
        task.run_until_caught_up(60)
        messages = self.assert_once(c)
        note(f"{KILLS} kills, {load.transactions()} transactions, {len(messages)} messages")

    def test_another_machine_takes_over(self):
        """With a folder of its own; the instance that was there ends, and comes back later."""
        c = self.create(self.server, *create_statements())
        here, there = self.exactly_once(), self.exactly_once()
        first = here.start()
        first.wait_streaming()
        load = Load(self.server, self.database, SEED, sessions=3, pause=0.002)
        time.sleep(0.7)
        second = there.start()
        self.assert_ends(first, 8, f"another instance of task {self.name} has taken over: the transactional id", 30)
        second.wait_streaming()
        time.sleep(0.7)
        third = here.start()
        self.assert_ends(second, 8, f"another instance of task {self.name} has taken over", 30)
        third.wait_streaming()
        load.stop()
        self.assertEqual(third.stop(), 0, third.tail())
        there.run_until_caught_up()
        self.assert_once(c)

    def test_an_idle_instance_notices_that_another_one_has_taken_over(self):
        self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")
        first = self.exactly_once().start()
        first.wait_streaming()
        second = self.exactly_once().start()
        second.wait_streaming()
        self.assert_ends(first, 8, f"another instance of task {self.name} has taken over", 20)
        self.assertEqual(second.stop(), 0, second.tail())

    def test_an_emptied_folder_is_no_first_start(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")
        task = self.exactly_once()
        task.run_until_caught_up()
        c.run("INSERT INTO t VALUES (1)")
        task.run_until_caught_up()
        shutil.rmtree(task.state)
        done = task.run("--json", command="check", seconds=30)
        self.assertEqual(done.code, 0, done.output)
        items = {item["code"]: item for item in json.loads(done.output)["items"]}
        self.assertIn(f"goes on from what the topic {self.name}.rowcast holds", items["CHECK_STATE_DIR"]["found"])
        for code in ("CHECK_SAME_OBJ", "CHECK_DEST_TABLE_EMPTY", "CHECK_PRIVILEGE_DEST"):
            self.assertEqual(items[code]["result"], "passed", items[code])
        c.run("INSERT INTO t VALUES (2)")
        task.run_until_caught_up()
        self.assert_once(c, ["t"])

    def test_pauses_outages_of_the_source_and_statements(self):
        """Under load, one after the other."""
        c = self.create(self.server, *create_statements(), "CREATE TABLE s (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
        dice = random.Random(SEED)
        note(f"seed {SEED}")
        turns = 40 if LONG else 4
        with Proxy(self.server.port) as proxy:
            task = self.exactly_once(objects=[{"table": f"{self.database}.s", "ddl": "all"}, f"{self.database}.*"], source={"port": proxy.port}, http=LISTEN)
            process = task.start()
            web = Web(process)
            web.wait_state(["caught-up", "streaming"], 20)
            load = Load(self.server, self.database, SEED, sessions=2, pause=0.005)
            for turn in range(turns):
                time.sleep(dice.uniform(0.05, 0.5))
                if turn % 2 == 0:
                    web.post("pause")
                    web.wait_state("paused", 20)
                else:
                    proxy.refuse = True
                    proxy.drop_all()
                c.run(f"INSERT INTO s (v) VALUES ({turn}); ALTER TABLE s ADD COLUMN c{turn} INT DEFAULT {turn}; INSERT INTO s (v) VALUES ({turn})")
                time.sleep(dice.uniform(0, 0.3))
                if turn % 2 == 0:
                    web.post("resume")
                proxy.refuse = False
                web.wait_state(["caught-up", "streaming"], 30)
            load.stop()
            self.assertEqual(process.stop(), 0, process.tail())
            task.run_until_caught_up()
        messages = self.messages()
        rows, statements = self.assert_ids_once(messages)
        self.assertEqual(statements, [f"ALTER TABLE s ADD COLUMN c{turn} INT DEFAULT {turn}" for turn in range(turns)])
        self.assertEqual(sum(m.change["table"] == "s" for m in rows), 2 * turns)
        fold = self.fold(rows)
        self.assertEqual(fold.repeats, 0)
        self.assert_tables_equal(c, fold, TABLES)

    def test_a_folder_and_a_topic_that_do_not_belong_together(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")
        task = self.exactly_once()
        task.run_until_caught_up()
        c.run("INSERT INTO t VALUES (1)")
        task.change(destination={"delivery": "at-least-once"})
        process = task.run_until_caught_up()
        self.assertRegex(process.log(), "delivery.changed")
        task.change(destination={"delivery": "exactly-once"})
        process = task.run(seconds=30)
        self.assertEqual(process.code, 2, process.tail())
        self.assertRegex(process.log(), "delete the folder to go on from the topic, or the topic")
        self.kafka.topic_tool("--delete", "--topic", f"{self.name}.rowcast")
        task.run_until_caught_up()  # from the folder
        c.run("INSERT INTO t VALUES (2)")
        task.run_until_caught_up()
        self.assert_once(c, ["t"])

    def test_statements_have_transactions_of_their_own(self):
        c = self.create(self.server, "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
        task = self.exactly_once(objects=[{"table": f"{self.database}.*", "ddl": "all"}])
        dice = random.Random(SEED)
        process = task.start()
        process.wait_streaming()
        for i in range(12):
            for _ in range(5):
                c.run(f"INSERT INTO t (v) VALUES ({i}), ({i + 1})")
            c.run(f"ALTER TABLE t ADD COLUMN c{i} INT DEFAULT {i}")
            time.sleep(dice.uniform(0, 0.25))
            if i % 3 == 2:
                process.kill()
                process = task.start()
        c.run("CREATE TABLE made AS SELECT id, v FROM t")
        process.wait_streaming()
        self.assertEqual(process.stop(), 0, process.tail())
        task.run_until_caught_up()
        messages = self.messages()
        rows, statements = self.assert_ids_once(messages)
        self.assertEqual([s for s in statements if s.startswith("ALTER")], [f"ALTER TABLE t ADD COLUMN c{i} INT DEFAULT {i}" for i in range(12)])
        self.assertEqual(len(statements), 13)
        self.assertEqual(len(rows), 240)

    def test_a_transaction_that_is_larger_than_the_memory(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, body VARCHAR(1000))")
        task = self.exactly_once(limits={"memory": "8MB"})
        task.run_until_caught_up()
        c.run("SET SESSION cte_max_recursion_depth = 100000")
        c.run("INSERT INTO t WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000) SELECT n, REPEAT('x', 900) FROM s")
        c.run("UPDATE t SET id = id + 100000")
        dice = random.Random(SEED)
        for _ in range(20 if LONG else 3):
            process = task.start()
            process.wait_streaming()
            time.sleep(dice.uniform(0.05, 0.6))
            process.kill()
        process = task.run_until_caught_up()
        self.assertIn("transaction.cut", "".join(p.log() for p in task.processes))
        messages = self.assert_once(c, ["t"])
        self.assertEqual(len(messages), 60000)

    def test_stops_in_the_middle_of_a_large_transaction(self):
        """The reader is ahead of a lane that compresses slowly, with a row in its hands that has not gone out."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        task = self.exactly_once(limits=SLOW_LIMITS, destination=SLOW_CODEC)
        task.run_until_caught_up()
        c.run("SET SESSION cte_max_recursion_depth = 1000000")
        c.run("INSERT INTO t WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 150000) SELECT n, n FROM s")
        dice = random.Random(SEED)
        note(f"seed {SEED}")
        for _ in range(12 if LONG else 4):
            process = task.start()
            process.wait_streaming()
            time.sleep(dice.uniform(0, 0.3))
            self.assertEqual(process.stop(), 0, process.tail())
        task.run_until_caught_up(60)
        self.assertEqual(len(self.assert_once(c, ["t"])), 150000)

    def test_transactions_that_are_larger_than_the_memory_together_only(self):
        """Each is too large to be held, so it flows; none is visible in parts."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, body VARCHAR(1000))")
        task = self.exactly_once(limits={"memory": "8MB"})
        task.run_until_caught_up()
        c.run("SET SESSION cte_max_recursion_depth = 100000")
        for i in range(12):
            c.run(f"INSERT INTO t WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 2000) SELECT n + {2000 * i}, REPEAT('x', 900) FROM s")
        process = task.run_until_caught_up()
        self.assertNotIn("transaction.cut", process.log())
        self.assertEqual(len(self.assert_once(c, ["t"])), 24000)

    def test_brokers_that_are_away_for_longer_than_a_transaction_may_last(self):
        with servers.OwnServer("kafka", "transaction.abort.timed.out.transaction.cleanup.interval.ms=500") as kafka:
            c = self.create(self.server, *create_statements())
            settings = {"librdkafka": {"transaction.timeout.ms": 2000}}
            task = self.exactly_once(brokers=kafka.brokers, destination=settings)
            process = task.start()
            process.wait_streaming()
            load = Load(self.server, self.database, SEED, sessions=2, pause=0.005)
            for pause in (4, 1):
                time.sleep(1)
                os.kill(kafka.pid, signal.SIGSTOP)
                time.sleep(pause)
                os.kill(kafka.pid, signal.SIGCONT)
            if LONG:
                kafka.stop(kill=True)
                time.sleep(4)
                kafka.start()
            time.sleep(2)
            load.stop()
            self.assertEqual(process.stop(), 0, process.tail())
            task.run_until_caught_up()
            fold = self.fold(self.messages(brokers=kafka.brokers))
            self.assertEqual(fold.repeats, 0)
            self.assert_tables_equal(c, fold, TABLES)


class ExactlyOnceMariadb(EndToEnd):
    def test_kills_under_load(self):
        server = servers.mariadb()
        c = self.create(server, *create_statements())
        dice = random.Random(SEED)
        task = self.task(server, destination={"partitions": 3, "delivery": "exactly-once"})
        process = task.start()
        process.wait_streaming()
        load = Load(server, self.database, SEED, sessions=2, pause=0.005)
        for _ in range(KILLS // 4):
            time.sleep(dice.uniform(0.1, 1.0))
            process.kill()
            process = task.start()
        process.wait_streaming()
        load.stop()
        self.assertEqual(process.stop(), 0, process.tail())
        task.run_until_caught_up()
        fold = self.fold()
        self.assertEqual(fold.repeats, 0)
        self.assert_tables_equal(c, fold, TABLES)


class CopyExactlyOnce(CopyCase):
    """A chunk's rows and the record that they are done are one."""

    seconds = 120

    def test_kills_in_mid_copy(self):
        self.server = servers.mysql()
        rows = 1000
        c = self.prepare(self.server, pick(0), rows * 4 // 3)
        dice = random.Random(SEED)
        note(f"seed {SEED}")
        destination = {"partitions": 3, "delivery": "exactly-once"}
        task = self.copy(full={"chunk_rows": 50}, throttle={"rows": rows * 5 // 4}, destination=destination)
        writers = self.write(SEED, pause=0.004)
        process = task.start()
        for _ in range(20 if LONG else 3):
            time.sleep(dice.uniform(0.3, 1.5))
            process.kill()
            process = task.start()
        process.wait_streaming()
        self.assertEqual(process.stop(), 0, process.tail())
        task.change(throttle={"full": {"rows": 0}})
        process = task.start("--until", "caught-up")
        self.assertEqual(process.wait(90), 0, process.tail())
        writers.stop()
        task.run_until_caught_up()
        fold = self.copy_fold(strict=False)
        self.note_fold(fold, process, writers)
        self.assert_copied(c, fold)
        self.assertEqual(fold.repeats, 0)
        inits = Counter(m.key for m in self.messages() if m.change["type"] == "INIT" and m.key is not None)
        self.assertEqual([key for key, count in inits.items() if count > 1], [])

    def test_stops_in_mid_chunk(self):
        """The reader is ahead of a lane that compresses slowly, with the rest of a chunk in its hands."""
        self.server = servers.mysql()
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")
        c.run("SET SESSION cte_max_recursion_depth = 1000000")
        c.run("INSERT INTO t WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 100000) SELECT n FROM s")
        dice = random.Random(SEED)
        note(f"seed {SEED}")
        task = self.copy(limits=SLOW_LIMITS, destination={"delivery": "exactly-once", **SLOW_CODEC})
        for _ in range(12 if LONG else 4):
            process = task.start()
            process.wait_log(r"task\.running", 30)
            time.sleep(dice.uniform(0.05, 0.3))
            self.assertEqual(process.stop(), 0, process.tail())
        task.run_until_caught_up(60)
        self.assertEqual(Counter(Counter(m.key for m in self.messages()).values()), {1: 100000})


if __name__ == "__main__":
    unittest.main()
