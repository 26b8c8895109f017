"""Large things in little memory: a transaction of 200 MB, a row of 16 MB, a broker that stalls."""

import os
import signal
import time
import unittest

from lib import servers
from lib.case import EndToEnd, note
from lib.task import SANITIZED

BOUND_KIB = 64 * 1024


class Large(EndToEnd):
    seconds = 200

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    def assert_small(self, process):
        note(f"peak of resident memory: {process.peak() / 1024:.1f} MiB")
        if not SANITIZED:
            self.assertLessEqual(process.peak(), BOUND_KIB)

    def big_transaction(self, connection, megabytes=200):
        """One transaction of so many megabytes, in rows of 10 KB that do not compress away."""
        connection.run("BEGIN")
        row = 0
        for _ in range(megabytes):
            parts = ",".join(f"({row + i}, REPEAT(SHA2('{self.token}{row + i}', 512), 80))" for i in range(100))
            connection.run(f"INSERT INTO big VALUES {parts}")
            row += 100
        connection.run("COMMIT")
        return row

    def transaction_of_200_mb(self, **session):
        c = self.create(self.server, "CREATE TABLE big (id INT PRIMARY KEY, v MEDIUMTEXT)", "CREATE TABLE small (id INT PRIMARY KEY)")
        for name, value in session.items():
            c.run(f"SET SESSION {name} = {value}")
        task = self.task(self.server, start=self.server.position(), destination={"partitions": 3})
        c.run("INSERT INTO small VALUES (1)")
        rows = self.big_transaction(c)
        c.run("INSERT INTO small VALUES (2)")
        process = task.start("--until", "caught-up")
        self.assertEqual(process.wait(120), 0, process.tail())
        self.assert_small(process)
        messages = self.messages()
        self.assertEqual(len(messages), rows + 2)
        self.assertEqual(len({m.change["id"] for m in messages}), rows + 2)
        fold = self.fold(messages)
        self.assert_tables_equal(c, fold, ["small"])
        self.assertEqual(len(fold.table(f"{self.database}.big")), rows)
        found = {row["id"]: row["v"][:128] for row in fold.table(f"{self.database}.big")}
        wanted = dict(c.text("SELECT id, LEFT(v, 128) FROM big"))
        self.assertEqual(found, wanted)

    def test_transaction_of_200_mb(self):
        self.transaction_of_200_mb()

    def test_compressed_transaction_of_200_mb(self):
        """Unpacked as it streams past, never as a whole."""
        self.transaction_of_200_mb(binlog_transaction_compression="ON")

    def test_a_row_of_16_mb(self):
        self.row_of_16_mb("REPEAT('0123456789abcdef', 1048576)")

    def test_a_row_of_16_mb_that_does_not_compress(self):
        self.row_of_16_mb("(WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 131072) SELECT GROUP_CONCAT(SHA2(n, 512) SEPARATOR '') FROM s)")

    def row_of_16_mb(self, value):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)")
        self.kafka.topic_tool("--create", "--topic", self.name, "--partitions", "1", "--config", "max.message.bytes=25000000")
        task = self.task(self.server, start=self.server.position(), destination={"message_max": "20MB"})
        c.run("SET SESSION group_concat_max_len = 20000000, cte_max_recursion_depth = 200000")
        c.run(f"INSERT INTO t VALUES (1, 'a'), (2, {value}), (3, 'c')")
        process = task.start("--until", "caught-up")
        self.assertEqual(process.wait(60), 0, process.tail())
        self.assert_small(process)
        self.assertEqual(c.one("SELECT LENGTH(v) FROM t WHERE id = 2"), str(1 << 24))
        self.assert_tables_equal(c, self.fold(), ["t"])

    def large_rows(self, **destination):
        """Five changes, of which three are beyond the limit of 64 KB."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT, n INT)")
        task = self.task(self.server, start=self.server.position(), destination={"message_max": "64KB", "compression": "zstd", **destination})
        c.run("INSERT INTO t VALUES (1, 'a', 1), (2, REPEAT('x', 70000), 2); UPDATE t SET n = 3 WHERE id = 2; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (5, 'e', 5)")
        return task.run("--until", "caught-up")

    def test_rows_beyond_message_max(self):
        # Compressed they are tiny: it is the uncompressed message that counts.
        self.assert_ends(self.large_rows(topic=f"{self.name}_f"), 7, r'with key \[\S+"t\\",\\"2\\"\] is larger than destination.message_max \(65536 bytes\): raise message_max')

        process = self.large_rows(topic=f"{self.name}_s", too_large="skip")
        self.assertEqual(process.code, 0, process.tail())
        self.assertEqual([m.change["data"][0]["id"] for m in self.messages(f"{self.name}_s")], ["1", "5"])
        self.assertEqual(process.log().count("sent=nothing"), 3)
        self.assertRegex(process.log(), r'row.too_large .*table=\S+\.t key="\[\S+,\\"t\\",\\"2\\"\]" id=2 message_max=65536 sent=nothing')

        process = self.large_rows(topic=f"{self.name}_k", too_large="key-only")
        self.assertEqual(process.code, 0, process.tail())
        messages = self.messages(f"{self.name}_k")
        self.assertEqual([(m.change["type"], m.change["data"][0], m.change.get("old")) for m in messages], [
            ("INSERT", {"id": "1", "v": "a", "n": "1"}, None), ("INSERT", {"id": "2"}, None), ("UPDATE", {"id": "2"}, [{}]),
            ("DELETE", {"id": "2"}, None), ("INSERT", {"id": "5", "v": "e", "n": "5"}, None)])

    def test_a_broker_that_stalls(self):
        """While the broker hangs, memory does not grow; when it is back, everything comes."""
        kafka = servers.kafka("stall")
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(4000))")
        process = self.task(self.server, brokers=kafka.brokers, destination={"partitions": 2}).start()
        process.wait_streaming()
        rows = 0
        os.kill(kafka.pid, signal.SIGSTOP)
        try:
            for _ in range(40):
                c.run("INSERT INTO t VALUES " + ",".join(f"({rows + i}, REPEAT('x', 3000))" for i in range(1000)))
                rows += 1000
            time.sleep(3)
        finally:
            os.kill(kafka.pid, signal.SIGCONT)
        servers.wait_for(lambda: len(self.messages(brokers=kafka.brokers)) >= rows, 60, f"{rows} messages")
        self.assert_small(process)
        self.assertEqual(process.stop(), 0, process.tail())
        self.assert_tables_equal(c, self.fold(self.messages(brokers=kafka.brokers)), ["t"])


if __name__ == "__main__":
    unittest.main()
