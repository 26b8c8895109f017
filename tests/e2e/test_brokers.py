"""Older brokers: Kafka 2.8 and 1.1, each with the ZooKeeper that it needs."""

import os
import unittest

from lib import servers
from lib.avro import AvroFold, read_records
from lib.case import EndToEnd
from lib.compare import differences
from lib.proxy import Proxy, Rule
from test_codecs import CODECS, batches


class WithoutProducerIds(Rule):
    """Takes InitProducerId (22) from the list of requests that the broker says it knows: it then is
    one of before Kafka 0.11. It stands behind DeleteRecords (21), each with versions 0 to 0."""

    def apply(self, data, passed, proxy):
        return data.replace(b"\0\x15\0\0\0\0\0\x16\0\0\0\0", b"\0\x15\0\0\0\0\x7f\x16\0\0\0\0") if passed < 2000 else data


class OldBroker:
    """The tests; each version's class provides `kind` and the codecs that it does not know."""

    unknown = ()

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()
        self.old = servers.kafka_old(self.kind)

    def test_stream_and_restart(self):
        """Topics are made, each format arrives, an idempotent producer writes, and a second run goes
        on where the first one ended."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200))")
        for form in ("canal-json", "dts-avro"):
            topic = f"{self.name}_{form}"
            c.run("DELETE FROM t")
            task = self.task(self.server, name=topic, start=self.server.position(), brokers=self.old.brokers,
                             destination={"topic": topic, "format": form, "partitions": 3})
            c.run("INSERT INTO t VALUES " + ",".join(f"({i}, REPEAT('abc', 60))" for i in range(100)))
            task.run_until_caught_up()
            c.run("UPDATE t SET v = 'x' WHERE id < 10; UPDATE t SET id = id + 1000 WHERE id < 5; DELETE FROM t WHERE id >= 1000; INSERT INTO t VALUES (1, 'y')")
            task.run_until_caught_up()
            if form == "canal-json":
                found = self.messages(topic, brokers=self.old.brokers)
                rows = self.fold(found).table(f"{self.database}.t")
            else:
                found = read_records(self.old.brokers, topic)
                rows = AvroFold().add_all(found).rows(c, self.database, "t")
            self.assertEqual(differences(c, self.database, "t", rows), [])
            logs = [batches(os.path.join(self.old.data, "log"), topic, n) for n in range(3)]
            self.assertEqual(sum(records for log in logs for _, _, records in log), len(found))
            self.assertTrue(all(producer >= 0 for log in logs for _, producer, _ in log))

    def test_copy(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200))")
        c.run("INSERT INTO t VALUES " + ",".join(f"({i}, REPEAT('abc', 60))" for i in range(500)))
        task = self.task(self.server, brokers=self.old.brokers, phases=["schema", "full", "incremental"], destination={"partitions": 3})
        task.run_until_caught_up()
        messages = self.messages(brokers=self.old.brokers)
        self.assertEqual({m.change["type"] for m in messages}, {"INIT"})
        self.assertEqual(differences(c, self.database, "t", [m.change["data"][0] for m in messages]), [])

    def test_codecs(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200))")
        start = self.server.position()
        c.run("INSERT INTO t VALUES " + ",".join(f"({i}, REPEAT('abc', 60))" for i in range(300)))
        for codec, number in CODECS.items():
            with self.subTest(codec=codec):
                topic = f"{self.name}_{codec}"
                task = self.task(self.server, name=topic, start=start, brokers=self.old.brokers, destination={"topic": topic, "compression": codec})
                task.run_until_caught_up()
                found = {c for c, _, _ in batches(os.path.join(self.old.data, "log"), topic)}
                self.assertEqual(found, {0 if codec in self.unknown else number})
                self.assertEqual(len(self.messages(topic, brokers=self.old.brokers)), 300)

    def test_acks(self):
        """1 and 0: no idempotence, and order by one request in flight."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")
        start = self.server.position()
        c.run("INSERT INTO t VALUES " + ",".join(f"({i})" for i in range(2000)))
        for acks in ("0", "1"):
            topic = f"{self.name}_{acks}"
            self.task(self.server, name=topic, start=start, brokers=self.old.brokers, destination={"topic": topic, "acks": acks}).run_until_caught_up()
            if acks == "0":
                servers.wait_for(lambda: len(self.messages(topic, brokers=self.old.brokers)) == 2000, 10, "all messages")
            ids = [int(m.change["data"][0]["id"]) for m in self.messages(topic, brokers=self.old.brokers)]
            self.assertEqual(ids, list(range(2000)))
            self.assertTrue(all(producer < 0 for _, producer, _ in batches(os.path.join(self.old.data, "log"), topic)))


