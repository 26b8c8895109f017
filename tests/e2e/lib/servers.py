"""The real servers, through scripts/servers.

    server = servers.mysql()                      the plain one
    server = servers.mysql("full", "--binlog-row-metadata=FULL")
    kafka = servers.kafka()

A server that cannot be started is a failure of the test. What this process
started is stopped when it ends, unless ROWCAST_E2E_KEEP is set: then
tests/e2e/run does it, since several test files share the servers.
"""

import atexit
import os
import random
import shlex
import subprocess
import threading
import time

from . import sql

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SCRIPT = os.path.join(ROOT, "scripts", "servers")
PREFIX = "e2e"
# Bounds of waiting say how long a thing takes at most on a machine that is free. One that is busy with
# other things takes longer, and a wait that ends in time costs nothing.
SLACK = 3

_known = {}
_started = []
_lock = threading.Lock()


def _call(*arguments, check=True, environment=None, timeout=180):
    done = subprocess.run(
        [SCRIPT, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **(environment or {})},
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"scripts/servers {' '.join(arguments)}: {done.stderr.strip()}")
    return done


class Server:
    """A running server: its env as attributes of lower-case names."""

    def __init__(self, kind, instance, options, environment, keep=False):
        self.kind = kind
        self.instance = instance
        self.options = options
        self.environment = environment
        # What an earlier run has left is of no use to tests, and thousands of topics slow a broker down.
        self._start(*(() if keep else ("--clean",)))

    def _name(self):
        return [self.kind] + (["--instance", self.instance] if self.instance else [])

    def start(self, *more):
        """Starts it again, on the data it had; `more` are options for this time only."""
        return self._start(options=more)

    def _start(self, *how, options=()):
        arguments = ["start", *self._name(), *how, "--prefix", "X"]
        if self.options or options:
            arguments += ["--", *self.options, *options]
        out = _call(*arguments, environment=self.environment).stdout
        for line in out.splitlines():
            key, _, value = line.partition("=")
            words = shlex.split(value)
            setattr(self, key[2:].lower(), words[0] if words else "")
        self.port = int(self.port)
        self.pid = int(self.pid)
        return self

    def stop(self, kill=False):
        _call("stop", *self._name(), *(["--kill"] if kill else []))

    def restart(self, *more, kill=False):
        self.stop(kill)
        return self.start(*more)

    def remove(self):
        _call("remove", *self._name())

    @property
    def mariadb(self):
        return self.kind == "mariadb"

    def connect(self, database=None, timeout=120):
        return sql.Connection(self.socket, database, timeout)

    def tool(self, *arguments, timeout=120):
        return subprocess.run(
            [SCRIPT, "tool", self._name()[0], *self._name()[1:], *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=True,
        ).stdout

    def topic_tool(self, *arguments):
        """Kafka's topic tool."""
        return _call("topic", *self._name(), *arguments).stdout

    def position(self):
        """The end of the binlog as a value of source.start."""
        with self.connect() as c:
            if self.mariadb:
                return "gtid:" + c.one("SELECT @@gtid_binlog_pos")
            if c.one("SELECT @@gtid_mode") == "ON":
                return "gtid:" + c.one("SELECT @@gtid_executed").replace("\n", "")
            row = c.text("SHOW BINARY LOG STATUS")[0]
            return f"{row[0]}:{row[1]}"


def _server(kind, instance, options, environment=None, keep=False):
    name = f"{PREFIX}_{instance}" if instance else ""
    key = (kind, name)
    with _lock:
        if key not in _known:
            was_running = _call("status", kind, *(["--instance", name] if name else []), check=False).returncode == 0
            _known[key] = Server(kind, name, list(options), environment, keep)
            if not was_running:
                _started_now(kind, name)
        return _known[key]


def mysql(instance="", *options, environment=None, keep=False):
    """keep: with the data that it has, if there is some."""
    return _server("mysql", instance, options, environment, keep)


def mariadb(instance="", *options, environment=None):
    return _server("mariadb", instance, options, environment)


def kafka(instance="", *options):
    return _server("kafka", instance, options)


def kafka_old(kind):
    """A broker of an older Kafka: kafka28 or kafka11."""
    return _server(kind, "old", [])


def registry():
    return _server("registry", "", [])


class OwnServer:
    """A server of one test's own, with empty data, gone afterwards:

        with servers.OwnServer("mysql", "--gtid-mode=OFF") as server:
    """

    def __init__(self, kind, *options, environment=None):
        self.kind = kind
        self.options = options
        self.environment = environment

    def __enter__(self):
        name = f"{PREFIX}_own_{random.SystemRandom().randrange(16**8):08x}"
        _started_now(self.kind, name)
        self.server = Server(self.kind, name, list(self.options), self.environment)
        return self.server

    def __exit__(self, *_):
        self.server.remove()


class Cluster:
    """Three Kafka brokers of one test's own; the first one is the controller, too:

        with servers.Cluster() as cluster:
            cluster.others[0].stop(kill=True)
    """

    OPTIONS = ("default.replication.factor=3", "min.insync.replicas=2", "offsets.topic.replication.factor=3",
               "transaction.state.log.replication.factor=3", "transaction.state.log.min.isr=2")

    def __enter__(self):
        self.nodes = []
        try:
            self._node(*self.OPTIONS)
            controller = f"controller.quorum.voters=1@127.0.0.1:{self.nodes[0].port + 4}"
            for number in (2, 3):
                self._node("process.roles=broker", f"node.id={number}", controller, *self.OPTIONS)
        except BaseException:
            self.__exit__()
            raise
        self.first, *self.others = self.nodes
        self.brokers = ",".join(node.brokers for node in self.nodes)
        return self

    def _node(self, *options):
        name = f"{PREFIX}_own_{random.SystemRandom().randrange(16**8):08x}"
        _started_now("kafka", name)
        self.nodes.append(Server("kafka", name, list(options), None))

    def __exit__(self, *_):
        for node in reversed(self.nodes):
            node.remove()


def _started_now(kind, name):
    """Remembers a server that did not run before, for whoever is to stop it."""
    keeper = os.environ.get("ROWCAST_E2E_KEEP")
    if keeper:
        with open(keeper, "a", encoding="utf-8") as f:
            f.write(f"{kind} {name}\n")
    else:
        _started.append((kind, name))


def _stop(names):
    for kind, name in dict.fromkeys(names):
        own = name.startswith(f"{PREFIX}_own_")
        _call("remove" if own else "stop", kind, *(["--instance", name] if name else []), check=False)


def stop_kept():
    """Stops what the test files have started; for tests/e2e/run."""
    keeper = os.environ["ROWCAST_E2E_KEEP"]
    with open(keeper, encoding="utf-8") as f:
        _stop(tuple(line.rstrip("\n").split(" ", 1)) for line in f)
    os.unlink(keeper)


@atexit.register
def _stop_started():
    _stop(_started)


def wait_for(condition, seconds, what):
    """Polls until condition() is true and hands out its value."""
    deadline = time.monotonic() + seconds * SLACK
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds * SLACK} s in vain for {what}")
        time.sleep(0.02)
