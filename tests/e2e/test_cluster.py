"""A cluster of three brokers, of which some die and come back: a sentence, a retry, nothing lost.

In the long tier only: three brokers take half a minute to start.
"""

import random
import re
import subprocess
import threading
import time
import unittest

from lib import servers
from lib.case import LONG, SEED, EndToEnd, note
from lib.load import TABLES, Load, create_statements
from lib.proxy import Proxy
from lib.web import LISTEN, Web


class ThreeBrokers(EndToEnd):
    seconds = 700

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()
        self.connection = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")

    def write(self, count, first):
        for i in range(first, first + count, 50):
            self.connection.run("INSERT INTO t VALUES " + ",".join(f"({n}, {n})" for n in range(i, min(i + 50, first + count))))

    def test_brokers_that_die_and_come_back(self):
        with servers.Cluster() as cluster:
            task = self.task(self.server, brokers=cluster.brokers, destination={"partitions": 3, "replication_factor": 3})
            with task.start() as process:
                process.wait_streaming()
                # One of three: its partitions get other leaders, and everything goes on.
                writer = threading.Thread(target=self.write, args=(3000, 0))
                writer.start()
                cluster.others[0].stop(kill=True)
                writer.join()
                self.wait_rows(cluster, 3000)
                # Two of three: nobody can promise that what is acknowledged stays.
                cluster.others[1].stop(kill=True)
                self.write(200, 3000)
                process.wait_log("destination.down .*reason=.*retry_window_s=43200", 40)
                self.assertTrue(process.alive())
                for broker in cluster.others:
                    broker.start()
                self.wait_rows(cluster, 3200)
                self.assertEqual(process.stop(), 0, process.tail())
            messages = self.messages(brokers=cluster.brokers)
            self.assert_tables_equal(self.connection, self.fold(messages), ["t"])
            # The idempotent producer sent nothing twice, either.
            self.assertEqual(len(messages), 3200)

    def test_one_of_three_killed_every_few_seconds(self):
        """A million changes, of which every row's are in order and none is missing or twice."""
        rows, turns = 200_000, 4
        with servers.Cluster() as cluster:
            task = self.task(self.server, start=self.server.position(), brokers=cluster.brokers,
                             destination={"partitions": 6, "replication_factor": 3, "compression": "lz4"})
            done = threading.Event()
            kills = []

            def write():
                with self.server.connect(self.database) as c:
                    for i in range(0, rows, 2000):
                        c.run("INSERT INTO t VALUES " + ",".join(f"({n}, 0)" for n in range(i, i + 2000)))
                    for _ in range(turns):
                        for i in range(0, rows, 10_000):
                            c.run(f"UPDATE t SET v = v + 1 WHERE id BETWEEN {i} AND {i + 9999}")

            def kill():
                # The first broker is the only controller: without it nobody could take over.
                while not done.wait(2):
                    broker = cluster.others[len(kills) % 2]
                    broker.stop(kill=True)
                    kills.append(broker.port)
                    done.wait(1)
                    broker.start()

            writer, killer = threading.Thread(target=write), threading.Thread(target=kill)
            with task.start() as process:
                process.wait_streaming()
                began = time.monotonic()
                writer.start()
                killer.start()
                try:
                    writer.join()
                    wanted = rows * (turns + 1)
                    servers.wait_for(lambda: self.high_watermarks(cluster) >= wanted, 400, f"{wanted} messages")
                finally:
                    done.set()
                    killer.join()
                self.assertEqual(process.stop(), 0, process.tail())
            note(f"{wanted} changes in {time.monotonic() - began:.0f} s, {len(kills)} kills")
            self.assertGreaterEqual(len(kills), 3)
            self.assert_in_order(cluster, rows, turns)

    def test_transactions_while_one_of_three_is_killed(self):
        """The state of transactions is on all three, too: the task is paused, loses its source and is killed meanwhile."""
        c = self.create(self.server, *create_statements(), "CREATE TABLE s (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
        dice, turns = random.Random(SEED), 12
        note(f"seed {SEED}")
        with servers.Cluster() as cluster, Proxy(self.server.port) as proxy:
            destination = {"partitions": 6, "replication_factor": 3, "delivery": "exactly-once"}
            objects = [{"table": f"{self.database}.s", "ddl": "all"}, f"{self.database}.*"]
            task = self.task(self.server, objects, brokers=cluster.brokers, source={"port": proxy.port}, destination=destination, http=LISTEN)
            process = task.start()
            process.wait_streaming()
            load = Load(self.server, self.database, SEED, sessions=2, pause=0.05)
            for turn in range(turns):
                web = Web(process)
                web.wait_state(["caught-up", "streaming"], 60)
                broker = cluster.others[turn % 2]
                broker.stop(kill=True)
                c.run(f"INSERT INTO s (v) VALUES ({turn}); ALTER TABLE s ADD COLUMN c{turn} INT DEFAULT {turn}; INSERT INTO s (v) VALUES ({turn})")
                time.sleep(dice.uniform(0.1, 1))
                if turn % 3 == 0:
                    web.post("pause")
                    web.wait_state("paused", 60)
                    web.post("resume")
                elif turn % 3 == 1:
                    proxy.drop_all()
                else:
                    process.kill()
                    process = task.start()
                    process.wait_streaming(60)
                broker.start()
                time.sleep(dice.uniform(0.5, 2))
            load.stop()
            self.assertEqual(process.stop(), 0, process.tail())
            task.run_until_caught_up(120)
            messages = self.messages(brokers=cluster.brokers)
        rows, statements = self.assert_ids_once(messages)
        self.assertEqual(statements, [f"ALTER TABLE s ADD COLUMN c{turn} INT DEFAULT {turn}" for turn in range(turns)])
        self.assertEqual(sum(m.change["table"] == "s" for m in rows), 2 * turns)
        self.assert_tables_equal(c, self.fold(rows), TABLES)
        note(f"{turns} kills, {load.transactions()} transactions, {len(messages)} messages")

    def high_watermarks(self, cluster):
        """Messages in the topic, by the ends of its partitions."""
        asked = [w for n in range(6) for w in ("-t", f"{self.name}:{n}:-1")]
        done = subprocess.run(["kcat", "-b", cluster.brokers, "-Q", *asked], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        return sum(int(n) for n in re.findall(r"offset (\d+)", done.stdout))

    def assert_in_order(self, cluster, rows, turns):
        """Each row's versions come one after the other, in one partition, with ids that grow."""
        command = ["kcat", "-b", cluster.brokers, "-C", "-t", self.name, "-o", "beginning", "-e", "-q", "-f", "%p %s\n"]
        change = re.compile(rb'(\d+) \{"data":\[\{"id":"(\d+)","v":"(\d+)"\}\].*?,"id":(\d+),')
        versions, highest, count = {}, {}, 0
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as reader:
            for line in reader.stdout:
                partition, key, version, number = (int(n) for n in change.match(line).groups())
                self.assertEqual(version, versions.get(key, (partition, -1))[1] + 1, line)
                self.assertEqual(partition, versions.get(key, (partition, -1))[0], line)
                self.assertGreater(number, highest.get(partition, 0), line)
                versions[key], highest[partition] = (partition, version), number
                count += 1
        self.assertEqual(count, rows * (turns + 1))
        self.assertEqual((len(versions), {v for _, v in versions.values()}), (rows, {turns}))

    def wait_rows(self, cluster, count):
        servers.wait_for(lambda: len(self.messages(brokers=cluster.brokers)) >= count, 60, f"{count} messages")


def load_tests(_loader, tests, _pattern):
    return tests if LONG else unittest.TestSuite()


if __name__ == "__main__":
    unittest.main()
