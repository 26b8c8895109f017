"""Runs a program and asks the kernel what it cost."""

import os
import signal
import subprocess
import threading
import time


class Run:
    """A finished process: seconds of CPU and wall time, peak resident memory."""

    def __init__(self, code, usage, wall, threads):
        self.code = code
        self.user = usage.ru_utime
        self.system = usage.ru_stime
        self.cpu = self.user + self.system
        self.wall = wall
        self.rss_kib = usage.ru_maxrss
        self.threads = threads  # CPU seconds by thread name, if asked for


class Measured:
    """A process under way. CPU and memory are the kernel's own account of it (wait4)."""

    def __init__(self, command, log, environment=None, stdout=None):
        with open(log, "ab") as err:
            self.began = time.monotonic()
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stdout or err, stderr=err,
                env={**os.environ, **(environment or {})},
            )
        self.pid = self.process.pid
        self.log = log
        self.command = command
        self.by_thread = {}

    def _look_at_threads(self):
        folder = f"/proc/{self.pid}/task"
        try:
            for thread in os.listdir(folder):
                with open(f"{folder}/{thread}/comm", encoding="utf-8") as f:
                    name = f.read().strip()
                with open(f"{folder}/{thread}/schedstat", encoding="ascii") as f:
                    self.by_thread[thread] = (name, int(f.read().split()[0]) / 1e9)
        except OSError:
            pass  # it ended meanwhile

    def wait(self, seconds, threads=False):
        """threads: also account by thread, looking every few ms, which takes CPU of its own."""
        timer = threading.Timer(seconds, self.signal, [signal.SIGKILL])
        timer.start()
        status = usage = None
        while True:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG if threads else 0)
            if pid != 0:
                break
            self._look_at_threads()
            time.sleep(0.005)
        wall = time.monotonic() - self.began
        timer.cancel()
        self.process.returncode = os.waitstatus_to_exitcode(status)
        sums = {}
        for name, cpu in self.by_thread.values():
            sums[name] = sums.get(name, 0.0) + cpu
        return Run(self.process.returncode, usage, wall, sums)

    def signal(self, number):
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    def tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return "\n".join(f.read().splitlines()[-15:])


def run(command, log, seconds=300, environment=None, stdout=None, threads=False):
    """Runs it to its end; anything but exit code 0 ends the benchmark."""
    measured = Measured(command, log, environment, stdout)
    done = measured.wait(seconds, threads)
    if done.code != 0:
        raise SystemExit(f"error: {' '.join(command)}: exit code {done.code}\n{measured.tail()}")
    return done
