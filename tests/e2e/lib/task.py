"""A task file in a folder of its own, and the rowcast process that runs it.

    task = Task("orders", server, kafka.brokers, ["shop.*"])
    task.run_until_caught_up()
    with task.start() as process:
        process.wait_log("streaming", 10)
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from . import servers

PROGRAM = os.environ.get("ROWCAST") or os.path.join(servers.ROOT, "build", "rowcast")
# Sanitizers make everything slower; figures of memory and time mean nothing with them.
SANITIZED = bool(os.environ.get("ROWCAST_E2E_SANITIZED"))
SANITIZER_OPTIONS = {
    "TSAN_OPTIONS": f"suppressions={servers.ROOT}/tests/support/tsan.supp",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
PATIENCE = 4 if SANITIZED else 1


def merge(base, more):
    """base with the keys of more, sections merged."""
    result = dict(base)
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = value
    return result


class Task:
    """Keyword arguments are keys of the task file that differ from what is usual here."""

    def __init__(self, name, server, brokers, objects, start=None, **keys):
        self.folder = tempfile.mkdtemp(prefix=f"rowcast-{name}-")
        self.name = name
        self.path = os.path.join(self.folder, "task.yaml")
        self.state = os.path.join(self.folder, "state")
        self.runs = 0
        self.processes = []
        self.keys = {
            "task": name,
            "state_dir": self.state,
            "phases": ["incremental"],
            "source": {
                "host": "127.0.0.1",
                "port": server.port,
                "user": "rowcast",
                "server_id": random.SystemRandom().randrange(100_000, 2**31),
            },
            "destination": {"brokers": brokers if brokers == "embedded" else brokers.split(","), "topic": name},
            "objects": [self._entry(o) for o in objects],
            # Many tasks run on one machine: a test that wants the server asks for a port (0: any).
            "http": {"listen": "off"},
        }
        if start:
            self.keys["source"]["start"] = start
        self.password = "rowcast-pw"
        self.change(**keys)

    @staticmethod
    def _entry(entry):
        """Statements are sent where a test asks for them."""
        entry = {"table": entry} if isinstance(entry, str) else dict(entry)
        if not entry["table"].startswith("!"):
            entry.setdefault("ddl", [])
        return entry

    def change(self, **keys):
        """Writes the file anew with other keys."""
        self.keys = merge(self.keys, keys)
        with open(self.path, "w", encoding="utf-8") as f:
            json.dump(self.keys, f, indent=1)  # JSON is YAML
            f.write("\n")

    def write_text(self, text):
        """A file as it is, for tests of mistakes in it."""
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text)

    def start(self, *arguments, password=None, environment=None, command="run"):
        self.runs += 1
        process = Process(
            [PROGRAM, command, self.path, *arguments],
            os.path.join(self.folder, f"run{self.runs}.log"),
            self.password if password is None else password,
            environment,
        )
        self.processes.append(process)
        return process

    def run(self, *arguments, seconds=60, **more):
        """Runs to the end; the finished process."""
        process = self.start(*arguments, **more)
        process.wait(seconds)
        return process

    def run_until_caught_up(self, seconds=60):
        process = self.run("--until", "caught-up", seconds=seconds)
        if process.code != 0:
            raise AssertionError(f"rowcast ended with {process.code}:\n{process.tail()}")
        return process

    def close(self, keep):
        for process in self.processes:
            process.kill()
        if keep:
            return
        shutil.rmtree(self.folder, ignore_errors=True)


class Process:
    """A running rowcast."""

    def __init__(self, command, log, password, environment=None):
        self.log_path = log
        self.code = None
        self.output = b""
        self.peak_kib = 0
        self.started = time.monotonic()
        env = {**os.environ, "ROWCAST_SOURCE_PASSWORD": password, **SANITIZER_OPTIONS, **(environment or {})}
        with open(log, "wb") as stderr:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, env=env
            )
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while piece := self.process.stdout.read1(1 << 16):
            self.output += piece

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    # --- memory ---

    def peak(self):
        """The largest resident size so far, in KiB; remembered when the process is gone."""
        try:
            with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
                found = re.search(r"VmHWM:\s+(\d+) kB", f.read())
            if found:
                self.peak_kib = max(self.peak_kib, int(found.group(1)))
        except OSError:
            pass
        return self.peak_kib

    # --- its log ---

    def log(self):
        with open(self.log_path, "rb") as f:
            return f.read().decode("utf-8", "replace")

    def tail(self, lines=25):
        return "\n".join(self.log().splitlines()[-lines:])

    def wait_log(self, pattern, seconds, times=1):
        """Waits until the log holds the pattern (so often); the last match."""
        expression = re.compile(pattern)

        def look():
            found = list(expression.finditer(self.log()))
            if len(found) >= times:
                return found[-1]
            if not self.alive():
                found = list(expression.finditer(self.log()))
                if len(found) >= times:
                    return found[-1]
                raise AssertionError(f"rowcast ended with {self.code}, no {pattern!r} in its log:\n{self.tail()}")
            return None

        try:
            return servers.wait_for(look, seconds * PATIENCE, f"{pattern!r} in the log")
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.tail()}") from None

    def wait_streaming(self, seconds=20):
        """Until the source has been asked for its binlog."""
        return self.wait_log(STREAMING, seconds)

    # --- its end ---

    def alive(self):
        if self.code is None:
            self.peak()
            self.code = self.process.poll()
        return self.code is None

    def wait(self, seconds):
        bound = seconds * PATIENCE * servers.SLACK
        deadline = time.monotonic() + bound
        while self.alive():
            if time.monotonic() > deadline:
                log = self.tail()
                self.kill()
                raise AssertionError(f"rowcast still ran after {bound} s:\n{log}")
            time.sleep(0.01)
        self.reader.join(10)
        self.process.stdout.close()
        return self.code

    def signal(self, number):
        if self.alive():
            self.process.send_signal(number)

    def stop(self, seconds=30):
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        """SIGKILL, at once."""
        if self.alive():
            self.process.kill()
            self.wait(10)


STREAMING = r"\bsource\.connected\b"
