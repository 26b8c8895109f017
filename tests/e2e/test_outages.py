"""Source and brokers that go away and come back: what is shown meanwhile, that nothing is lost, and
what the end of a retry window leads to."""

import os
import signal
import socket
import threading
import time
import unittest

from lib import servers
from lib.case import LONG, EndToEnd, note
from lib.load import TABLES, Load, create_statements
from lib.proxy import Proxy
from lib.skew import Skew
from lib.task import PATIENCE, SANITIZED
from lib.web import LISTEN, Web

AWAY = 30 if LONG else 4  # seconds
GOOD = {"caught-up", "streaming"}


class Watcher(threading.Thread):
    """Writes down what the task says of itself, twenty times a second."""

    def __init__(self, web):
        super().__init__(daemon=True)
        self.web = web
        self.seen = []  # (when it was asked, state, sides that are away)
        self.stopping = threading.Event()
        self.start()

    def run(self):
        while not self.stopping.wait(0.05):
            asked = time.monotonic()
            task = self.web.task()
            self.seen.append((asked, task["state"], frozenset(x["side"] for x in task["away"]), task["cause"]))

    def close(self):
        self.stopping.set()
        self.join(20)


class Outages(EndToEnd):
    seconds = 600 if LONG else 90

    def test_every_moment_is_shown_as_it_is(self):
        """Source away, brokers away, both, under load."""
        server = servers.mysql()
        c = self.create(server, *create_statements())
        kafka = servers.kafka("outages")
        with Proxy(server.port) as proxy:
            task = self.task(server, source={"port": proxy.port}, brokers=kafka.brokers, destination={"partitions": 3}, http=LISTEN)
            process = task.start()
            web = Web(process)
            web.wait_state("caught-up", 20)
            load = Load(server, self.database, self.token, sessions=2, pause=0.02)
            watcher = Watcher(web)
            outages = []  # sides, from, to, when all was well again
            try:
                for sides in (["source"], ["destination"], ["source", "destination"]) * (2 if LONG else 1):
                    time.sleep(1)
                    began = time.monotonic()
                    if "destination" in sides:
                        os.kill(kafka.pid, signal.SIGSTOP)
                        time.sleep(0.5)  # something is under way to them
                    if "source" in sides:
                        proxy.refuse = True
                        proxy.drop_all()
                    time.sleep(AWAY)
                    ended = time.monotonic()
                    if "destination" in sides:
                        os.kill(kafka.pid, signal.SIGCONT)
                    proxy.refuse = False
                    web.wait_state(list(GOOD), 60)
                    back = time.monotonic()
                    outages.append((frozenset(sides), began, ended, back))
                    web.wait_state("caught-up", 60)
            finally:
                os.kill(kafka.pid, signal.SIGCONT)
                watcher.close()
                load.stop()
            web.wait_state("caught-up", 30)
            self.check(watcher.seen, outages)
            page = web.page()
            for side in ("source", "destination"):
                self.assertEqual(page.value("rowcast_reconnects_total", side=side), sum(side in o[0] for o in outages))
            self.assertEqual(process.stop(40), 0, process.tail())
            task.run_until_caught_up()
            fold = self.fold(self.messages(brokers=kafka.brokers))
            self.assert_tables_equal(c, fold, TABLES)
            note(f"{load.transactions()} transactions, {len(watcher.seen)} looks, back after {', '.join(f'{o[3] - o[2]:.1f} s' for o in outages)}")

    def check(self, seen, outages):
        """Each look against what was so at that moment; how soon a thing can be known is allowed for."""
        # A link that breaks is known at once, silence of the brokers after two seconds; a snapshot is 0.2 s old.
        # A machine that is busy makes each of it later, by as much as the looks themselves come late.
        late = 3 * max(max((b[0] - a[0] for a, b in zip(seen, seen[1:])), default=0) - 0.1, 0)
        soon = {frozenset(["source"]): 1.0 + late, frozenset(["destination"]): 3.0 + late, frozenset(["source", "destination"]): 3.5 + late}
        wrong, looks = [], 0
        for at, state, away, cause in seen:
            now = next((o for o in outages if o[1] <= at < o[3]), None)
            if now is None:
                # A second after the end of one: nothing is away any more, and it says so.
                if not any(o[3] <= at < o[3] + 1 * PATIENCE + late for o in outages):
                    looks += 1
                    if state not in GOOD or away or cause:
                        wrong.append((at, "nothing is away", state, away, cause))
                continue
            sides, began, ended, _ = now
            if state not in GOOD | {"retrying"} or not away <= sides:
                wrong.append((at, "away is", sides, state, away, cause))
            if began + soon[sides] * PATIENCE < at < ended - 0.1:
                looks += 1
                if state != "retrying" or away != sides or not cause:
                    wrong.append((at, "away is", sides, state, away, cause))
        self.assertEqual(wrong[:10], [], f"{len(wrong)} of {len(seen)}, outages {outages}")
        self.assertGreater(looks, 20 if PATIENCE == 1 and late < 0.3 else 5)


