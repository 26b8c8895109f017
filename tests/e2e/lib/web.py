"""A running task over HTTP, as a person or a program asks it.

    web = Web(process)               http.listen of its task must not be off
    web.task()["state"]
    web.post("pause")
"""

import http.client
import json
import re
import time

from . import openmetrics, servers
from .task import PATIENCE

LISTEN = {"listen": "127.0.0.1:0"}  # any port that is free


class Web:
    def __init__(self, process, token=None):
        self.process = process
        self.url = process.wait_log(r"http\.listening url=(\S+/)\s", 20).group(1)
        self.host, self.port = re.match(r"http://(.+):(\d+)/", self.url).groups()
        self.port = int(self.port)
        self.token = token

    @classmethod
    def at(cls, host, port, process=None):
        """A task that does not say in its log where it is."""
        web = cls.__new__(cls)
        web.process, web.host, web.port, web.token, web.url = process, host, port, None, f"http://{host}:{port}/"
        return web

    def ask(self, method, path, body=None, headers=None, seconds=20):
        """Status, headers and body."""
        connection = http.client.HTTPConnection(self.host.strip("[]"), self.port, timeout=seconds)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def usual(self, change):
        headers = {"X-Rowcast-Request": "1"} if change else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers

    def get(self, path):
        status, _, body = self.ask("GET", path, headers=self.usual(False))
        if status != 200:
            raise AssertionError(f"GET {path}: {status} {body!r}")
        return json.loads(body)

    def task(self):
        return self.get("/api/v1/task")

    def post(self, wish):
        status, _, body = self.ask("POST", f"/api/v1/task/{wish}", headers=self.usual(True))
        return status, json.loads(body)

    def throttle(self, **phases):
        headers = {**self.usual(True), "Content-Type": "application/json"}
        status, _, body = self.ask("PUT", "/api/v1/task/throttle", json.dumps(phases), headers)
        if status != 200:
            raise AssertionError(f"{status} {body!r}")
        return json.loads(body)

    def metrics(self):
        """Samples by name and labels, as they stand on the page."""
        status, _, body = self.ask("GET", "/metrics", headers=self.usual(False))
        if status != 200:
            raise AssertionError(f"{status} {body!r}")
        lines = [line for line in body.decode().splitlines() if not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def page(self):
        """/metrics, read strictly."""
        status, answered, body = self.ask("GET", "/metrics", headers=self.usual(False))
        if status != 200 or not answered["Content-Type"].startswith("application/openmetrics-text; version=1.0.0"):
            raise AssertionError(f"{status} {answered['Content-Type']} {body!r}")
        return openmetrics.parse(body.decode())

    def wait_state(self, state, seconds):
        states = [state] if isinstance(state, str) else state
        task = {}

        def look():
            nonlocal task
            task = self.task()
            return task if task["state"] in states else None

        try:
            return servers.wait_for(look, seconds * PATIENCE, f"state {state}")
        except AssertionError:
            raise AssertionError(f"{task.get('state')} ({task.get('cause')}) instead of {state}\n{self.process.tail()}") from None

    def watch(self, seconds, value):
        """What value(task) was, asked again and again."""
        seen = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seen.append(value(self.task()))
            time.sleep(0.02)
        return seen
