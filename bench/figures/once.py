"""What exactly-once costs at full rate: both deliveries over the same five million changes, in turns."""

import json
import os
import re
import subprocess

from figures import throughput
from figures.setting import LONG, PARTITIONS, ROWS, say, servers

AT_LEAST, EXACTLY = "at-least-once", "exactly-once"
COMMIT_MS = 1000   # between the floor's commits, as rowcast's under load
GONE_SECONDS = 60  # for the broker to delete the files of a topic


def _forget(s):
    """Nothing of a run is left for the next one: no files, and no pages that wait to be written."""
    names = tuple(f"{name}-" for name in s.topics)
    s.drop_topics()
    servers.wait_for(lambda: not any(f.startswith(names) for f in os.listdir(s.kafka.data)), GONE_SECONDS, "the end of a topic's files")
    os.sync()


def _second(log, event):
    """When a line of the log was written."""
    hours, minutes, seconds = re.search(rf"T(\d+):(\d+):([\d.]+)Z \w+ +{re.escape(event)} ", log).groups()
    return (int(hours) * 60 + int(minutes)) * 60 + float(seconds)


def _follow(s, delivery):
    """The run, and of its wall seconds those in which it followed: without the start, and without the scan."""
    topic = s.new_topic("bench-once")  # and so is the task named, for the state of exactly-once lies in NAME.rowcast
    s.log = os.path.join(s.folder, f"log-{topic}")
    objects = [f"sbtest{i}.*" for i in range(1, LONG + 1)]
    done = s.catch_up(s.task(s.long, s.kafka.brokers, topic, objects, task=topic, destination={"delivery": delivery}), s.long)
    with open(s.log, encoding="utf-8") as f:
        log = f.read()
    _forget(s)
    return done, (_second(log, "task.end") - _second(log, "task.running")) % 86400


def _floor(s, messages, topic, *options):
    """librdkafka alone with as many messages."""
    s.kafka.topic_tool("--create", "--topic", topic, "--partitions", str(PARTITIONS))
    s.topics.append(topic)
    out = subprocess.run([s.program("kafka_floor"), "-b", s.kafka.brokers, "-n", str(LONG), *options, messages],
                         check=True, capture_output=True, text=True).stdout
    _forget(s)
    return json.loads(out.splitlines()[-1])


def run(s, recorder, rounds):
    _ = s.long, s.mysql, s.kafka
    say("producing the messages of the floor, and reading them back")
    messages = os.path.join(s.folder, "once-messages")
    topic = throughput.messages_of(s, messages, ["sbtest.*"])["topic"]
    s.topics.append(topic)
    _forget(s)
    _follow(s, EXACTLY)  # the broker's code is compiled by then, and the binlog in memory
    done, floors = {AT_LEAST: [], EXACTLY: []}, {AT_LEAST: [], EXACTLY: []}
    for i in range(rounds):
        say(f"exactly-once, round {i + 1} of {rounds}")
        turn = slice(None, None, 1 if i % 2 == 0 else -1)
        for delivery in (AT_LEAST, EXACTLY)[turn]:
            done[delivery].append(_follow(s, delivery))
        for delivery in (AT_LEAST, EXACTLY)[turn]:
            floors[delivery].append(_floor(s, messages, topic, *(["-t", str(COMMIT_MS)] if delivery == EXACTLY else [])))

    shape = {"broker": "real", "partitions": PARTITIONS, "compression": "lz4", "rows": ROWS * LONG}
    for delivery in (AT_LEAST, EXACTLY):
        recorder.add(f"{delivery}: CPU", "s", [x.cpu for x, _ in done[delivery]], **shape)
        recorder.add(f"{delivery}: wall of the start and the scan", "s", [x.wall - wall for x, wall in done[delivery]], **shape)
        recorder.add(f"{delivery}: wall behind them", "s", [wall for _, wall in done[delivery]], **shape)
        recorder.add(f"{delivery}: writing floor, wall", "s", [x["wall_s"] for x in floors[delivery]], **shape)
    recorder.add("exactly-once: peak resident memory", "MiB", [x.rss_kib / 1024 for x, _ in done[EXACTLY]], ("<=", 64), **shape)
    both = list(zip(done[EXACTLY], done[AT_LEAST]))
    recorder.add("CPU: exactly-once / at-least-once", "ratio", [x.cpu / y.cpu for (x, _), (y, _) in both], **shape)
    recorder.add("wall: exactly-once / at-least-once, writing floor", "ratio",
                 [x["wall_s"] / y["wall_s"] for x, y in zip(floors[EXACTLY], floors[AT_LEAST])], **shape)
    recorder.add("wall: exactly-once / at-least-once, without the start", "ratio",
                 [x / y for (_, x), (_, y) in both], ("<=", 1.15), **shape)
