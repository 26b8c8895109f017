"""What it costs to be watched: metrics scraped and the console page open during a run at full rate."""

import http.client
import json
import socket
import threading
import time

from figures.setting import PARTITIONS, say

OFTEN = 10  # asked ten times as often as by a scrape and a page each second, and a tenth of it counted
ASKED = {"/metrics": 1.0, "/api/v1/task": 1.0, "/api/v1/task/history": 5.0}  # seconds between two


class Watcher(threading.Thread):
    """Asks for one page over and over, through one connection as Prometheus and browsers do."""

    def __init__(self, port, path, pause):
        super().__init__(daemon=True)
        self.port, self.path, self.pause = port, path, pause
        self.answers = self.bytes = 0
        self.stopping = threading.Event()
        self.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.stopping.wait(self.pause):
            try:
                connection.request("GET", self.path)
                answer = connection.getresponse()
                body = answer.read()
            except OSError:
                connection.close()
                continue  # it is not there yet, or not any more
            if answer.status == 200:
                self.answers += 1
                self.bytes += len(body)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def one(s, watched):
    """A run over the whole binlog; what it took, by thread."""
    port = free_port()
    topic = s.new_topic("bench-watched")
    task = s.task(s.mysql, s.kafka.brokers, topic, ["sbtest.*"], http={"listen": f"127.0.0.1:{port}"})
    watchers = [Watcher(port, path, pause / OFTEN) for path, pause in ASKED.items()] if watched else []
    done = s.catch_up(task, s.mysql, threads=True)
    for w in watchers:
        w.stopping.set()
    return done, {w.path: (w.answers, w.bytes) for w in watchers}


def http_cpu(done):
    """Of the threads that answer."""
    return sum(cpu for name, cpu in done.threads.items() if name.startswith("MHD"))


def run(s, recorder, rounds):
    _ = s.mysql, s.kafka
    shares, alone, together, answers = [], [], [], 0
    for i in range(max(rounds, 2)):
        say(f"watched, round {i + 1}")
        quiet, _ = one(s, False)
        done, asked = one(s, True)
        say(f"  CPU {quiet.cpu:.2f} s alone, {done.cpu:.2f} s watched {OFTEN} times as often, {http_cpu(done):.3f} s of it answering {json.dumps(asked)}")
        shares.append((http_cpu(done) - http_cpu(quiet)) / OFTEN / done.cpu * 100)
        alone.append(quiet.cpu)
        together.append(done.cpu)
        answers += sum(n for n, _ in asked.values())
        s.drop_topics()
        time.sleep(0.5)
    if answers == 0:
        raise SystemExit("error: nothing was answered: the cost of being watched was not seen")
    recorder.add("CPU of being watched (metrics and page, each second), of a run at full rate", "%", shares, ("<=", 1), broker="real", partitions=PARTITIONS)
