"""Peak resident memory where it could grow: large rows, large transactions, a broker that hangs."""

import os
import signal
import time

from figures.setting import say

LIMIT = ("<=", 64)
LARGE = 16 << 20
TRANSACTION = 200_000_000
ROW = 1000


def _peak(s, topic, objects, **keys):
    task = s.task(s.live, s.kafka.brokers, topic, objects, **keys)
    return s.catch_up(task, s.live).rss_kib / 1024


def large_row(s, recorder):
    say("memory: a row of 16 MB")
    with s.live.connect() as c:
        c.run("CREATE DATABASE large")
        c.run("CREATE TABLE large.t (id INT PRIMARY KEY, doc LONGTEXT)")
        c.run(f"INSERT INTO large.t VALUES (1, REPEAT('abcdefgh', {LARGE // 8}))")
        c.run("DELETE FROM large.t")
    topic = s.new_topic("bench-large", "--config", "max.message.bytes=40000000")
    value = _peak(s, topic, ["large.*"], destination={"message_max": "18MB"})
    recorder.add("memory: INSERT and DELETE of a 16 MB row", "MiB", [value], LIMIT, broker="real")


def large_transaction(s, recorder):
    say("memory: a transaction of 200 MB")
    with s.live.connect() as c:
        c.run("CREATE DATABASE wide")
        c.run("CREATE TABLE wide.t (id INT AUTO_INCREMENT PRIMARY KEY, doc VARCHAR(2000))")
        c.run("BEGIN")
        values = ",".join(f"(REPEAT('y', {ROW}))" for _ in range(1000))
        for _ in range(TRANSACTION // ROW // 1000):
            c.run(f"INSERT INTO wide.t (doc) VALUES {values}")
        c.run("COMMIT")
    topic = s.new_topic("bench-wide")
    recorder.add("memory: a transaction of 200 MB", "MiB", [_peak(s, topic, ["wide.*"])], LIMIT, broker="real")


def stalled_broker(s, recorder):
    say("memory: the broker stands still for 5 s")
    topic = s.new_topic("bench-stalled")
    task = s.task(s.mysql, s.kafka.brokers, topic, ["sbtest.*"])
    process = s.start(task, s.mysql, "--until", "caught-up")
    time.sleep(1.0)
    os.kill(s.kafka.pid, signal.SIGSTOP)
    try:
        time.sleep(5.0)
    finally:
        os.kill(s.kafka.pid, signal.SIGCONT)
    done = process.wait(300)
    if done.code != 0 or done.wall < 5:
        raise SystemExit(f"error: rowcast ended with {done.code} after {done.wall:.1f} s\n{process.tail()}")
    recorder.add("memory: a broker that stands still for 5 s", "MiB", [done.rss_kib / 1024], LIMIT, broker="real")


def run(s, recorder, rounds):
    for _ in range(1):
        large_row(s, recorder)
        large_transaction(s, recorder)
        stalled_broker(s, recorder)
        s.drop_topics()
