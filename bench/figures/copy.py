"""The full copy beside its floors; its rate by size; small tables; what writers feel of it."""

import json
import os
import re
import statistics
import subprocess
import time

from figures import measure, throughput
from figures.setting import COPY_ROWS, COPY_TABLES, PARTITIONS, cache, say, servers

WRITE_SECONDS = 8
SMALL_TABLES = 5000
MARKER = "copy.json"


# --- the tables ---


def _sysbench(server, database, size, *words, out=subprocess.DEVNULL):
    return subprocess.run(
        ["sysbench", "--db-driver=mysql", f"--mysql-socket={server.socket}", "--mysql-user=root", f"--mysql-db={database}",
         f"--tables={COPY_TABLES}", f"--table-size={size}", "--threads=2", *words],
        check=True, stdout=out, stdin=subprocess.DEVNULL, text=True).stdout


def _fill(server, rows):
    """Databases one_tenth, one and five, of so many times the rows; and small, of tables of two rows."""
    size = rows // COPY_TABLES
    with server.connect() as c:
        c.run("CREATE DATABASE one; CREATE DATABASE one_tenth; CREATE DATABASE five; CREATE DATABASE small")
        _sysbench(server, "one", size, "oltp_write_only", "prepare")
        for i in range(1, COPY_TABLES + 1):
            c.run(f"CREATE TABLE one_tenth.sbtest{i} LIKE one.sbtest{i}; CREATE TABLE five.sbtest{i} LIKE one.sbtest{i}")
            c.run(f"INSERT INTO one_tenth.sbtest{i} SELECT * FROM one.sbtest{i} WHERE id <= {size // 10}")
            for n in range(5):
                c.run(f"INSERT INTO five.sbtest{i} SELECT id + {n * size}, k, c, pad FROM one.sbtest{i}")
        count = _small_tables(rows)
        c.script(f"CREATE TABLE small.t{i} (id INT PRIMARY KEY, v VARCHAR(20))" for i in range(count))
        c.script(f"INSERT INTO small.t{i} VALUES (1,'a'),(2,'b')" for i in range(count))
        c.run("RESET BINARY LOGS AND GTIDS")  # the copy does not need it, and the disk does
        databases = "'one','one_tenth','five'"
        for database, table in c.text(f"SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA IN ({databases})"):
            c.run(f"ANALYZE TABLE {database}.{table}")


