"""Every metric held against what was counted, and a real Prometheus that reads them."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest
import urllib.parse
import urllib.request

from lib import servers
from lib.case import EndToEnd, note
from lib.proxy import Proxy
from lib.task import PATIENCE
from lib.web import LISTEN, Web

DOCS = os.path.join(servers.ROOT, "docs")
# What each event's packet has besides the event: its head, and the byte that says "an event follows".
PACKET = 5
BEAT = 120  # a heartbeat's packet is no larger


class Base(EndToEnd):
    seconds = 90

    def setUp(self):
        super().setUp()
        # Of this file alone, so that its binlog holds nothing of other tests.
        self.server = servers.mysql("metrics")

    def started(self, **keys):
        keys.setdefault("http", LISTEN)
        self.made = self.task(self.server, **keys)
        process = self.made.start()
        return process, Web(process)

    def settled(self, web, acknowledged):
        """The page once so many messages are acknowledged, and shown."""
        servers.wait_for(lambda: web.task()["totals"]["acknowledged_messages"] == acknowledged, 20 * PATIENCE, f"{acknowledged} messages")
        time.sleep(0.3)
        return web.page()

    def place(self):
        with self.server.connect() as c:
            row = c.text("SHOW BINARY LOG STATUS")[0]
            return row[0], int(row[1])

    def events(self, start, end):
        """Of the binlog between two places in one file: rows of SHOW BINLOG EVENTS."""
        self.assertEqual(start[0], end[0])
        with self.server.connect() as c:
            found = c.text(f"SHOW BINLOG EVENTS IN '{start[0]}' FROM {start[1]}")
        return [row for row in found if int(row[4]) <= end[1]]


class Metrics(Base):
    def test_changes_messages_and_bytes(self):
        c = self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200))", "CREATE TABLE other (id INT PRIMARY KEY, v INT)")
        objects = [{"table": f"{self.database}.{t}", "topic": f"{self.name}_{t}"} for t in ("item", "other")]
        process, web = self.started(objects=objects)
        web.wait_state("caught-up", 20)
        time.sleep(0.3)
        before, start, began = web.page(), self.place(), time.time()
        for i in range(40):
            c.run(f"INSERT INTO item (name) VALUES ('{'n' * i}')")
        c.run("INSERT INTO item (name) SELECT name FROM item; UPDATE item SET name='u' WHERE id <= 7; DELETE FROM item WHERE id > 75")
        c.run("INSERT INTO other VALUES (1,1),(2,2),(3,3); UPDATE other SET v=9 WHERE id=2")
        rows = {"item": (80, 7, self.value(c, "SELECT 80 - COUNT(*) FROM item")), "other": (3, 1, 0)}
        total = sum(sum(x) for x in rows.values())
        end = self.place()
        after = self.settled(web, total)
        beats = int(time.time() - began) + 3
        events = self.events(start, end)
        read = after.value("rowcast_source_events_total") - before.value("rowcast_source_events_total")
        self.assertTrue(len(events) <= read <= len(events) + beats, f"{read} events, {len(events)} in the binlog, {beats} heartbeats at most")
        size = sum(int(e[4]) - int(e[1]) + PACKET for e in events)
        read = after.value("rowcast_source_bytes_total") - before.value("rowcast_source_bytes_total")
        self.assertTrue(size <= read <= size + beats * BEAT, f"{read} bytes, {size} in the binlog")
        for table, counts in rows.items():
            for op, count in zip(("insert", "update", "delete"), counts):
                self.assertEqual(after.value("rowcast_rows_total", table=f"{self.database}.{table}", op=op), count)
            found = self.messages(f"{self.name}_{table}")
            self.assertEqual(after.value("rowcast_produced_messages_total", topic=f"{self.name}_{table}"), len(found))
            self.assertEqual(len(found), sum(counts))
            self.assertEqual(after.value("rowcast_produced_bytes_total", topic=f"{self.name}_{table}"), sum(len((m.key or "").encode()) + len(m.value.encode()) for m in found))
        self.assertEqual(after.value("rowcast_acknowledged_messages_total"), total)
        self.assertEqual(after.value("rowcast_commit_to_ack_seconds_count"), total)
        took = after.value("rowcast_commit_to_ack_seconds_sum")
        self.assertTrue(0 < took < total * (time.time() - began), f"{took} s for {total} changes")
        self.assertEqual(after.value("rowcast_position_bytes_behind"), 0)
        self.assertLess(after.value("rowcast_lag_seconds"), 2 * PATIENCE)
        self.assertEqual(after.values_of("rowcast_state", state="caught-up"), [1])
        self.assertEqual(sum(after.values_of("rowcast_state")), 1)
        self.assertTrue(set(after.values_of("rowcast_retries_total") + after.values_of("rowcast_reconnects_total")) == {0})
        # and librdkafka's own, every five seconds
        servers.wait_for(lambda: sum(web.page().values_of("rowcast_kafka_requests_total")) > 0, 15 * PATIENCE, "librdkafka's figures")
        page = web.page()
        broker = {"broker": f"{self.kafka.brokers}/1"}
        self.assertEqual(page.value("rowcast_kafka_broker_up", **broker), 1)
        self.assertGreater(page.value("rowcast_kafka_sent_bytes_total", **broker), 0)
        for name in ("request_errors", "request_retries", "request_timeouts", "disconnects"):
            self.assertEqual(page.value(f"rowcast_kafka_{name}_total", **broker), 0)
        self.assertEqual(process.stop(), 0, process.tail())

    @staticmethod
    def value(c, query):
        return int(c.run(query)[0][0])

    def test_bytes_behind_and_memory_while_it_is_held_back(self):
        c = self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name MEDIUMTEXT)")
        process, web = self.started(throttle={"incremental": {"rows": 5}}, limits={"memory": "8MB"})
        web.wait_state("caught-up", 20)
        start = self.place()
        for _ in range(120):
            c.run(f"INSERT INTO item (name) VALUES ('{'x' * 50000}')")
        end = self.place()
        # where each transaction ends, by its number
        ends, number = {}, None
        for event in self.events(start, end):
            named = re.search(r"SET @@SESSION.GTID_NEXT= '[^']*:(\d+)'", event[5])
            number = int(named.group(1)) if named else number
            if event[2] == "Xid":
                ends[number] = int(event[4])
        web.wait_state("streaming", 20)
        servers.wait_for(lambda: web.page().values_of("rowcast_position_bytes_behind") not in ([], [0.0]), 20 * PATIENCE, "the bytes behind")
        compared = 0
        for _ in range(8):
            task = web.task()
            behind, acknowledged = task["lag"]["bytes_behind"], int(re.search(r"(\d+)$", task["positions"]["acknowledged"]).group(1))
            # It is asked for once a second, and shown for five: 5 transactions a second, and the one at hand.
            candidates = [end[1] - ends[n] for n in range(acknowledged - 25 * PATIENCE, acknowledged + 1) if n in ends]
            if candidates and behind is not None:
                self.assertTrue(min(candidates) <= behind <= max(candidates), f"{behind}, and not in {candidates}")
                compared += 1
            time.sleep(0.4)
        self.assertGreater(compared, 4)
        page = web.page()
        pools = {pool: page.value("rowcast_memory_bytes", pool=pool) for pool in ("frames", "packs", "queue")}
        limit = page.value("rowcast_memory_limit_bytes")
        self.assertEqual(limit, 8 << 20)
        self.assertTrue(0 < pools["frames"] <= limit / 2 and pools["frames"] + pools["packs"] <= limit, pools)
        with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
            resident = int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) << 10
        self.assertGreater(resident, pools["frames"] + pools["packs"], "what is in use is resident")
        note(f"behind {page.value('rowcast_position_bytes_behind'):.0f} bytes, pools {pools}, resident {resident}")
        web.throttle(incremental={"rows": 0})
        web.wait_state("caught-up", 30)
        time.sleep(1)
        page = web.page()
        self.assertEqual(page.value("rowcast_position_bytes_behind"), 0)
        self.assertEqual(page.value("rowcast_memory_bytes", pool="queue"), 0)
        self.assertGreater(page.value("rowcast_throttle_held_seconds_total", phase="incremental"), 3)
        self.assertEqual(process.stop(), 0, process.tail())

    def test_the_copy(self):
        c = self.create(self.server, "CREATE TABLE one (id INT PRIMARY KEY AUTO_INCREMENT, v INT)", "CREATE TABLE two (id INT PRIMARY KEY, v INT)", "CREATE TABLE none (id INT PRIMARY KEY)")
        c.run("INSERT INTO one (v) VALUES (1),(2),(3),(4)")
        for _ in range(9):
            c.run("INSERT INTO one (v) SELECT v FROM one")
        c.run("INSERT INTO two VALUES (1,1),(2,2),(3,3)")
        c.run("ANALYZE TABLE one, two, none")
        process, web = self.started(phases=["full", "incremental"])
        web.wait_state("caught-up", 30)
        page = self.settled(web, 2051)
        for table, count in (("one", 2048), ("two", 3), ("none", 0)):
            table = f"{self.database}.{table}"
            self.assertEqual(page.value("rowcast_copy_rows_total", table=table), count)
            estimate = page.value("rowcast_copy_rows_estimate", table=table)
            self.assertTrue(count / 2 <= estimate <= max(count * 2, 10), f"{table}: {estimate}")
        self.assertEqual(page.value("rowcast_produced_messages_total", topic=self.name), 2051)
        self.assertEqual(sum(page.values_of("rowcast_rows_total")), 0, "rows of the copy are no changes")
        self.assertEqual(process.stop(), 0, process.tail())

    def test_what_is_not_sent_as_it_is_counted_by_its_reason(self):
        c = self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY, k INT, n INT, body MEDIUMTEXT)", "CREATE TABLE key_only (id INT PRIMARY KEY, body MEDIUMTEXT)")
        objects = [{"table": f"{self.database}.item", "filter": "k < 100", "dml": ["insert", "update"]}]
        etl = "e_compose(e_if(op_eq(`id`, 7), e_drop()), e_set(`w`, 10 / `n`))"
        process, web = self.started(objects=objects, etl=etl, etl_on_error="skip", destination={"too_large": "skip"})
        web.wait_state("caught-up", 20)
        c.run("INSERT INTO item VALUES (1,1,1,'a'),(10,100,1,'a'),(11,101,1,'a'),(7,1,1,'a'),(2,1,0,'a'),(3,1,0,'a'),(4,1,0,'a'),(5,1,1,REPEAT('x',1200000)); DELETE FROM item WHERE id = 1; INSERT INTO item VALUES (9,1,1,'z')")
        page = self.settled(web, 2)
        found = {reason: page.value("rowcast_skipped_total", reason=reason) for reason in ("filter", "etl", "etl_failed", "too_large", "key_only")}
        # What fails under etl_on_error: skip is dropped, and counts as that, too.
        self.assertEqual(found, {"filter": 3, "etl": 4, "etl_failed": 3, "too_large": 1, "key_only": 0})
        self.assertEqual(process.stop(), 0, process.tail())
        process, web = self.started(name=f"{self.name}_k", objects=[f"{self.database}.key_only"], destination={"too_large": "key-only"})
        web.wait_state("caught-up", 20)
        c.run("INSERT INTO key_only VALUES (1,'a'),(2,REPEAT('x',1200000))")
        page = self.settled(web, 2)
        self.assertEqual([page.value("rowcast_skipped_total", reason=r) for r in ("key_only", "too_large")], [1, 0])
        self.assertEqual(process.stop(), 0, process.tail())

    def test_tries_outages_and_lag(self):
        c = self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200))")
        with Proxy(self.server.port) as proxy:
            process, web = self.started(source={"port": proxy.port})
            for outage in (1, 2):
                web.wait_state("caught-up", 20)
                refused = proxy.refused
                before = web.page().value("rowcast_retries_total", side="source")
                dropped = time.time()
                proxy.refuse = True
                proxy.drop_all()
                web.wait_state("retrying", 10)
                c.run("INSERT INTO item (name) VALUES ('late')")
                committed = time.time()
                time.sleep(1.5)
                page, now = web.page(), time.time()
                lag = page.value("rowcast_lag_seconds")
                # All up to the last heartbeat, a second before the link broke at most, is known to be there.
                self.assertTrue(now - committed - 0.5 <= lag <= now - dropped + 2 * PATIENCE, f"{lag} s, {now - committed} s after the commit")
                self.assertEqual(page.value("rowcast_state", state="retrying"), 1)
                proxy.refuse = False
                web.post("retry")
                self.settled(web, outage)
                page = web.page()
                tries = page.value("rowcast_retries_total", side="source") - before
                # The link that broke is the first failure, the refusals are the others; but for those of the
                # session that asks how much lies behind, once a second at most where the lag is over two.
                self.assertIn(proxy.refused - refused + 1 - tries, range(0, 1 + int(time.time() - dropped)))
                self.assertEqual(page.value("rowcast_reconnects_total", side="source"), outage)
                self.assertEqual(page.value("rowcast_reconnects_total", side="destination"), 0)
            self.assertEqual(process.stop(), 0, process.tail())


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Prometheus:
    """A real one, which looks at one address every second and has our rules, in a hurry."""

    def __init__(self, folder, target):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        with open(os.path.join(DOCS, "prometheus", "rules.yaml"), encoding="utf-8") as f:
            rules = re.sub(r"\bfor: \d+[smh]", "for: 1s", f.read())
        with open(os.path.join(folder, "rules.yaml"), "w", encoding="utf-8") as f:
            f.write(rules)
        with open(os.path.join(folder, "prometheus.yaml"), "w", encoding="utf-8") as f:
            json.dump({
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": ["rules.yaml"],
                "scrape_configs": [{"job_name": "rowcast", "static_configs": [{"targets": [target]}]}],
            }, f)
        self.log = open(os.path.join(folder, "prometheus.log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [shutil.which("prometheus") or "prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{self.port}"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def get(self, path, **parameters):
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=20) as answer:
            return json.load(answer)["data"]

    def target(self):
        try:
            return next(iter(self.get("targets")["activeTargets"]), None)
        except OSError:
            return None

    def firing(self):
        return {a["labels"]["alertname"] for a in self.get("alerts")["alerts"] if a["state"] == "firing"}

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.log.close()


class RealPrometheus(Base):
    def dashboard(self):
        """The queries of the dashboard, as Prometheus gets them."""
        with open(os.path.join(DOCS, "prometheus", "grafana.json"), encoding="utf-8") as f:
            panels = json.load(f)["panels"]
        queries = [t["expr"] for p in panels for t in p.get("targets", [])]
        return [q.replace("$task", ".*").replace("$__rate_interval", "4s") for q in queries]

    def test_it_reads_all_and_its_alerts_and_dashboard_work(self):
        c = self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200))")
        c.run("INSERT INTO item (name) VALUES ('a'),('b')")
        with Proxy(self.server.port) as proxy:
            process, web = self.started(source={"port": proxy.port}, phases=["full", "incremental"], environment="lab \"x\" \\ y")
            web.wait_state("caught-up", 30)
            prometheus = Prometheus(self.folder(), f"127.0.0.1:{web.port}")
            self.addCleanup(prometheus.close)
            for i in range(100):
                c.run(f"INSERT INTO item (name) VALUES ('{i}')")
            target = servers.wait_for(lambda: (prometheus.target() or {}).get("lastScrape", "0")[:1] != "0" and prometheus.target(), 30 * PATIENCE, "the first scrape")
            servers.wait_for(lambda: prometheus.target()["health"] == "up", 10, "a good scrape")
            self.assertEqual(prometheus.target()["lastError"], "", target)
            servers.wait_for(lambda: sum(web.page().values_of("rowcast_kafka_requests_total")) > 0, 15 * PATIENCE, "librdkafka's figures")
            time.sleep(5)  # rates want some scrapes
            page = web.page()
            scraped = prometheus.get("query", query="scrape_samples_scraped")["result"][0]["value"][1]
            self.assertEqual(int(scraped), len(page.samples()))
            described = {m["metric"]: m for m in prometheus.get("targets/metadata")}
            for name, family in page.items():
                self.assertEqual((described[name]["type"], described[name]["help"]), (family.kind, family.help))
            labels = prometheus.get("query", query="rowcast_lag_seconds")["result"][0]["metric"]
            self.assertEqual((labels["task"], labels["environment"]), (self.name, 'lab "x" \\ y'))
            self.assertGreaterEqual(float(prometheus.get("query", query="sum(rowcast_rows_total)")["result"][0]["value"][1]), 100)
            for query in self.dashboard():
                self.assertTrue(prometheus.get("query", query=query)["result"], f"nothing is found for {query}")
            self.assertEqual(prometheus.firing(), set())
            # a source that is away
            proxy.refuse = True
            proxy.drop_all()
            servers.wait_for(lambda: "RowcastRetrying" in prometheus.firing(), 20 * PATIENCE, "the alert")
            proxy.refuse = False
            web.post("retry")
            servers.wait_for(lambda: not prometheus.firing(), 30 * PATIENCE, "its end")
            rules = [r for g in prometheus.get("rules")["groups"] for r in g["rules"]]
            self.assertGreater(len(rules), 5)
            self.assertEqual({(r["health"], r.get("lastError", "")) for r in rules}, {("ok", "")})
            # an end
            self.assertEqual(process.stop(), 0, process.tail())
            servers.wait_for(lambda: "RowcastDown" in prometheus.firing(), 20 * PATIENCE, "the alert")


if __name__ == "__main__":
    unittest.main()
