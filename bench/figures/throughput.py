"""The floors and rowcast on the same binlog, in turns."""

import json
import os
import shutil
import subprocess
import tempfile

from figures import measure
from figures.setting import PARTITIONS, ROWS, say


def reading_floor(s):
    """The server's own client, which only stores what it receives; TLS as rowcast has it by default."""
    server = s.mysql
    with open(f"/proc/{server.pid}/cmdline", "rb") as f:
        words = f.read().decode().split("\0")
    at = next(i for i, w in enumerate(words) if w.endswith("/mysqld"))
    program = words[at].replace("sbin/mysqld", "bin/mysqlbinlog")
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    folder = tempfile.mkdtemp(dir=memory, prefix="rowcast-bench-")
    try:
        return measure.run(
            [*words[:at], program, "--no-defaults", "--raw", "--read-from-remote-server", "--to-last-log",
             "--host=127.0.0.1", f"--port={server.port}", f"--user={server.user}",
             f"--result-file={folder}/", "mysql-bin.000001"],
            s.log, environment={"MYSQL_PWD": server.password})
    finally:
        shutil.rmtree(folder)


def messages_of(s, path, objects, **destination):
    """Writes the messages of rowcast, from a real topic, into a file; what dump_topic says of it."""
    topic = s.new_topic("bench-messages")
    s.topics.remove(topic)  # the floor produces into it
    s.catch_up(s.task(s.mysql, s.kafka.brokers, topic, objects, destination=destination), s.mysql)
    out = subprocess.run([s.program("dump_topic"), "-b", s.kafka.brokers, "-t", topic, path],
                         check=True, capture_output=True, text=True).stdout
    return {**json.loads(out), "topic": topic}


def make_messages(s):
    """The messages that the writing floor produces again."""
    say("producing the messages of the writing floor, and reading them back")
    s.messages = os.path.join(s.folder, "messages")
    told = messages_of(s, s.messages, ["sbtest.*"])
    if told["messages"] != ROWS:
        raise SystemExit(f"error: {told['messages']} messages lie in the topic, {ROWS} were expected")
    return told


def writing_floor(s, broker, path=None, codec="lz4"):
    """librdkafka alone; the clock runs from the first message to the last acknowledgement."""
    to = [] if broker == "embedded" else ["-b", s.kafka.brokers]
    out = subprocess.run([s.program("kafka_floor"), *to, "-X", f"compression.codec={codec}", path or s.messages],
                         check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def rowcast(s, broker, objects=("sbtest.*",), **destination):
    brokers = "embedded" if broker == "embedded" else s.kafka.brokers
    topic = "bench" if broker == "embedded" else s.new_topic("bench")
    return s.catch_up(s.task(s.mysql, brokers, topic, objects, destination=destination), s.mysql)


def run(s, recorder, rounds):
    _ = s.mysql, s.kafka
    sizes = make_messages(s)
    recorder.add("message bytes per row before compression", "B",
                 [(sizes["key_bytes"] + sizes["value_bytes"]) / ROWS])
    read, write, ours = [], {"embedded": [], "real": []}, {"embedded": [], "real": []}
    for i in range(rounds):
        say(f"throughput, round {i + 1} of {rounds}")
        read.append(reading_floor(s))
        for broker in ("embedded", "real"):
            write[broker].append(writing_floor(s, broker))
            ours[broker].append(rowcast(s, broker))
        s.drop_topics()

    recorder.add("reading floor: CPU", "s", [r.cpu for r in read])
    recorder.add("reading floor: wall", "s", [r.wall for r in read])
    for broker in ("embedded", "real"):
        shape = {"broker": broker, "partitions": PARTITIONS, "compression": "lz4"}
        w, o = write[broker], ours[broker]
        recorder.add("writing floor: CPU", "s", [x["cpu_s"] for x in w], **shape)
        recorder.add("writing floor: wall", "s", [x["wall_s"] for x in w], **shape)
        recorder.add("rowcast: CPU", "s", [x.cpu for x in o], **shape)
        recorder.add("rowcast: wall", "s", [x.wall for x in o], **shape)
        recorder.add("rowcast: peak resident memory", "MiB", [x.rss_kib / 1024 for x in o],
                     ("<=", 64) if broker == "real" else None, **shape)
        recorder.add("CPU: rowcast / (reading + writing floor)", "ratio",
                     [x.cpu / (r.cpu + y["cpu_s"]) for x, y, r in zip(o, w, read)], ("<=", 1.6), **shape)
        recorder.add("wall: rowcast / larger floor", "ratio",
                     [x.wall / max(r.wall, y["wall_s"]) for x, y, r in zip(o, w, read)],
                     ("<=", 1.5) if broker == "embedded" else None, **shape)
        recorder.add("rowcast: rows", "1/s", [ROWS / x.wall for x in o],
                     (">=", 400_000) if broker == "embedded" else None, **shape)
        recorder.add("rowcast: CPU per row", "us", [x.cpu / ROWS * 1e6 for x in o],
                     ("<=", 3) if broker == "embedded" else None, **shape)
