"""What surrounds a task may hang, lie, flood it or break: the rows do not notice, and the answer is clear."""

import http.server
import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time
import unittest

from lib import servers
from lib.case import LONG, EndToEnd, note
from lib.proxy import Proxy
from lib.task import PATIENCE, PROGRAM
from lib.web import LISTEN, Web

CHANGE = {"X-Rowcast-Request": "1", "Content-Type": "application/json"}


class Flood:
    """Does something over and over in a thread, and keeps what came of it."""

    def __init__(self, work, pause=0.0):
        self.results = {}
        self.stopping = threading.Event()
        self.work = work
        self.pause = pause
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping.is_set():
            try:
                result = self.work()
            except Exception as failure:  # noqa: B902 - it is what came of it
                result = f"{type(failure).__name__}: {failure}"
            self.results[result] = self.results.get(result, 0) + 1
            if self.pause:
                self.stopping.wait(self.pause)

    def close(self):
        self.stopping.set()
        self.thread.join(30)


class Writer(Flood):
    """A row every few milliseconds."""

    def __init__(self, connection):
        self.count = 0
        self.connection = connection
        super().__init__(self._row, 0.005)

    def _row(self):
        self.connection.run(f"INSERT INTO item (name) VALUES ('{self.count}')")
        self.count += 1


