"""From commit to consumer, through a real broker."""

import json
import os
import signal
import subprocess
import sys
import time

from figures.setting import ROOT, say

SECONDS = 15
WARM_UP = 2
TABLE = "late.t"


def one(s, rate, rows):
    """One load, rowcast and one consumer; what the consumer says."""
    with s.live.connect() as c:
        c.run("CREATE DATABASE IF NOT EXISTS late")
        c.run(f"CREATE TABLE IF NOT EXISTS {TABLE} "
              "(id BIGINT AUTO_INCREMENT PRIMARY KEY, at_us BIGINT, pad VARCHAR(200))")
    topic = s.new_topic("bench-lag")
    rowcast = s.start(s.task(s.live, s.kafka.brokers, topic, ["late.*"], start="now"), s.live)
    count = rate * rows * SECONDS
    consumer = subprocess.Popen(
        [s.program("latency"), "-b", s.kafka.brokers, "-t", topic, "-n", str(count),
         "-s", str(rate * rows * WARM_UP)], stdout=subprocess.PIPE, text=True)
    try:
        if consumer.stdout.readline().strip() != "ready":
            raise SystemExit("error: the consumer did not start")
        time.sleep(2)  # until rowcast streams
        load = subprocess.run(
            [sys.executable, os.path.join(ROOT, "bench", "load"), "--socket", s.live.socket, "--table", TABLE,
             "--rate", str(rate), "--rows", str(rows), "--seconds", str(SECONDS)],
            check=True, capture_output=True, text=True).stdout
        out, _ = consumer.communicate(timeout=60)
    finally:
        consumer.kill()
        rowcast.signal(signal.SIGTERM)
        done = rowcast.wait(30)
    if done.code != 0:
        raise SystemExit(f"error: rowcast ended with {done.code}\n{rowcast.tail()}")
    told = json.loads(out.splitlines()[-1])
    told["load"] = json.loads(load)
    say(f"  {told}")
    if told["n"] != rate * rows * (SECONDS - WARM_UP):
        raise SystemExit(f"error: {told['n']} messages came")
    return told


def run(s, recorder, rounds):
    for rate, rows in ((1000, 1), (1000, 10)):
        told = []
        for i in range(max(1, min(rounds, 3))):
            say(f"latency: {rate} transactions of {rows} rows a second, round {i + 1}")
            told.append(one(s, rate, rows))
        shape = {"rows/s": rate * rows, "rows a transaction": rows}
        recorder.add("latency p50, commit to consumer", "ms", [t["p50"] / 1000 for t in told], ("<=", 2), **shape)
        recorder.add("latency p99, commit to consumer", "ms", [t["p99"] / 1000 for t in told], ("<=", 10), **shape)
        recorder.add("latency max, commit to consumer", "ms", [t["max"] / 1000 for t in told], **shape)
        s.drop_topics()
