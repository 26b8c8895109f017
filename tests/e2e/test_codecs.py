"""What stands in the broker's own log: the codec of each batch, and whether its producer was
idempotent."""

import glob
import os
import re
import struct
import unittest

from lib import servers
from lib.case import EndToEnd

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def batches(folder, topic, partition=0):
    """(codec, producer id, records) of each batch in the log of a partition ("RecordBatch", version 2)."""
    found = []
    for segment in sorted(glob.glob(os.path.join(folder, f"{topic}-{partition}", "*.log"))):
        with open(segment, "rb") as f:
            data = f.read()
        at = 0
        while at + 61 <= len(data):
            length, _, magic, _, attributes = struct.unpack_from(">iibIh", data, at + 8)
            if length <= 0:
                break  # the rest of the file is set aside, not written
            producer, _, _, records = struct.unpack_from(">qhii", data, at + 43)
            assert magic == 2, magic
            found.append((attributes & 7, producer, records))
            at += 12 + length
    return found


class Codecs(EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = servers.mysql()
        self.connection = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200))")

    def produce(self, topic, **destination):
        task = self.task(self.server, name=topic, start=self.server.position(), limits={"memory": "128MB"}, destination={"topic": topic, **destination})
        self.connection.run("DELETE FROM t; INSERT INTO t VALUES " + ",".join(f"({i}, REPEAT('abc', 60))" for i in range(300)))
        process = task.run_until_caught_up()
        if destination.get("acks") == "0":  # what is sent is not yet there
            servers.wait_for(lambda: len(self.messages(topic)) >= 300, 10, "all messages")
        messages = self.messages(topic)
        self.assertEqual([int(m.change["data"][0]["id"]) for m in messages[-300:]], list(range(300)))
        return process, batches(self.kafka.data, topic)

    def test_codec_of_each_batch(self):
        for codec, level in (("none", None), ("gzip", 9), ("snappy", None), ("lz4", None), ("lz4", 12), ("zstd", None), ("zstd", 12)):
            with self.subTest(codec=codec, level=level):
                topic = f"{self.name}_{codec}_{level}"
                _, found = self.produce(topic, compression=codec, **({"compression_level": level} if level else {}))
                self.assertEqual({c for c, _, _ in found}, {CODECS[codec]})

    def test_a_level_that_takes_too_much_memory(self):
        """What zstd needs at a high level counts into limits.memory; the sentence's way out is one."""
        keys = {"limits": {"memory": "16MB", "lanes": 2}, "destination": {"compression": "zstd", "compression_level": 12}}
        process = self.task(self.server, start=self.server.position(), **keys).run("--until", "caught-up")
        self.assert_ends(process, 2, r"destination.compression_level: zstd takes 1\d\d MB at this level to compress in 2 lanes.*raise it to (\d+)MB")
        enough = re.search(r"raise it to (\d+)MB", process.log())[1]
        keys["limits"]["memory"] = f"{enough}MB"
        self.task(self.server, start=self.server.position(), **keys).run_until_caught_up()
        keys["limits"]["memory"] = f"{int(enough) - 2}MB"
        self.assert_ends(self.task(self.server, name=f"{self.name}_2", start=self.server.position(), **keys).run("--until", "caught-up"), 2, "destination.compression_level")

    def test_acks(self):
        """All: an idempotent producer; 1 and 0: none, a warning, and order by one request in flight."""
        for acks, note in (("all", None), ("1", "what only the leader has is lost with it"), ("0", "the checkpoint means sent, not received")):
            with self.subTest(acks=acks):
                process, found = self.produce(f"{self.name}_{acks}", acks=acks)
                self.assertEqual({producer >= 0 for _, producer, _ in found}, {acks == "all"})
                if note:
                    self.assertRegex(process.log(), f'warn  destination.acks acks={acks} note="{note}')
                else:
                    self.assertNotIn("destination.acks", process.log())

    def test_librdkafka_properties(self):
        self.produce(self.name, librdkafka={"socket.keepalive.enable": "true", "client.rack": "r1"})
        for name, instead in (("enable.idempotence", "destination.acks and destination.delivery"), ("partitioner", "destination.partition_by"), ("no.such.property", "no.such.property")):
            process = self.task(self.server, destination={"librdkafka": {name: "true"}}).run("--until", "caught-up")
            self.assert_ends(process, 2, instead)


if __name__ == "__main__":
    unittest.main()