class Hostile(EndToEnd):
    seconds = 200 if LONG else 90

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()
        self.connection = self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200))")

    def started(self, **keys):
        keys.setdefault("http", LISTEN)
        self.made = self.task(self.server, **keys)
        process = self.made.start()
        return process, Web(process)

    def assert_undisturbed(self, web, seconds):
        """Rows are written all the while, and each look finds the task right behind them."""
        writer = Writer(self.connection)
        self.addCleanup(writer.close)
        before = self.took(web)
        looks = web.watch(seconds, lambda task: (task["state"], task["lag"]["seconds"]))
        writer.close()
        self.assertEqual(set(writer.results), {None})
        self.assertEqual({state for state, _ in looks}, {"caught-up"})
        servers.wait_for(lambda: web.task()["totals"]["rows"] >= writer.count, 10 * PATIENCE, "the rows")
        time.sleep(0.3)
        after = self.took(web)
        late = 1 - (after[0] - before[0]) / max(after[1] - before[1], 1)
        note(f"{writer.count} rows, {late * 100:.1f} % of them took more than 0.1 s from commit to acknowledgement, lag up to {max(lag for _, lag in looks):.3f} s")
        return writer.count

    @staticmethod
    def took(web):
        """Changes acknowledged within 0.1 s of their commit, and all."""
        page = web.page()
        return page.value("rowcast_commit_to_ack_seconds_bucket", le="0.1"), page.value("rowcast_commit_to_ack_seconds_count")

    # --- clients ---

    def raw(self, web, data, seconds=20):
        """What is answered to bytes; b"" if the connection is closed without a word."""
        with socket.create_connection(("127.0.0.1", web.port), timeout=seconds) as s:
            s.sendall(data)
            try:
                return s.recv(65536)
            except ConnectionError:
                return b""

    def one_gigabyte(self, web, head):
        """A body of 1 GB, as far as it is taken: bytes sent, and the answer."""
        sent, answer = 0, b""
        block = b"10000\r\n" + b"x" * 65536 + b"\r\n" if b"chunked" in head else b"x" * 65536
        with socket.create_connection(("127.0.0.1", web.port), timeout=20) as s:
            s.sendall(b"PUT /api/v1/task/throttle HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Rowcast-Request: 1\r\nContent-Type: application/json\r\n" + head + b"\r\n")
            try:
                while sent < 1 << 30:
                    s.sendall(block)
                    sent += len(block)
            except ConnectionError:
                pass
            try:
                answer = s.recv(65536)
            except ConnectionError:
                pass
        return sent, answer

    def test_clients(self):
        process, web = self.started()
        web.wait_state("caught-up", 20)
        # One byte a minute, and one every two seconds: both are begun now and looked at in the end.
        slow = [socket.create_connection(("127.0.0.1", web.port), timeout=30) for _ in range(2)]
        opened = time.monotonic()
        slow[0].sendall(b"G")
        dripping = Flood(lambda: slow[1].sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: aaaaaaaaaaaaaaaaaaa"[:1]), 2)
        floods = {
            "scrapes every 10 ms": Flood(lambda: web.ask("GET", "/metrics")[0], 0.01),
            "pages that are not there": Flood(lambda: web.ask("GET", "/" + "x" * 3000)[0], 0.02),
            "another site's name": Flood(lambda: web.ask("GET", "/api/v1/task", headers={"Host": "rebound.example"})[0], 0.02),
            "another site's page": Flood(lambda: web.ask("POST", "/api/v1/task/stop", headers={**CHANGE, "Origin": "http://evil.example"})[0], 0.02),
            "no JSON": Flood(lambda: web.ask("PUT", "/api/v1/task/throttle", b"[" * 5000, CHANGE)[0], 0.02),
            "noise": Flood(lambda: self.raw(web, os.urandom(300) + b"\r\n\r\n")[:12], 0.05),
        }
        self.assert_undisturbed(web, 5)
        for flood in floods.values():
            flood.close()
        found = {name: flood.results for name, flood in floods.items()}
        note(str(found))
        self.assertEqual({name: set(results) for name, results in found.items() if name != "noise"}, {
            "scrapes every 10 ms": {200}, "pages that are not there": {404}, "another site's name": {421},
            "another site's page": {403}, "no JSON": {400}})
        self.assertGreater(found["scrapes every 10 ms"][200], 30 / PATIENCE)  # so many as a busy machine comes to
        self.assertLessEqual(set(found["noise"]), {b"HTTP/1.1 400", b""})
        # 1 GB, announced and not
        sent, answer = self.one_gigabyte(web, b"Content-Length: 1073741824\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 413") or sent < 1 << 25, (sent, answer[:100]))
        self.assertLess(sent, 1 << 25)
        self.assertIn(b"413", self.raw(web, b"PUT /api/v1/task/throttle HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Rowcast-Request: 1\r\nContent-Length: 1073741824\r\n\r\n"))
        sent, answer = self.one_gigabyte(web, b"Transfer-Encoding: chunked\r\n")
        self.assertLess(sent, 1 << 25)
        self.assertEqual(answer[:12] in (b"", b"HTTP/1.1 413", b"HTTP/1.1 400"), True, answer)
        # the slow ones: silence of ten seconds, or twenty for a whole request
        waited = time.monotonic()
        for s in slow:
            s.settimeout(30 * PATIENCE)
            try:
                s.recv(100)
            except ConnectionError:
                pass
        dripping.close()
        self.assertLess(time.monotonic() - opened, max(20 * PATIENCE, waited - opened) + 6 * PATIENCE)
        for s in slow:
            s.close()
        self.assertEqual(web.task()["state"], "caught-up")
        self.assertEqual(process.stop(), 0, process.tail())

    def test_tokens(self):
        self.made = self.task(self.server, http=LISTEN)
        process = self.made.start(environment={"ROWCAST_HTTP_TOKEN": "open sesame"})
        web = Web(process)
        web.wait_state("caught-up", 20)
        tokens = [None, "", "Bearer", "Bearer ", "Bearer open", "Bearer open sesam", "Bearer open sesame ", "bearer x", "Basic b3BlbiBzZXNhbWU=", "Bearer " + "x" * 8000]
        for token in tokens:
            headers = {**CHANGE, **({"Authorization": token} if token is not None else {})}
            status, answered, body = web.ask("POST", "/api/v1/task/stop", headers=headers)
            with self.subTest(token=token):
                self.assertIn(status, (401, 431), body)
                if status == 401:
                    self.assertEqual(answered["WWW-Authenticate"], "Bearer")
                    self.assertIn("Bearer TOKEN is missing or wrong", json.loads(body)["detail"])
        self.assertEqual(web.task()["state"], "caught-up")
        self.assertNotIn("sesame", process.log())
        self.assertEqual(web.ask("POST", "/api/v1/task/stop", headers={**CHANGE, "Authorization": "Bearer open sesame"})[0], 202)
        self.assertEqual(process.wait(20), 0, process.tail())

    # --- where alerts go ---

    def test_a_webhook_that_hangs_and_a_command_that_never_ends(self):
        with socket.create_server(("127.0.0.1", 0)) as hanging, Proxy(self.server.port) as proxy:
            command = os.path.join(self.folder(), "notify")
            with open(command, "w", encoding="utf-8") as f:
                f.write("#!/bin/sh\nsleep 1000 &\nsleep 1000\n")
            os.chmod(command, 0o755)
            alerts = {"for": "1s", "webhook": f"http://127.0.0.1:{hanging.getsockname()[1]}/", "command": command}
            process, web = self.started(source={"port": proxy.port}, alerts=alerts)
            web.wait_state("caught-up", 20)
            proxy.refuse = True
            proxy.drop_all()
            servers.wait_for(lambda: self.children(process), 20 * PATIENCE, "the command")
            proxy.refuse = False
            web.post("retry")
            web.wait_state("caught-up", 20)
            self.assert_undisturbed(web, 3)
            if LONG:
                process.wait_log(r"alert\.unsent to=command .*ended after 3\d s", 45)
                process.wait_log(r"alert\.unsent to=webhook", 100)
            began = time.monotonic()
            self.assertEqual(process.stop(40), 0, process.tail())
            self.assertLess(time.monotonic() - began, 20 * PATIENCE)
            self.assertRegex(process.log(), r"alert\.unsent to=command")
            servers.wait_for(lambda: not self.sleeping(command), 5, "the command and its children to be gone")

    def children(self, process):
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as f:
            mine = f.read().split()
        for thread in os.listdir(f"/proc/{process.pid}/task"):
            with open(f"/proc/{process.pid}/task/{thread}/children", encoding="ascii") as f:
                mine += f.read().split()
        return mine

    @staticmethod
    def sleeping(command):
        done = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        return command in done.stdout

    def test_a_webhook_that_answers_500(self):
        class Broken(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.server.count += 1
                self.send_response(500)
                self.end_headers()

            def log_message(self, *_):
                pass

        hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Broken)
        hook.count = 0
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        self.addCleanup(hook.server_close)
        self.addCleanup(hook.shutdown)
        with Proxy(self.server.port) as proxy:
            process, web = self.started(source={"port": proxy.port}, alerts={"for": "1s", "webhook": f"http://127.0.0.1:{hook.server_address[1]}/"})
            web.wait_state("caught-up", 20)
            proxy.refuse = True
            proxy.drop_all()
            servers.wait_for(lambda: hook.count >= 2, 20 * PATIENCE, "the alert, twice")
            proxy.refuse = False
            web.post("retry")
            web.wait_state("caught-up", 20)
            self.assert_undisturbed(web, 2)
            if LONG:
                process.wait_log(r"alert\.unsent to=webhook reason=\"it answered 500\"", 60)
                self.assertGreaterEqual(hook.count, 5)
            self.assertEqual(process.stop(40), 0, process.tail())
            self.assertRegex(process.log(), r"alert\.unsent to=webhook reason=\"it answered 500\"")

    # --- the log ---

    def test_a_log_without_room(self):
        """Its lines are lost and counted; the page says so; nothing else happens."""
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        self.made = self.task(self.server, http={"listen": f"127.0.0.1:{port}"})
        with open("/dev/full", "wb") as full:
            process = subprocess.Popen([PROGRAM, "run", self.made.path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=full, env={**os.environ, "ROWCAST_SOURCE_PASSWORD": "rowcast-pw"})
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.kill)
        web = Web.at("127.0.0.1", port)
        servers.wait_for(lambda: self.state_or_none(web) == "caught-up", 20 * PATIENCE, "the task")
        self.connection.run("INSERT INTO item (name) VALUES ('x')")
        self.follow().wait_count(1, 10)
        self.assertGreater(web.page().value("rowcast_log_lost_lines_total"), 3)
        lost = [e for e in web.task()["errors"] if e["event"] == "log.lost"]
        self.assertEqual(len(lost), 1)
        self.assertIn("No space left on device", lost[0]["text"])
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(30 * PATIENCE), 0)

    @staticmethod
    def state_or_none(web):
        try:
            return web.task()["state"]
        except (OSError, AssertionError):
            return None

    def test_a_log_in_json(self):
        """Every line is an object with time, level and an event that the manual lists."""
        self.made = self.task(self.server, log={"format": "json", "level": "info"}, http=LISTEN)
        process = self.made.start()
        port = process.wait_log(r'"event":"http.listening","url":"http://127.0.0.1:(\d+)/"', 20).group(1)
        web = Web.at("127.0.0.1", int(port), process)
        web.wait_state("caught-up", 20)
        web.post("pause")
        web.wait_state("paused", 20)
        self.assertEqual(process.stop(), 0, process.tail())
        with open(os.path.join(servers.ROOT, "docs", "manual.md"), encoding="utf-8") as f:
            manual = f.read()
        lines = [json.loads(line) for line in process.log().splitlines()]
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("error", "warn", "info"))
            self.assertIn(f"`{line['event']}`", manual)
        self.assertIn("caught-up", [line.get("state") for line in lines if line["event"] == "task.state"])
        self.assertEqual([line["task"] for line in lines if line["event"] == "rowcast"], [self.name])


if __name__ == "__main__":
    unittest.main()