class Windows(EndToEnd):
    """What is not back by the end of its window ends the task: state failed, exit code by the cause."""

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()
        self.skew = Skew(self.folder())

    def started(self, **keys):
        c = self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200))")
        self.made = self.task(self.server, http=LISTEN, **keys)
        process = self.made.start(environment=self.skew.environment)
        web = Web(process)
        web.wait_state("caught-up", 20)
        c.run("INSERT INTO item (name) VALUES ('w')")
        servers.wait_for(lambda: web.task()["totals"]["acknowledged_messages"] == 1, 20, "the first change")
        return c, process, web

    def ended(self, process, code, pattern):
        self.assert_ends(process, code, pattern, 30)
        again = self.made.start(command="status")
        again.wait(20)
        self.assertRegex(again.output.decode(), r"failed since")

    def test_of_the_source(self):
        with Proxy(self.server.port) as proxy:
            c, process, web = self.started(source={"port": proxy.port}, retry={"connection": "11m", "other": "1m"})
            proxy.refuse = True
            proxy.drop_all()
            web.wait_state("retrying", 10)
            self.skew.forward(650)
            time.sleep(1)
            web.post("retry")
            time.sleep(1)
            self.assertEqual(web.task()["state"], "retrying", "its window is not over")
            self.skew.forward(10)
            self.ended(process, 4, r"task\.failed .*exit=4 .*gave up after 660 s \(retry\.connection\)")
            c.run("INSERT INTO item (name) VALUES ('x')")
            proxy.refuse = False
            self.made.run_until_caught_up()
            self.assertEqual(len(self.messages()), 2)

    def test_of_the_brokers(self):
        kafka = servers.kafka("outages")
        with Proxy(self.server.port) as proxy:
            c, process, web = self.started(source={"port": proxy.port}, brokers=kafka.brokers, retry={"connection": "11m", "other": "1m"})
            os.kill(kafka.pid, signal.SIGSTOP)
            try:
                c.run("INSERT INTO item (name) VALUES ('x')")
                web.wait_state("retrying", 15)
                self.assertEqual(web.task()["retrying"]["side"], "destination")
                self.skew.forward(661)
                self.ended(process, 5, r"task\.failed .*exit=5 .*gave up after 660 s \(retry\.connection\)")
            finally:
                os.kill(kafka.pid, signal.SIGCONT)
            self.made.run_until_caught_up()
            self.assert_tables_equal(c, self.fold(self.messages(brokers=kafka.brokers)), ["item"])

    def test_of_what_is_refused(self):
        user = f"u_{self.token}"
        with self.server.connect() as root, Proxy(self.server.port) as proxy:
            root.run(f"CREATE USER {user} IDENTIFIED BY 'rowcast-pw'; GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {user}")
            c, process, web = self.started(source={"port": proxy.port, "user": user}, retry={"connection": "11m", "other": "2m"})
            root.run(f"ALTER USER {user} IDENTIFIED BY 'another'")
            proxy.drop_all()
            servers.wait_for(lambda: "denied" in web.task()["cause"], 15 * PATIENCE, "the denial")
            self.skew.forward(121)
            web.post("retry")
            self.ended(process, 4, r"task\.failed .*exit=4 .*denied.*gave up after 120 s \(retry\.other\)")
            root.run(f"DROP USER {user}")