class Kafka28(OldBroker, EndToEnd):
    kind = "kafka28"

    def test_too_few_replicas_in_sync(self):
        """min.insync.replicas is not met: a sentence and a retry, and everything comes when it is. Here,
        since newer brokers ask for no more replicas than a topic has."""
        def demand(replicas):
            self.old.tool("kafka.admin.ConfigCommand", "--bootstrap-server", self.old.brokers, "--alter", "--entity-type", "topics",
                          "--entity-name", self.name, "--add-config", f"min.insync.replicas={replicas}")

        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")
        task = self.task(self.server, start=self.server.position(), brokers=self.old.brokers, destination={"partitions": 2})
        with task.start() as process:
            process.wait_streaming()
            c.run("INSERT INTO t VALUES (1)")
            servers.wait_for(lambda: len(self.messages(brokers=self.old.brokers)) == 1, 20, "the first message")
            demand(2)
            c.run("INSERT INTO t VALUES (2); UPDATE t SET id = 3 WHERE id = 1; DELETE FROM t WHERE id = 2")
            process.wait_log("destination.down .*retry_window_s=43200", 30)
            self.assertTrue(process.alive())
            demand(1)
            process.wait_log("destination.back", 30)
            servers.wait_for(lambda: len(self.messages(brokers=self.old.brokers)) == 5, 30, "the other messages")
            self.assertEqual(process.stop(), 0, process.tail())
        self.assert_tables_equal(c, self.fold(self.messages(brokers=self.old.brokers)), ["t"])


class Kafka11(OldBroker, EndToEnd):
    kind = "kafka11"
    unknown = ("zstd",)  # since Kafka 2.1: an older broker gets those batches as they are

    def test_brokers_without_idempotence(self):
        """As before Kafka 0.11: one request in flight, and it is said what is not promised."""
        with servers.OwnServer("kafka11") as old, Proxy(old.port) as proxy:
            proxy.rule = WithoutProducerIds()
            old.restart(f"advertised.listeners=PLAINTEXT://127.0.0.1:{proxy.port}")
            brokers = f"127.0.0.1:{proxy.port}"
            c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
            task = self.task(self.server, start=self.server.position(), brokers=brokers, destination={"partitions": 2})
            for turn in range(2):
                c.run("INSERT INTO t VALUES " + ",".join(f"({i}, 0)" for i in range(turn * 2000, turn * 2000 + 2000)))
                c.run("UPDATE t SET v = v + 1; UPDATE t SET v = v + 1")
                process = task.run_until_caught_up()
                self.assertRegex(process.log(), 'warn  destination.acks acks=all note="the brokers know no idempotent producer')
            messages = self.messages(brokers=brokers)
            self.assertEqual(len(messages), 4000 + 2 * 2000 + 2 * 4000)
            self.assert_tables_equal(c, self.fold(messages), ["t"])
            logs = [batches(os.path.join(old.data, "log"), self.name, n) for n in range(2)]
            self.assertTrue(all(producer < 0 for log in logs for _, producer, _ in log))


if __name__ == "__main__":
    unittest.main()
