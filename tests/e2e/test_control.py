"""Running it: states, pause and resume, throttles, lag, alerts, metrics, the API, and who may use it."""

import http.server
import json
import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time
import unittest

from lib import servers
from lib.case import LONG, EndToEnd, note
from lib.web import LISTEN, Web
from lib.proxy import Proxy
from lib.task import PATIENCE, PROGRAM

ROOT = servers.ROOT


class Hook(http.server.BaseHTTPRequestHandler):
    """A webhook that fails its first request and takes the others."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(json.loads(body))
        self.send_response(500 if len(self.server.seen) == 1 else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Control(EndToEnd):
    seconds = 120 if LONG else 60

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    def table(self):
        return self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200))")

    def started(self, *arguments, environment=None, token=None, **keys):
        keys.setdefault("http", LISTEN)
        self.made = self.task(self.server, **keys)
        process = self.made.start(*arguments, environment=environment)
        return process, Web(process, token)

    def account(self):
        """An account of this test's own, whose sessions can be told from those of other tests."""
        user = f"c_{self.token}"
        with self.server.connect() as c:
            c.run(f"CREATE USER {user} IDENTIFIED BY 'rowcast-pw'; GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {user}")
        return user

    def sessions(self, user):
        with self.server.connect() as c:
            # information_schema.PROCESSLIST fails where another session's text is no utf8mb3.
            return [row[4] for row in c.text("SHOW PROCESSLIST") if row[1] == user]

    def ask_program(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=90 * PATIENCE, check=False, env={**os.environ, "ROWCAST_SOURCE_PASSWORD": "rowcast-pw"})

    # --- states ---

    def test_pause_frees_the_connections_and_survives_a_restart(self):
        c = self.table()
        user = self.account()
        process, web = self.started(source={"user": user})
        web.wait_state("caught-up", 20)
        c.run("INSERT INTO item (name) VALUES ('a'),('b')")
        self.follow().wait_count(2, 10)
        self.assertEqual(sum(what.startswith("Binlog Dump") for what in self.sessions(user)), 1)
        self.assertEqual(web.post("pause")[0], 202)
        paused = web.wait_state("paused", 20)
        servers.wait_for(lambda: not self.sessions(user), 10, "the dump to end, and every other session")
        self.assertIn("Resume", paused["advice"])
        self.assertEqual(web.post("pause")[0], 200)
        c.run("INSERT INTO item (name) VALUES ('c')")
        self.assertEqual(process.stop(), 0, process.tail())
        shown = self.ask_program("status", self.made.path)
        self.assertRegex(shown.stdout, r"paused .*no process")
        process = self.made.start()
        web = Web(process)
        again = web.wait_state("paused", 20)
        self.assertEqual(again["since"], paused["since"])
        time.sleep(0.5)
        self.assertEqual(len(self.messages()), 2)
        self.assertEqual(web.post("resume")[0], 202)
        self.follow().wait_count(3, 15)
        web.wait_state("caught-up", 20)
        fold = self.fold()
        self.assertEqual(fold.repeats, 0)
        self.assert_tables_equal(c, fold, ["item"])
        web.post("pause")
        web.wait_state("paused", 20)
        self.assertEqual(self.ask_program("resume", self.made.path).returncode, 0)
        process.kill()
        process = self.made.start()
        Web(process).wait_state("caught-up", 20)  # a resume that was told to be done is not forgotten
        self.assertEqual(process.stop(), 0, process.tail())

    def test_the_command_line_speaks_through_the_control_socket(self):
        c = self.table()
        process, web = self.started(http={"listen": "127.0.0.1:0"})
        web.wait_state("caught-up", 20)
        path = os.path.join(self.made.state, "control.sock")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        for wish, state, said in (("pause", "paused", "is paused"), ("pause", "paused", "is paused"), ("resume", None, "goes on"), ("resume", None, "goes on")):
            done = self.ask_program(wish, self.made.path)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(done.stdout.startswith(f"{self.made.name} {said}"), done.stdout)
            if state:
                self.assertEqual(web.task()["state"], state)
                self.assertRegex(self.ask_program("status", self.made.path).stdout, r"lag +not looked at while it is paused")
        web.wait_state("caught-up", 20)
        c.run("INSERT INTO item (name) VALUES ('x')")
        servers.wait_for(lambda: web.task()["totals"]["acknowledged_messages"] == 1, 10, "the change")
        web.wait_state("caught-up", 20)
        shown = self.ask_program("status", self.made.path)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout, r"state +(caught-up|streaming) since")
        self.assertRegex(shown.stdout, r"1 messages acknowledged")
        self.assertEqual(json.loads(self.ask_program("status", self.made.path, "--json").stdout)["totals"]["rows"], 1)
        stopped = self.ask_program("stop", self.made.path)
        self.assertEqual((stopped.returncode, stopped.stderr), (0, ""))
        self.assertEqual(process.wait(20), 0, process.tail())
        self.assertFalse(os.path.exists(path))
        late = self.ask_program("pause", self.made.path)
        self.assertEqual(late.returncode, 4)
        self.assertIn("does not run", late.stderr)

    def test_status_is_shown_again_and_again_until_the_reader_goes(self):
        c = self.table()
        process, web = self.started()
        web.wait_state("caught-up", 20)
        watching = self.made.start("--watch", "--json", command="status")
        servers.wait_for(lambda: watching.output.count(b"\n") >= 1, 20, "the first look")
        c.run("INSERT INTO item (name) VALUES ('x')")
        servers.wait_for(lambda: watching.output.endswith(b"\n") and json.loads(watching.output.splitlines()[-1])["totals"]["rows"] == 1, 20, "a look that shows the row")
        self.assertTrue(watching.alive())
        watching.kill()
        self.assertEqual(process.stop(), 0, process.tail())

    def test_how_a_task_ended_is_kept(self):
        c = self.table()
        task = self.task(self.server, start=self.server.position())
        self.assertRegex(self.ask_program("status", task.path).stdout, "not-started")
        c.run("INSERT INTO item (name) VALUES ('x')")
        task.run_until_caught_up()
        self.assertRegex(self.ask_program("status", task.path).stdout, r"finished since .*\n.*restart at +gtid:")
        c.run("SET SESSION binlog_format=STATEMENT; INSERT INTO item (name) VALUES ('y')")
        self.assertEqual(task.run("--until", "caught-up").code, 7)
        shown = json.loads(self.ask_program("status", task.path, "--json").stdout)
        self.assertEqual((shown["state"], shown["running"]), ("failed", False))
        self.assertIn("statement", shown["cause"])

    def test_an_outage_of_the_source_is_shown_as_it_is(self):
        c = self.table()
        with Proxy(self.server.port) as proxy:
            process, web = self.started(source={"port": proxy.port})
            web.wait_state("caught-up", 20)
            began = time.time()
            proxy.refuse = True
            proxy.drop_all()
            gone = web.wait_state("retrying", 10)
            self.assertEqual(gone["retrying"]["side"], "source")
            self.assertIn(str(proxy.port), gone["cause"])
            self.assertIn("source", gone["advice"])
            self.assertLess(gone["retrying"]["since"][:19], gone["retrying"]["window_end"][:19])
            c.run("INSERT INTO item (name) VALUES ('x')")
            time.sleep(2)
            tries = web.task()["retrying"]["tries"]
            self.assertTrue(2 <= tries <= 12, f"{tries} tries in two seconds: pauses grow from 100 ms")
            self.assertGreater(web.task()["lag"]["seconds"], 1.5)
            self.assertEqual(self.ask_health(web), (200, 503))
            # While nobody lets it in, so that it cannot have come back by itself.
            self.assertEqual(web.post("retry")[0], 202)
            proxy.refuse = False
            web.post("retry")
            web.wait_state("caught-up", 20)
            self.follow().wait_count(1, 10)
            self.assertEqual(self.ask_health(web), (200, 200))
            self.assertEqual(web.post("retry")[0], 409)
            metrics = web.metrics()
            self.assertEqual(metrics[f'rowcast_reconnects_total{{task="{self.name}",side="source"}}'], 1)
            self.assertGreaterEqual(metrics[f'rowcast_retries_total{{task="{self.name}",side="source"}}'], tries)
            note(f"back after {time.time() - began:.1f} s, {tries} tries in the first two seconds")
            events = [e["event"] for e in web.task()["errors"]]
            self.assertIn("source.lost", events)
            self.assertEqual(process.stop(), 0, process.tail())

    def test_a_password_that_is_changed_may_come_right(self):
        """retry.other: once a task has worked, what the source refuses is tried again from the checkpoint."""
        c = self.table()
        user = f"u_{self.token}"
        with self.server.connect() as root:
            root.run(f"CREATE USER {user} IDENTIFIED BY 'rowcast-pw'; GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {user}")
            with Proxy(self.server.port) as proxy:
                process, web = self.started(source={"port": proxy.port, "user": user})
                web.wait_state("caught-up", 20)
                c.run("INSERT INTO item (name) VALUES ('w')")
                self.follow().wait_count(1, 10)
                root.run(f"ALTER USER {user} IDENTIFIED BY 'another'")
                proxy.drop_all()
                refused = servers.wait_for(lambda: "denied" in web.task()["cause"] and web.task(), 15 * PATIENCE, "the denial")
                self.assertEqual((refused["state"], refused["retrying"]["side"]), ("retrying", "source"))
                c.run("INSERT INTO item (name) VALUES ('x')")
                root.run(f"ALTER USER {user} IDENTIFIED BY 'rowcast-pw'")
                web.post("retry")
                web.wait_state("caught-up", 20)
                self.follow().wait_count(2, 10)
                self.assertIn("task.retry", process.log())
                self.assertEqual(process.stop(), 0, process.tail())
            root.run(f"DROP USER {user}")
        again = self.task(self.server, name=f"{self.name}_2", source={"user": user})
        self.assertEqual(again.run().code, 4, "at a start it is said at once")

    def ask_health(self, web):
        return web.ask("GET", "/health/live")[0], web.ask("GET", "/health/ready")[0]

    def test_brokers_that_are_away_at_start(self):
        self.table()
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        process, web = self.started(destination={"brokers": [f"127.0.0.1:{port}"]})
        gone = web.wait_state("retrying", 25)
        self.assertEqual(gone["retrying"]["side"], "destination")
        self.assertIn(str(port), gone["cause"])
        process.kill()

    def test_pause_and_resume_against_each_other(self):
        c = self.table()
        process, web = self.started()
        web.wait_state("caught-up", 20)
        stop = threading.Event()
        statuses = set()

        def press(wish):
            while not stop.is_set():
                statuses.add(web.post(wish)[0])

        pressers = [threading.Thread(target=press, args=(w,)) for w in ("pause", "resume")]
        for p in pressers:
            p.start()
        for i in range(60):
            c.run(f"INSERT INTO item (name) VALUES ('{i}')")
            time.sleep(0.03)
        stop.set()
        for p in pressers:
            p.join()
        self.assertLessEqual(statuses, {200, 202})
        time.sleep(0.3)
        web.post("resume")
        web.wait_state("caught-up", 30)
        self.follow().wait_count(60, 15)
        self.assert_tables_equal(c, self.fold(), ["item"])
        self.assertEqual(process.stop(), 0, process.tail())

    # --- lag ---

    def test_an_idle_source_has_no_lag_and_a_writer_that_starts_shows_none(self):
        self.look_at_the_lag()

    def test_nor_does_an_idle_mariadb(self):
        self.server = servers.mariadb()
        self.look_at_the_lag()

    def look_at_the_lag(self):
        c = self.table()
        process, web = self.started()
        web.wait_state("caught-up", 20)
        looks = []  # lag and state, ten times a second
        stalls = [0.0]  # of the machine itself, or of this server's disk: nobody is closer to it then

        def timed(work):
            began = time.monotonic()
            work()
            stalls.append(time.monotonic() - began)

        def look(seconds):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                task = web.task()
                looks.append((task["lag"]["seconds"], task["state"]))
                timed(lambda: time.sleep(0.1))

        for quiet in (10, 3, 20, 1, 15, 5, 6) if LONG else (3, 1, 2):
            look(quiet)
            for i in range(20):
                timed(lambda: c.run(f"INSERT INTO item (name) VALUES ('{i}')"))  # noqa: B023
        look(2)
        lags = [lag for lag, _ in looks]
        self.assertLess(max(lags), 2 * PATIENCE + 3 * max(stalls))
        self.assertEqual({state for _, state in looks}, {"caught-up"})
        ack = web.task()["lag"]["commit_to_ack"]
        note(f"{len(looks)} looks, largest lag {max(lags):.3f} s; commit to acknowledged p50 {ack['p50_seconds']} s, p99 {ack['p99_seconds']} s")
        self.assertGreater(ack["p50_seconds"], 0)
        self.assertEqual(process.stop(), 0, process.tail())

    def test_a_lag_after_an_outage_is_that_of_what_is_left(self):
        """The source's first heartbeat on a new link only passes over what the task has: it is no word that there is no more."""
        c = self.table()
        with Proxy(self.server.port) as proxy:
            process, web = self.started(source={"port": proxy.port}, throttle={"incremental": {"rows": 20}})
            web.wait_state("caught-up", 20)
            proxy.refuse = True
            proxy.drop_all()
            web.wait_state("retrying", 10)
            for i in range(60):
                c.run(f"INSERT INTO item (name) VALUES ('{i}')")
            time.sleep(3)
            proxy.refuse = False
            web.post("retry")
            looks = []
            while not looks or looks[-1][0] < 60:
                task = web.task()
                looks.append((task["totals"]["acknowledged_messages"], task["lag"]["seconds"]))
                time.sleep(0.02)
            between = [look for look in looks if look[0] < 50]
            self.assertGreater(len(between), 20)
            self.assertEqual([look for look in between if look[1] < 2.5], [])
            web.throttle(incremental={"rows": 0})
            web.wait_state("caught-up", 20)
            self.assertEqual(process.stop(), 0, process.tail())

    def test_a_heartbeat_is_written_and_never_sent_on(self):
        c = self.table()
        beat = f"{self.database}_hb.beat"
        self.databases.append((self.server, f"{self.database}_hb"))
        with self.server.connect() as root:
            root.run(f"GRANT CREATE, INSERT, UPDATE ON `{self.database}\\_hb`.* TO rowcast")
        process, web = self.started(heartbeat={"write": True, "table": beat}, objects=[f"{self.database}*.*"])
        web.wait_state("caught-up", 20)
        servers.wait_for(lambda: self.value(c, f"SELECT at FROM {beat}"), 10 * PATIENCE, "the first beat")
        beats, began = set(), time.monotonic()
        while time.monotonic() < began + 4:
            beats.add(self.value(c, f"SELECT at FROM {beat}"))
            time.sleep(0.05)
        # One that is late by the machine's doing is one less.
        self.assertIn(len(beats), range(3 if PATIENCE == 1 else 2, int(time.monotonic() - began) + 3), "a row a second")
        self.assertEqual([row[0] for row in c.run(f"SELECT task FROM {beat}")], [self.name.encode()])
        c.run(f"INSERT INTO {beat} VALUES ('by hand', NOW()); DELETE FROM {beat} WHERE task = 'by hand'")
        c.run("INSERT INTO item (name) VALUES ('x')")
        messages = self.follow().wait_count(1, 10)
        time.sleep(1.5)
        self.assertEqual([m.change["table"] for m in self.messages()], ["item"], messages)
        self.assertNotIn("heartbeat.failed", process.log())
        self.assertEqual(process.stop(), 0, process.tail())

    def test_a_heartbeat_that_may_not_be_written_is_said_and_ends_nothing(self):
        c = self.table()
        process, web = self.started(heartbeat={"write": True, "table": "nobody_may.beat"})
        web.wait_state("caught-up", 20)
        process.wait_log(r"heartbeat\.failed .*denied", 10)
        c.run("INSERT INTO item (name) VALUES ('x')")
        self.follow().wait_count(1, 10)
        self.assertEqual(process.stop(), 0, process.tail())

    @staticmethod
    def value(c, query):
        try:
            rows = c.run(query)
        except Exception:  # noqa: B902 - the table is not there yet
            return None
        return rows[0][0] if rows else None

    # --- alerts, reload ---

    def hook(self):
        hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        hook.seen = []
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        self.addCleanup(hook.server_close)
        self.addCleanup(hook.shutdown)
        return hook

    def test_alerts_are_told_once_and_carried(self):
        self.table()
        hook = self.hook()
        folder = self.folder()
        command, kept = os.path.join(folder, "notify"), os.path.join(folder, "kept")
        with open(command, "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\ncat >> {kept}\necho >> {kept}\ntest -n "$ROWCAST_ALERT" && test -z "$ROWCAST_SOURCE_PASSWORD"\n')
        os.chmod(command, 0o755)
        alerts = {"for": "1s", "webhook": f"http://127.0.0.1:{hook.server_address[1]}/h?key=secret", "command": command}
        with Proxy(self.server.port) as proxy:
            process, web = self.started(source={"port": proxy.port}, alerts=alerts)
            web.wait_state("caught-up", 20)
            proxy.refuse = True
            proxy.drop_all()
            servers.wait_for(lambda: len(hook.seen) >= 2, 15 * PATIENCE, "the first alert and its repetition")
            proxy.refuse = False
            web.post("retry")
            web.wait_state("caught-up", 20)
            servers.wait_for(lambda: len(hook.seen) >= 3, 15 * PATIENCE, "the recovery")
            servers.wait_for(lambda: self.read(kept).count("recovered") >= 1, 15 * PATIENCE, "the command for it")
            time.sleep(1.5)
            self.assertEqual([a["event"] for a in hook.seen], ["retrying", "retrying", "recovered"])
            self.assertEqual(hook.seen[0]["task"], self.name)
            with open(kept, encoding="utf-8") as f:
                self.assertEqual([json.loads(line)["event"] for line in f if line.strip()], ["retrying", "recovered"])
            self.assertNotIn("secret", self.ask_program("config", self.made.path).stdout)
            self.assertNotIn("alert.unsent", process.log())
            self.assertEqual(process.stop(), 0, process.tail())

    def test_a_lag_is_told_when_it_has_lasted_and_when_it_is_over(self):
        c = self.table()
        hook = self.hook()
        alerts = {"lag_over": "2s", "for": "1s", "webhook": f"http://127.0.0.1:{hook.server_address[1]}/"}
        process, web = self.started(alerts=alerts, throttle={"incremental": {"rows": 2}})
        web.wait_state("caught-up", 20)
        for i in range(30):
            c.run(f"INSERT INTO item (name) VALUES ('{i}')")
        servers.wait_for(lambda: len(hook.seen) >= 2, 20 * PATIENCE, "the alert and its repetition")
        self.assertGreater(hook.seen[0]["lag_seconds"], 2)
        web.throttle(incremental={"rows": 0})
        servers.wait_for(lambda: len(hook.seen) >= 3, 20 * PATIENCE, "the end of it")
        self.assertEqual([(a["event"], a["of"]) for a in hook.seen], [("lag-over", "lag-over")] * 2 + [("recovered", "lag-over")])
        self.assertEqual(process.stop(), 0, process.tail())

    def test_a_failure_is_told_before_the_process_ends(self):
        c = self.table()
        hook = self.hook()
        process, web = self.started(alerts={"webhook": f"http://127.0.0.1:{hook.server_address[1]}/"})
        web.wait_state("caught-up", 20)
        c.run("SET SESSION binlog_format=STATEMENT; INSERT INTO item (name) VALUES ('y')")
        self.assertEqual(process.wait(30), 7, process.tail())
        self.assertEqual([a["event"] for a in hook.seen], ["failed", "failed"])
        self.assertIn("statement", hook.seen[-1]["cause"])

    def test_sighup_reads_throttles_and_alerts_and_opens_the_log_again(self):
        c = self.table()
        hook = self.hook()
        process, web = self.started()
        web.wait_state("caught-up", 20)
        self.made.change(throttle={"incremental": {"rows": 123}}, alerts={"webhook": f"http://127.0.0.1:{hook.server_address[1]}/"})
        os.rename(process.log_path, process.log_path + ".1")
        process.signal(signal.SIGHUP)
        servers.wait_for(lambda: web.task()["throttle"]["incremental"]["rows"] == 123, 10, "the throttle")
        servers.wait_for(lambda: os.path.exists(process.log_path), 10, "the new log")
        process.wait_log(r"config\.reloaded", 10)
        self.made.write_text("task: [\n")
        process.signal(signal.SIGHUP)
        process.wait_log(r"config\.kept", 10)
        self.assertEqual(web.task()["throttle"]["incremental"]["rows"], 123)
        self.assertNotIn("config.kept", self.read(process.log_path + ".1"), "what comes later is in the new log")
        c.run("SET SESSION binlog_format=STATEMENT; INSERT INTO item (name) VALUES ('y')")
        self.assertEqual(process.wait(30), 7, process.tail())
        self.assertEqual(hook.seen[-1]["event"], "failed", "told where the file says since the reload")

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8") as f:
            return f.read()

    # --- the service manager ---

    def test_a_service_manager_is_told(self):
        self.table()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = os.path.join(self.folder(), "notify")
            manager.bind(path)
            manager.settimeout(20 * PATIENCE)
            process, web = self.started(environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "3000000"})
            told, signs = [], []
            while not any("STATUS=caught-up" in t for t in told):
                told.append(manager.recv(4096).decode())
            self.assertTrue(any("READY=1" in t for t in told), told)
            while len(signs) < 4:
                if manager.recv(4096) == b"WATCHDOG=1":
                    signs.append(time.monotonic())
            self.assertLess(max(b - a for a, b in zip(signs, signs[1:])), 3.0, "before the watchdog's three seconds are over")
            self.assertEqual(web.post("pause")[0], 202)
            while "STATUS=paused" not in manager.recv(4096).decode():
                pass
            process.signal(signal.SIGTERM)
            while manager.recv(4096) != b"STOPPING=1":
                pass
            self.assertEqual(process.wait(20), 0, process.tail())

    # --- who may ask ---

    def test_who_may_ask(self):
        self.table()
        process, web = self.started(environment={"ROWCAST_HTTP_TOKEN": "sesame"}, token="sesame")
        web.wait_state("caught-up", 20)
        own = f"127.0.0.1:{web.port}"
        change = {"X-Rowcast-Request": "1", "Authorization": "Bearer sesame"}
        for method, path, headers, status in [
            ("GET", "/api/v1/task", {}, 200),
            ("GET", "/api/v1/task", {"Host": "evil.example"}, 421),
            ("GET", "/api/v1/task", {"Host": f"localhost:{web.port}"}, 200),
            ("GET", "/api/v1/task", {"Origin": "http://evil.example"}, 403),
            ("POST", "/api/v1/task/pause", {}, 403),
            ("POST", "/api/v1/task/pause", {"X-Rowcast-Request": "1"}, 401),
            ("POST", "/api/v1/task/pause", {"X-Rowcast-Request": "1", "Authorization": "Bearer sesam"}, 401),
            ("POST", "/api/v1/task/pause", {**change, "Origin": "http://evil.example"}, 403),
            ("POST", "/api/v1/task/resume", {**change, "Origin": f"http://{own}"}, 200),
            ("GET", "/api/v1/nothing", {}, 404),
            ("POST", "/metrics", change, 405),
            ("GET", "/", {}, 200),
        ]:
            with self.subTest(method=method, path=path, headers=headers):
                found, answered, body = web.ask(method, path, headers=headers)
                self.assertEqual(found, status, body)
                if status >= 400:
                    self.assertEqual(answered["Content-Type"], "application/problem+json")
                    self.assertEqual(json.loads(body)["status"], status)
        self.assertEqual(web.task()["state"], "caught-up")
        config = web.get("/api/v1/config")["yaml"]
        self.assertIn(f"task: {self.name}", config)
        self.assertNotIn("rowcast-pw", config + process.log())
        self.assertNotIn("sesame", config + process.log())
        self.assertEqual(process.stop(), 0, process.tail())

    def test_the_control_socket_is_its_owner_s(self):
        self.table()
        process, web = self.started(http={"listen": "127.0.0.1:0"})
        web.wait_state("caught-up", 20)
        path = os.path.join(self.made.state, "control.sock")
        ask = "curl -s -o /dev/null -w %{http_code} --unix-socket " + path + " http://localhost/api/v1/task"
        self.assertEqual(subprocess.run(ask.split(), capture_output=True, text=True, timeout=20, check=True).stdout, "200")
        if os.geteuid() == 0:  # who else could try it as somebody else
            for folder in (self.made.folder, self.made.state):
                os.chmod(folder, 0o755)
            other = {"user": "nobody", "group": "nogroup", "extra_groups": [], "capture_output": True, "text": True, "timeout": 20, "check": False}
            self.assertEqual(subprocess.run(ask.split(), **other).stdout, "000", "the file does not let them in")
            os.chmod(path, 0o666)
            self.assertEqual(subprocess.run(ask.split(), **other).stdout, "403", "nor does the server")
        self.assertEqual(process.stop(), 0, process.tail())

    def test_off_loopback_a_token_is_needed(self):
        self.table()
        task = self.task(self.server, http={"listen": "0.0.0.0:0"})
        self.assert_ends(task.start(), 2, r"a token is required")
        process, web = self.started(http={"listen": "0.0.0.0:0"}, environment={"ROWCAST_HTTP_TOKEN": "sesame"}, token="sesame")
        self.assertEqual(web.ask("GET", "/api/v1/task")[0], 401)
        self.assertEqual(web.ask("GET", "/metrics")[0], 401)
        self.assertEqual(web.ask("GET", "/health/live")[0], 200)
        self.assertEqual(web.ask("GET", "/")[0], 200)
        self.assertEqual(web.ask("GET", "/api/v1/task", headers={"Authorization": "Bearer sesame", "Host": "db7:1"})[0], 200)
        web.wait_state("caught-up", 20)
        self.assertEqual(process.stop(), 0, process.tail())

    def test_a_port_in_use_is_said(self):
        self.table()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            process = self.task(self.server, http={"listen": f"127.0.0.1:{port}"}).start()
            self.assert_ends(process, 2, rf"port {port} of 127\.0\.0\.1 is in use")

    def test_clients_that_behave_badly_disturb_nobody(self):
        c = self.table()
        process, web = self.started()
        web.wait_state("caught-up", 20)
        held = []
        for i in range(90):
            s = socket.create_connection(("127.0.0.1", web.port), timeout=10)
            try:
                s.sendall([b"G", b"GET /api/v1/task HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ", b"\x16\x03\x01\x00\xff" * 20, b""][i % 4])
            except OSError:
                pass
            held.append(s)
        for i in range(100):
            c.run(f"INSERT INTO item (name) VALUES ('{i}')")
        self.follow().wait_count(100, 15)
        local = self.ask_program("status", self.made.path, "--json")
        self.assertIn(json.loads(local.stdout)["state"], ("caught-up", "streaming"))
        for s in held:
            s.close()
        change = {"X-Rowcast-Request": "1", "Content-Type": "application/json"}
        self.assertEqual(servers.wait_for(lambda: self.health_or_none(web), 30 * PATIENCE, "the server to answer again"), 200)
        status, _, body = web.ask("PUT", "/api/v1/task/throttle", b'{"full":{"rows":1}}' + b" " * 20000, change)
        self.assertEqual((status, json.loads(body)["status"]), (413, 413))
        self.assertEqual(self.announce(web, b"Content-Length: 1073741824\r\n\r\n"), 413)
        self.assertIn(self.announce(web, b"Transfer-Encoding: chunked\r\n\r\n" + b"2000\r\n" + b"x" * 0x2000 + b"\r\n" + b"2000\r\n" + b"y" * 0x2000 + b"\r\n8\r\nzzzzzzzz\r\n0\r\n\r\n"), (400, 413))
        began = time.monotonic()
        for _ in range(200):
            self.assertEqual(web.ask("GET", "/metrics")[0], 200)
        note(f"a scrape takes {(time.monotonic() - began) * 5:.1f} ms")
        self.assertEqual(web.task()["throttle"]["full"]["rows"], 0)
        self.assertEqual(process.stop(), 0, process.tail())

    def announce(self, web, rest):
        with socket.create_connection(("127.0.0.1", web.port), timeout=20) as s:
            s.sendall(b"PUT /api/v1/task/throttle HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Rowcast-Request: 1\r\n" + rest)
            return int(s.recv(4096).split()[1])

    def health_or_none(self, web):
        try:
            return web.ask("GET", "/health/live")[0]
        except OSError:
            return None

    # --- metrics and the description ---

    def test_metrics_count_what_happened(self):
        c = self.table()
        process, web = self.started(environment=None)
        web.wait_state("caught-up", 20)
        c.run("INSERT INTO item (name) VALUES ('a'),('b'),('c'); UPDATE item SET name='d' WHERE id=1; DELETE FROM item WHERE id=2")
        base = f'task="{self.name}"'
        servers.wait_for(lambda: web.metrics()[f"rowcast_commit_to_ack_seconds_count{{{base}}}"] == 5, 10, "the changes")
        servers.wait_for(lambda: web.task()["totals"]["acknowledged_messages"] == 5, 10, "the changes on the page")
        web.wait_state("caught-up", 20)
        m = web.metrics()
        table = f'table="{self.database}.item"'
        self.assertEqual([m[f'rowcast_rows_total{{{base},{table},op="{op}"}}'] for op in ("insert", "update", "delete")], [3, 1, 1])
        self.assertEqual(m[f'rowcast_produced_messages_total{{{base},topic="{self.name}"}}'], 5)
        self.assertEqual(m[f"rowcast_acknowledged_messages_total{{{base}}}"], 5)
        self.assertEqual(m[f"rowcast_commit_to_ack_seconds_count{{{base}}}"], 5)
        self.assertEqual(m[f'rowcast_state{{{base},state="caught-up"}}'], 1)
        self.assertLess(m[f"rowcast_lag_seconds{{{base}}}"], 2)
        self.assertGreater(m[f'rowcast_produced_bytes_total{{{base},topic="{self.name}"}}'], 5 * 200)
        web.post("pause")
        web.wait_state("paused", 20)
        self.assertEqual(web.metrics()[f"rowcast_acknowledged_messages_total{{{base}}}"], 5, "sums go on over a pause")
        self.assertEqual(process.stop(), 0, process.tail())

    def test_the_server_is_as_its_description_says(self):
        with open(os.path.join(ROOT, "docs", "openapi.json"), encoding="utf-8") as f:
            spec = json.load(f)
        with open(os.path.join(ROOT, "src", "control", "api.c"), encoding="utf-8") as f:
            routes = re.findall(r'^    \{"(\w+)", (API )?"([^"]+)"', f.read(), re.M)
        have = {(method.lower(), ("/api/v1" if api else "") + path) for method, api, path in routes}
        said = {(method, path) for path, item in spec["paths"].items() for method in item}
        self.assertEqual(have, said)
        c = self.table()
        process, web = self.started()
        web.wait_state("caught-up", 20)
        c.run("INSERT INTO item (name) VALUES ('a')")
        self.follow().wait_count(1, 10)
        time.sleep(6)  # one sample of the history
        for method, path in sorted(said, key=lambda x: "stop" in x[1]):
            operation = spec["paths"][path][method]
            body = json.dumps(operation["requestBody"]["content"]["application/json"]["example"]) if "requestBody" in operation else None
            headers = {"X-Rowcast-Request": "1", "Content-Type": "application/json"} if method != "get" else {}
            status, answered, text = web.ask(method.upper(), path, body, headers)
            with self.subTest(method=method, path=path, status=status):
                self.assertIn(str(status), operation["responses"])
                answer = operation["responses"][str(status)]
                if "$ref" in answer:
                    answer = self.resolve(spec, answer["$ref"])
                kind = answered["Content-Type"].split(";")[0]
                self.assertIn(kind, answer["content"])
                if kind.endswith("json"):
                    self.assertEqual(list(self.misfits(spec, answer["content"][kind]["schema"], json.loads(text), "$")), [])
        self.assertEqual(process.wait(20), 0, process.tail())

    def test_what_goes_wrong_is_as_described_too(self):
        with open(os.path.join(ROOT, "docs", "openapi.json"), encoding="utf-8") as f:
            spec = json.load(f)
        c = self.table()
        c.run("INSERT INTO item (name) VALUES " + ",".join("('a')" for _ in range(60)))
        with Proxy(self.server.port) as proxy:
            process, web = self.started(source={"port": proxy.port}, phases=["full", "incremental"], throttle={"full": {"rows": 1}}, full={"chunk_rows": 1})
            web.wait_state("copying", 20)
            copying = web.task()
            web.throttle(full={"rows": 0})
            web.wait_state("caught-up", 20)
            proxy.refuse = True
            proxy.drop_all()
            web.wait_state("retrying", 20)
            retrying = web.task()
            self.assertEqual((len(copying["copy"]), len(retrying["away"]), len(retrying["errors"]) > 0), (1, 1, True))
            task = spec["paths"]["/api/v1/task"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            for answer in (copying, retrying):
                self.assertEqual(list(self.misfits(spec, task, answer, "$")), [])
            change = {"X-Rowcast-Request": "1", "Content-Type": "application/json"}
            for method, path, body, headers, status in [
                ("GET", "/api/v1/task", None, {"Host": "evil.example"}, 421),
                ("POST", "/api/v1/task/pause", None, {}, 403),
                ("PUT", "/api/v1/task/throttle", '{"full":{"rows":-1}}', change, 400),
                ("PUT", "/api/v1/task/throttle", '{"full":{"rows":1e400}}', change, 400),
                ("PUT", "/api/v1/task/throttle", '{"both":{}}', change, 400),
                ("PUT", "/api/v1/task/throttle", "x" * 20000, change, 413),
                ("DELETE", "/api/v1/task", None, change, 405),
                ("GET", "/api/v1/tusk", None, {}, 404),
            ]:
                with self.subTest(method=method, path=path, status=status):
                    found, answered, text = web.ask(method, path, body, headers)
                    self.assertEqual((found, answered["Content-Type"]), (status, "application/problem+json"), text)
                    problem = json.loads(text)
                    self.assertEqual(list(self.misfits(spec, {"$ref": "#/components/schemas/Problem"}, problem, "$")), [])
                    self.assertEqual(problem["status"], status)
                    operation = spec["paths"].get(path, {}).get(method.lower(), {})
                    if operation and status != 421:
                        self.assertIn(str(status), operation["responses"], "the description names it")
            proxy.refuse = False
            self.assertEqual(process.stop(), 0, process.tail())

    @staticmethod
    def resolve(spec, ref):
        for part in ref.removeprefix("#/").split("/"):
            spec = spec[part]
        return spec

    def misfits(self, spec, schema, value, place):
        """What of a JSON value is not as its schema says; nothing may be there that is not described."""
        if "$ref" in schema:
            schema = self.resolve(spec, schema["$ref"])
        types = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}
        wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(isinstance(value, types[t]) and not (t in ("integer", "number") and isinstance(value, bool)) for t in wanted):
            yield f"{place}: {value!r} is no {wanted}"
            return
        if "enum" in schema and value not in schema["enum"]:
            yield f"{place}: {value!r} is not in {schema['enum']}"
        if isinstance(value, dict):
            for name in schema.get("required", []):
                if name not in value:
                    yield f"{place}: {name} is missing"
            for name, member in value.items():
                if name not in schema.get("properties", {}):
                    yield f"{place}: {name} is not described"
                else:
                    yield from self.misfits(spec, schema["properties"][name], member, f"{place}.{name}")
        if isinstance(value, list):
            for i, member in enumerate(value):
                yield from self.misfits(spec, schema["items"], member, f"{place}[{i}]")


if __name__ == "__main__":
    unittest.main()
