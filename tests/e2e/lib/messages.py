"""Reading topics, through kcat.

    read_topic(kafka, topic)        everything that is there now, a list of Message
    with Follower(kafka, topics) as f:  messages as they come, with arrival times
"""

import json
import subprocess
import threading
import time

from .servers import SLACK

KCAT_FAST = ["-X", "fetch.wait.max.ms=20", "-X", "topic.metadata.refresh.interval.ms=500"]


class Message:
    """One record; `value` is its text, `change` the parsed object."""

    __slots__ = ("topic", "partition", "offset", "timestamp", "appended", "key", "value", "change", "arrived")

    def __init__(self, line):
        record = json.loads(line)
        self.topic = record["topic"]
        self.partition = record["partition"]
        self.offset = record["offset"]
        self.timestamp = record["ts"]
        self.appended = record.get("tstype") == "logappend"  # the broker's time, not the producer's
        self.key = record["key"]
        self.value = record["payload"]
        self.change = json.loads(self.value)
        self.arrived = time.time()

    def __repr__(self):
        return f"{self.topic}/{self.partition}@{self.offset} {self.key} {self.value[:400]}"


def partition_counts(brokers, timeout=60):
    """Partitions of every topic that the brokers know."""
    done = subprocess.run(
        ["kcat", "-b", brokers, "-L", "-J", "-m", "30"], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout
    )
    if done.returncode != 0:
        raise RuntimeError(f"kcat -L: {done.stderr.decode().strip()}")
    return {t["topic"]: len(t["partitions"]) for t in json.loads(done.stdout)["topics"]}


def read_topic(brokers, topic, timeout=120):
    """Every message of a topic, by partition and offset; none when there is no such topic.

    Brokers that do not answer are asked again for a while.
    """
    for pause in (1, 3, 10):
        try:
            return _read_topic(brokers, topic, timeout)
        except (RuntimeError, subprocess.TimeoutExpired):
            time.sleep(pause)
    return _read_topic(brokers, topic, timeout)


def _read_topic(brokers, topic, timeout):
    if topic not in partition_counts(brokers):
        return []
    done = subprocess.run(
        ["kcat", "-b", brokers, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J", *KCAT_FAST],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
    )
    if done.returncode != 0:
        raise RuntimeError(f"kcat: {done.stderr.decode(errors='replace').strip()}")
    messages = [Message(line) for line in done.stdout.split(b"\n") if line]
    messages.sort(key=lambda m: (m.partition, m.offset))
    for earlier, later in zip(messages, messages[1:]):
        if (earlier.partition, earlier.offset) == (later.partition, later.offset):
            raise AssertionError(f"kcat delivered twice: {later}")
    return messages


class Follower:
    """A consumer that runs beside the test; it waits for its topic to be made."""

    def __init__(self, brokers, topic):
        self.messages = []
        self.grown = threading.Condition()
        self.closing = False
        self.process = None
        self.brokers = brokers
        self.topic = topic
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while not self.closing and not self._there():
            time.sleep(0.05)
        with self.grown:
            if self.closing:
                return
            self.process = subprocess.Popen(
                ["kcat", "-b", self.brokers, "-C", "-t", self.topic, "-o", "beginning", "-q", "-u", "-J", *KCAT_FAST],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        for line in self.process.stdout:
            message = Message(line)
            with self.grown:
                self.messages.append(message)
                self.grown.notify_all()

    def _there(self):
        try:
            return self.topic in partition_counts(self.brokers)
        except (RuntimeError, subprocess.TimeoutExpired):
            return False

    def wait(self, condition, seconds, what="messages"):
        """Waits until condition(messages) is true and hands out its value."""
        deadline = time.monotonic() + seconds * SLACK
        with self.grown:
            while True:
                value = condition(self.messages)
                if value:
                    return value
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"waited {seconds * SLACK} s in vain for {what}; {len(self.messages)} messages came")
                self.grown.wait(min(left, 0.5))

    def wait_count(self, count, seconds):
        return self.wait(lambda m: len(m) >= count and m[:], seconds, f"{count} messages")

    def close(self):
        with self.grown:
            self.closing = True
            process = self.process
        if process:
            process.kill()
            process.wait()
        self.thread.join(10)
        if process:
            process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