def _small_tables(rows):
    return max(SMALL_TABLES * rows // 1_000_000, 20)


def prepared(s):
    """The server with the tables; of the usual size it is kept for the next run."""
    if s.copy_rows != COPY_ROWS:
        say(f"filling tables: {s.copy_rows:,} rows")
        _fill(s.live, s.copy_rows)
        return s.live
    server = servers.mysql("copy", "--table-open-cache=6000", "--innodb-open-files=6000", keep=True)
    marker = os.path.join(cache(), MARKER)
    with server.connect() as c:
        now = {"server_uuid": c.one("SELECT @@server_uuid"), "rows": s.copy_rows}
    try:
        with open(marker, encoding="utf-8") as f:
            if json.load(f) == now:
                return server
    except (OSError, ValueError):
        pass
    say(f"filling tables: {s.copy_rows * 6.1:,.0f} rows (once; some minutes)")
    server.remove()
    server.start()
    _fill(server, s.copy_rows)
    with server.connect() as c:
        now = {"server_uuid": c.one("SELECT @@server_uuid"), "rows": s.copy_rows}
    os.makedirs(cache(), exist_ok=True)
    with open(marker, "w", encoding="utf-8") as f:
        json.dump(now, f)
    return server


# --- runs ---


def copy(s, server, database, broker):
    return copy_of(s, server, f"{database}.*", broker)


def copy_of(s, server, table, broker):
    brokers = "embedded" if broker == "embedded" else s.kafka.brokers
    topic = "bench" if broker == "embedded" else s.new_topic("bench-copy")
    task = s.task(server, brokers, topic, [table], start=None, phases=["full"])
    process = s.start(task, server)
    done = process.wait(600)
    if done.code != 0:
        raise SystemExit(f"error: rowcast ended with {done.code}\n{process.tail()}")
    return done


def reading_floor(s, server, database):
    tables = [f"sbtest{i}" for i in range(1, COPY_TABLES + 1)]
    return measure.run(
        [s.program("copy_floor"), "-h", "127.0.0.1", "-P", str(server.port), "-u", server.user, database, *tables],
        s.log, environment={"MYSQL_PWD": server.password})


def make_messages(s, server, rows):
    """The messages of a copy, for the writing floor to produce again."""
    topic = s.new_topic("bench-copied")
    s.topics.remove(topic)  # the floor produces into it
    task = s.task(server, s.kafka.brokers, topic, ["one.*"], start=None, phases=["full"])
    process = s.start(task, server)
    if process.wait(600).code != 0:
        raise SystemExit(f"error: the copy failed\n{process.tail()}")
    s.messages = os.path.join(s.folder, "messages")
    out = subprocess.run([s.program("dump_topic"), "-b", s.kafka.brokers, "-t", topic, s.messages],
                         check=True, capture_output=True, text=True).stdout
    told = json.loads(out)
    if told["messages"] != rows:
        raise SystemExit(f"error: {told['messages']} messages lie in the topic, {rows} were expected")


def floors(s, recorder, rounds, server):
    rows = s.copy_rows
    say("copy: the messages of the writing floor")
    make_messages(s, server, rows)
    read, write, ours = [], {"embedded": [], "real": []}, {"embedded": [], "real": []}
    for i in range(rounds):
        say(f"copy of {rows:,} rows, round {i + 1} of {rounds}")
        read.append(reading_floor(s, server, "one"))
        for broker in ("embedded", "real"):
            write[broker].append(throughput.writing_floor(s, broker))
            ours[broker].append(copy(s, server, "one", broker))
        s.drop_topics()
    recorder.add("copy: reading floor, CPU", "s", [r.cpu for r in read], rows=rows)
    recorder.add("copy: reading floor, wall", "s", [r.wall for r in read], rows=rows)
    for broker in ("embedded", "real"):
        shape = {"broker": broker, "partitions": PARTITIONS, "rows": rows}
        w, o = write[broker], ours[broker]
        recorder.add("copy: writing floor, CPU", "s", [x["cpu_s"] for x in w], **shape)
        recorder.add("copy: rowcast, CPU", "s", [x.cpu for x in o], **shape)
        recorder.add("copy: rowcast, wall", "s", [x.wall for x in o], **shape)
        recorder.add("copy: rowcast, CPU per row", "us", [x.cpu / rows * 1e6 for x in o], **shape)
        recorder.add("copy: rowcast, peak resident memory", "MiB", [x.rss_kib / 1024 for x in o],
                     ("<=", 64) if broker == "real" else None, **shape)
        recorder.add("copy: CPU, rowcast / (reading + writing floor)", "ratio",
                     [x.cpu / (r.cpu + y["cpu_s"]) for x, y, r in zip(o, w, read)], ("<=", 1.6), **shape)


def sizes(s, recorder, rounds, server):
    """The rate by size, without what a start costs: that is a copy of the small tables' first one."""
    rates = {}
    start = statistics.median(copy_of(s, server, "small.t0", "embedded").wall for _ in range(3))
    for database, rows in (("one_tenth", s.copy_rows // 10), ("one", s.copy_rows), ("five", s.copy_rows * 5)):
        for i in range(min(rounds, 3)):
            say(f"copy: rate at {rows:,} rows, round {i + 1}")
            rates.setdefault(database, []).append(rows / max(copy(s, server, database, "embedded").wall - start, 0.001))
        recorder.add("copy: rows a second", "1/s", rates[database], rows=rows, broker="embedded")
    recorder.add("copy: rate of the largest / of the smallest", "ratio",
                 [b / a for a, b in zip(rates["one_tenth"], rates["five"])], (">=", 0.8), broker="embedded")


def small_tables(s, recorder, rounds, server):
    tables = _small_tables(s.copy_rows)
    runs, asked = [], []
    for _ in range(min(rounds, 3)):
        say(f"copy: {tables:,} small tables")
        before = _questions(server)
        runs.append(copy(s, server, "small", "real"))
        asked.append((_questions(server) - before) / tables)
    one = copy_of(s, server, "small.t0", "real")
    shape = {"broker": "real", "tables": tables}
    recorder.add("copy: small tables, wall", "s", [r.wall for r in runs], **shape)
    recorder.add("copy: small tables, CPU", "s", [r.cpu for r in runs], **shape)
    recorder.add("copy: small tables, peak resident memory", "MiB", [r.rss_kib / 1024 for r in runs], **shape)
    recorder.add("copy: memory a small table", "KiB", [(r.rss_kib - one.rss_kib) / tables for r in runs], **shape)
    recorder.add("copy: statements a small table", "1", asked, tables=tables)


def _questions(server):
    with server.connect() as c:
        return int(c.text("SHOW GLOBAL STATUS LIKE 'Questions'")[0][1])


def writers(s, recorder, rounds, server):
    """Transactions of sysbench on the tables that are copied; everything shares the cores."""
    size = s.copy_rows * 5 // COPY_TABLES
    alone, beside = [], []
    for i in range(min(rounds, 3)):
        say(f"copy: writers' throughput, round {i + 1}")
        alone.append(_transactions(server, size))
        process = s.start(s.task(server, s.kafka.brokers, s.new_topic("bench-copy"), ["five.*"], start=None,
                                 phases=["full", "incremental"]), server)
        time.sleep(0.3)
        beside.append(_transactions(server, size))
        process.signal(15)
        done = process.wait(60)
        if done.code != 0:
            raise SystemExit(f"error: rowcast ended with {done.code}\n{process.tail()}")
        s.drop_topics()
    recorder.add("copy: writers alone", "tx/s", alone)
    recorder.add("copy: writers during the copy", "tx/s", beside)
    recorder.add("copy: writers during / alone", "ratio", [b / a for a, b in zip(alone, beside)])


def _transactions(server, size):
    out = _sysbench(server, "five", size, f"--time={WRITE_SECONDS}", "--events=0", "oltp_write_only", "run", out=subprocess.PIPE)
    return float(re.search(r"transactions:\s+\d+\s+\(([\d.]+) per sec", out).group(1))


def run(s, recorder, rounds):
    server = prepared(s)
    _ = s.kafka
    floors(s, recorder, rounds, server)
    sizes(s, recorder, rounds, server)
    small_tables(s, recorder, rounds, server)
    writers(s, recorder, rounds, server)