class Signals(EndToEnd):
    def test_a_second_one_ends_it_at_once(self):
        """The first waits for what is under way to brokers that stand still; nothing is lost."""
        server, kafka = servers.mysql(), servers.kafka("outages")
        c = self.create(server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200))")
        task = self.task(server, brokers=kafka.brokers, http=LISTEN)
        process = task.start()
        web = Web(process)
        web.wait_state("caught-up", 20)
        c.run("INSERT INTO item (name) VALUES ('a')")
        servers.wait_for(lambda: web.task()["totals"]["acknowledged_messages"] == 1, 10, "the first change")
        os.kill(kafka.pid, signal.SIGSTOP)
        try:
            c.run("INSERT INTO item (name) VALUES ('b')")
            servers.wait_for(lambda: web.task()["totals"]["messages"] == 2, 10, "a message that is under way")
            process.signal(signal.SIGTERM)
            time.sleep(1)
            self.assertTrue(process.alive(), "it waits for the brokers")
            process.signal(signal.SIGTERM)
            self.assertEqual(process.wait(2), 1, process.tail())
        finally:
            os.kill(kafka.pid, signal.SIGCONT)
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(self.messages(brokers=kafka.brokers)), ["item"])


class SlowDisk(EndToEnd):
    """The supervisor waits for a disk that takes seconds for a checkpoint."""

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()
        self.skew = Skew(self.folder())
        self.connection = self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200))")

    def test_at_the_start_of_a_machine_that_is_up_for_long(self):
        """Brokers that are slow just then are not taken for brokers that are away since the machine started."""
        kafka = servers.kafka("outages")
        task = self.task(self.server, brokers=kafka.brokers, start=self.server.position())
        task.run_until_caught_up()
        self.skew.forward(13 * 3600)  # longer than retry.connection
        self.skew.slow(1)
        process = task.start(environment=self.skew.environment)
        process.wait_log(r"task\.running", 30)
        os.kill(kafka.pid, signal.SIGSTOP)
        try:
            self.connection.run("INSERT INTO item (name) VALUES ('x')")
            process.wait_log(r"source\.connected", 20)
            time.sleep(2)
            self.assertTrue(process.alive(), process.tail())
        finally:
            os.kill(kafka.pid, signal.SIGCONT)
        self.skew.slow(0)
        servers.wait_for(lambda: len(self.messages(brokers=kafka.brokers)) == 1, 20, "the row")
        self.assertEqual(process.stop(), 0, process.tail())
        self.assertNotIn("destination.stuck", process.log())

    def test_a_supervisor_that_is_stuck_is_no_sign_of_life(self):
        """The service manager's watchdog is not fed any more, and /health/live says it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = os.path.join(self.folder(), "notify")
            manager.bind(path)
            manager.settimeout(20 * servers.SLACK)
            task = self.task(self.server, http=LISTEN)
            process = task.start(environment={**self.skew.environment, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})
            web = Web(process)
            web.wait_state("caught-up", 20)
            while manager.recv(4096) != b"WATCHDOG=1":
                pass
            self.assertEqual(web.ask("GET", "/health/live")[0], 200)
            self.skew.slow(600)
            self.connection.run("INSERT INTO item (name) VALUES ('x')")
            servers.wait_for(lambda: len(self.messages()) == 1, 20, "the row: the lanes go on")
            time.sleep(1)
            self.assertEqual(web.ask("GET", "/health/live")[0], 200, "it has not moved for a second")
            self.skew.forward(31)
            servers.wait_for(lambda: web.ask("GET", "/health/live")[0] == 503, 10, "its word that nothing moves")
            time.sleep(0.5)
            manager.setblocking(False)
            self.assertTrue(self.received(manager), "before it was stuck for long")
            time.sleep(1.5)
            self.assertEqual(self.received(manager), [])
            self.skew.slow(0)
            manager.setblocking(True)
            manager.settimeout(20 * servers.SLACK)
            while manager.recv(4096) != b"WATCHDOG=1":
                pass
            self.assertEqual(web.ask("GET", "/health/live")[0], 200)
            self.assertEqual(process.stop(), 0, process.tail())

    @staticmethod
    def received(manager):
        found = []
        try:
            while True:
                found.append(manager.recv(4096))
        except BlockingIOError:
            return found


if SANITIZED:
    Windows = SlowDisk = None  # a sanitizer wants to be loaded first


if __name__ == "__main__":
    unittest.main()
