"""Where a run happens: programs, servers, folders, task files."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

from figures import measure

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from lib import servers, sql  # noqa: E402,F401  (sql is for the other files)

servers.PREFIX = "bench"

PARTITIONS = 4
TABLES = 4
TABLE_SIZE = 150_000
TRANSACTIONS = 100_000
ROWS = TABLES * TABLE_SIZE + 4 * TRANSACTIONS
LONG = 5  # times as many changes, where a run has to last

COPY_TABLES = 4
COPY_ROWS = 1_000_000


def say(text):
    print(f"==> {text}", file=sys.stderr, flush=True)


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(os.environ.get("ROWCAST_CACHE") or os.path.join(base, "rowcast"), "bench")


class Setting:
    def __init__(self, build, rows=COPY_ROWS):
        self.rows = self.copy_rows = rows
        self.build = os.path.abspath(build)
        self.rowcast = os.path.join(self.build, "rowcast")
        self.folder = tempfile.mkdtemp(prefix="rowcast-bench-")
        self.log = os.path.join(self.folder, "log")
        self.count = 0
        self._mysql = None
        self._long = None
        self._live = None
        self._kafka = None
        self.messages = None  # the writing floor's input
        self.topics = []

    def program(self, name):
        return os.path.join(self.build, "bench", name)

    def close(self):
        for server in (self._live, self._kafka):
            if server is not None:
                server.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- servers ---

    @property
    def mysql(self):
        """Holds the binlog; kept for the next run."""
        if self._mysql is None:
            self._mysql = prepared_mysql("binlog", ["sbtest"])
        return self._mysql

    @property
    def long(self):
        """Holds a binlog of LONG times the size, in as many databases: sbtest1, sbtest2 and so on; kept, too."""
        if self._long is None:
            self._long = prepared_mysql("long", [f"sbtest{i}" for i in range(1, LONG + 1)])
        return self._long

    @property
    def live(self):
        """Gets new rows; thrown away afterwards."""
        if self._live is None:
            servers._call("remove", "mysql", "--instance", "bench_live", check=False)
            self._live = servers.mysql("live")
        return self._live

    @property
    def kafka(self):
        if self._kafka is None:
            say("starting Kafka")
            servers._call("remove", "kafka", "--instance", "bench_figures", check=False)
            # What is deleted is gone at once, and takes no disk from what is measured next.
            self._kafka = servers.kafka("figures", "log.segment.delete.delay.ms=100", "log.initial.task.delay.ms=1000")
        return self._kafka

    def new_topic(self, prefix, *options):
        self.count += 1
        name = f"{prefix}-{self.count}"
        self.kafka.topic_tool("--create", "--topic", name, "--partitions", str(PARTITIONS), *options)
        self.topics.append(name)
        return name

    def drop_topics(self):
        """Between rounds, so that the disk does not fill."""
        for name in self.topics:
            self.kafka.topic_tool("--delete", "--topic", name)
        self.topics = []

    def empty_topics(self, names):
        """What lies in topics is deleted; they stay as they were."""
        path = os.path.join(self.folder, "offsets.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"version": 1, "partitions": [
                {"topic": name, "partition": i, "offset": -1} for name in names for i in range(PARTITIONS)]}, f)
        self.kafka.tool("org.apache.kafka.tools.DeleteRecordsCommand", "--bootstrap-server", self.kafka.brokers, "--offset-json-file", path)

    # --- rowcast ---

    def task(self, server, brokers, topic, objects, start="earliest", **keys):
        """Writes a task file; settings are the defaults but for what is needed to connect, and no DDL: the floors have rows alone."""
        self.count += 1
        folder = os.path.join(self.folder, f"task{self.count}")
        os.makedirs(folder)
        path = os.path.join(folder, "task.yaml")
        destination = {"brokers": brokers if brokers == "embedded" else [brokers], "topic": topic,
                       "partitions": PARTITIONS, "existing_topics": "ignore",
                       **keys.pop("destination", {})}
        text = {
            "task": "bench",
            "state_dir": os.path.join(folder, "state"),
            "phases": ["incremental"],
            "source": {"host": "127.0.0.1", "port": server.port, "user": server.user,
                       **({"start": start} if start else {}),
                       "server_id": random.SystemRandom().randrange(100_000, 2**31)},
            "destination": destination,
            "objects": [o if isinstance(o, dict) else {"table": o, "ddl": []} for o in objects],
            "http": {"listen": "off"},
            **keys,
        }
        with open(path, "w", encoding="utf-8") as f:
            json.dump(text, f)  # JSON is YAML
        return path

    def start(self, task, server, *arguments, **environment):
        return measure.Measured(
            [self.rowcast, "run", task, *arguments], self.log,
            {"ROWCAST_SOURCE_PASSWORD": server.password, **environment})

    def catch_up(self, task, server, seconds=300, threads=False, **environment):
        process = self.start(task, server, "--until", "caught-up", **environment)
        done = process.wait(seconds, threads)
        if done.code != 0:
            raise SystemExit(f"error: rowcast ended with {done.code}\n{process.tail()}")
        return done


# --- the binlog ---


def _state(server):
    """What tells the prepared binlog from another one."""
    with server.connect() as c:
        logs = c.text("SHOW BINARY LOGS")
        return {"server_uuid": c.one("SELECT @@server_uuid"), "file": logs[0][0], "size": int(logs[0][1])}


def _is_prepared(server, marker):
    try:
        with open(marker, encoding="utf-8") as f:
            return json.load(f) == _state(server)
    except (OSError, ValueError):
        return False


def _sysbench(server, database, *words):
    subprocess.run(
        ["sysbench", "--db-driver=mysql", f"--mysql-socket={server.socket}", "--mysql-user=root",
         f"--mysql-db={database}", f"--tables={TABLES}", f"--table-size={TABLE_SIZE}", "--threads=2",
         *words], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def prepared_mysql(instance, databases):
    """The server whose binlog has ROWS row changes for each of the databases, one after the other."""
    server = servers.mysql(instance, keep=True)
    marker = os.path.join(cache(), f"{instance}.json")
    if _is_prepared(server, marker):
        return server
    if shutil.which("sysbench") is None:
        raise SystemExit("error: sysbench is missing: scripts/setup installs it")
    say(f"writing a binlog: sysbench, {ROWS * len(databases):,} row changes (once; some minutes)")
    server.remove()
    server.start()
    for database in databases:
        with server.connect() as c:
            c.run(f"CREATE DATABASE {database}")
        _sysbench(server, database, "oltp_write_only", "prepare")
        _sysbench(server, database, f"--events={TRANSACTIONS}", "--time=0", "oltp_write_only", "run")
    with server.connect() as c:
        c.run("FLUSH BINARY LOGS")  # so that the file is of one size from now on
    os.makedirs(cache(), exist_ok=True)
    with open(marker, "w", encoding="utf-8") as f:
        json.dump(_state(server), f)
    return server
