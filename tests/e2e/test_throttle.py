"""Throttles hold their rate, in both phases and while they are changed; a busy source pauses the copy."""

import re
import time
import unittest

from lib import servers
from lib.case import LONG, EndToEnd, note
from lib.task import PATIENCE, SANITIZED
from lib.web import LISTEN, Web

EXACT = 0.05 if not SANITIZED else 0.25  # a sanitizer makes everything slower


class Throttled(EndToEnd):
    seconds = 120

    def started(self, server, **keys):
        self.made = self.task(server, http=LISTEN, **keys)
        process = self.made.start()
        return process, Web(process)

    def assert_rate(self, web, wanted, amount, what, settle=1.0, seconds=4.0):
        """amount(task) grows by so much a second; on a machine that has other things to do, too, in one of three looks, each longer than the one before."""
        time.sleep(settle)
        for look in range(3):
            first, began = amount(web.task()), time.monotonic()
            time.sleep(seconds * (look + 1))
            rate = (amount(web.task()) - first) / (time.monotonic() - began)
            note(f"{what}: {wanted} a second wanted, {rate:.0f} seen, {(rate / wanted - 1) * 100:+.1f} %")
            if abs(rate - wanted) <= wanted * EXACT:
                return
        self.assertAlmostEqual(rate, wanted, delta=wanted * EXACT, msg=what)


class Throttle(Throttled):
    def test_of_the_stream(self):
        server = servers.mysql()
        c = self.create(server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200))")
        start = server.position()
        c.run("INSERT INTO item (name) VALUES " + ",".join(f"('{'x' * 190}')" for _ in range(100)))
        for _ in range(9):
            c.run("INSERT INTO item (name) SELECT name FROM item LIMIT 30000")
        process, web = self.started(server, source={"start": start}, throttle={"incremental": {"rows": 2000}})
        web.wait_state("streaming", 20)
        rows = lambda task: task["totals"]["rows"]  # noqa: E731
        self.assert_rate(web, 2000, rows, "rows of the stream")
        shown = web.task()
        self.assertTrue(shown["throttle"]["incremental"]["holding"])
        # Its rows are young: first it counts as caught up.
        servers.wait_for(lambda: "throttle" in web.task()["advice"], 20, "the advice")
        web.throttle(incremental={"rows": 4000})
        self.assert_rate(web, 4000, rows, "rows of the stream, changed")
        web.throttle(incremental={"rows": 0, "bytes": 500_000})
        # A row of 190 characters takes 1 + 4 + 2 + 190 bytes; an event of 8 KB has 20 for itself.
        self.assert_rate(web, 500_000, lambda task: rows(task) * 197.8, "bytes of the stream")
        web.throttle(incremental={"rows": 0, "bytes": 0})
        web.wait_state("caught-up", 30)
        self.assertEqual(web.task()["totals"]["rows"], 51200)
        self.assertGreater(web.page().value("rowcast_throttle_held_seconds_total", phase="incremental"), 10)
        self.assertEqual(process.stop(), 0, process.tail())

    def test_of_the_copy(self):
        server = servers.mysql()
        c = self.create(server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200) CHARACTER SET ascii)")
        c.run("INSERT INTO item (name) VALUES " + ",".join(f"('{'x' * 190}')" for _ in range(100)))
        for _ in range(10):
            c.run("INSERT INTO item (name) SELECT name FROM item LIMIT 50000")
        count = int(c.run("SELECT COUNT(*) FROM item")[0][0])
        c.run("ANALYZE TABLE item")
        process, web = self.started(server, phases=["full", "incremental"], full={"chunk_rows": 50}, throttle={"full": {"rows": 600}})
        web.wait_state("copying", 20)
        rows = lambda task: task["copy"][0]["rows"]  # noqa: E731
        self.assert_rate(web, 600, rows, "rows of the copy")
        self.assertTrue(web.task()["throttle"]["full"]["holding"])
        web.throttle(full={"rows": 1200})
        self.assert_rate(web, 1200, rows, "rows of the copy, changed")
        web.throttle(full={"rows": 0, "bytes": 150_000})
        # What the server sends for a row: the packet's head, the row's (4 + 2), the key, a length and 190 characters.
        self.assert_rate(web, 150_000, lambda task: rows(task) * self.copied_row_bytes, "bytes of the copy")
        web.throttle(full={"rows": 0, "bytes": 0, "queries": 30})
        # A chunk is two statements: one for its end, one for its rows.
        self.assert_rate(web, 30, lambda task: rows(task) / 50 * 2, "queries of the copy")
        web.throttle(full={"queries": 0})
        web.wait_state("caught-up", 60)
        page = web.page()
        self.assertEqual(page.value("rowcast_copy_rows_total", table=f"{self.database}.item"), count)
        self.assertGreater(page.value("rowcast_throttle_held_seconds_total", phase="full"), 10)
        self.assertEqual(process.stop(), 0, process.tail())
        self.assertEqual(len({m.key for m in self.messages()}), count)

    copied_row_bytes = 2 + 4 + 1 + 190


class Protect(Throttled):
    """throttle.protect: the copy waits while a server is busy, says why, and goes on by itself."""

    def copying(self, server, user, **protect):
        c = self.create(server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, v INT)", "CREATE TABLE busy (id INT PRIMARY KEY, v INT)")
        c.run("INSERT INTO item (v) VALUES " + ",".join("(1)" for _ in range(1000)))
        for _ in range(5):
            c.run("INSERT INTO item (v) SELECT v FROM item")
        c.run("INSERT INTO busy VALUES (1,0)")
        process, web = self.started(server, source={"user": user}, phases=["full", "incremental"], full={"chunk_rows": 100}, throttle={"full": {"rows": 1000}, "protect": protect})
        web.wait_state("copying", 20)
        return c, process, web

    def rows(self, web):
        return sum(t["rows"] for t in web.task()["copy"])

    def assert_goes_on(self, web, seconds=15):
        before = self.rows(web)
        servers.wait_for(lambda: self.rows(web) > before + 500, seconds * PATIENCE, "rows of the copy")
        self.assertEqual(web.task()["cause"], "")

    def assert_waits(self, web, pattern):
        task = servers.wait_for(lambda: web.task()["cause"] and web.task(), 15 * PATIENCE, "the copy to wait")
        self.assertEqual(task["state"], "copying")
        self.assertRegex(task["cause"], pattern)
        time.sleep(0.5)  # what was being read is handed over
        before = self.rows(web)
        time.sleep(1)
        self.assertEqual(self.rows(web), before)

    def finish(self, process, web, times):
        web.throttle(full={"rows": 0})
        web.wait_state("caught-up", 60)
        self.assertEqual(len(re.findall(r"\bcopy\.paused\b", process.log())), times)
        self.assertEqual(len(re.findall(r"\bcopy\.resumed\b", process.log())), times)
        self.assertNotIn("copy.unwatched", process.log())
        self.assertEqual(process.stop(), 0, process.tail())
        self.assertEqual(len({m.key for m in self.messages()}), 32001)

    def account(self, server):
        user = f"p_{self.token}"
        with server.connect() as c:
            c.run(f"CREATE USER {user} IDENTIFIED BY 'rowcast-pw'; GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT, PROCESS ON *.* TO {user}")
        return user

    def test_history_and_threads(self):
        server = servers.mysql("protect")  # of these two alone, so that it is busy when it is told to be
        with server.connect() as c:
            length = int(c.run("SELECT COUNT FROM information_schema.INNODB_METRICS WHERE NAME='trx_rseg_history_len'")[0][0])
        c, process, web = self.copying(server, self.account(server), history_length=length + 400, threads_running=8)
        self.assert_goes_on(web)
        # A reader that keeps its snapshot keeps the purge from going on.
        with server.connect(self.database) as reader:
            reader.run("SET SESSION transaction_isolation='REPEATABLE-READ'; START TRANSACTION WITH CONSISTENT SNAPSHOT; SELECT * FROM busy")
            for _ in range(600):
                c.run("UPDATE busy SET v = v + 1")
            self.assert_waits(web, rf":{server.port}: history_length is \d+, the limit {length + 400}")
            reader.run("ROLLBACK")
        if not LONG:
            c.run("SET GLOBAL innodb_purge_rseg_truncate_frequency=1")  # else the list of an idle server stays as long as it is
        c.run("UPDATE busy SET v = 0")
        self.assert_goes_on(web, 30)
        sleepers = [server.connect() for _ in range(9)]
        for s in sleepers:
            s.send("SELECT SLEEP(6)")
        self.assert_waits(web, rf":{server.port}: threads_running is \d+, the limit 8")
        for s in sleepers:
            s.close()
        self.assert_goes_on(web, 30)
        self.finish(process, web, 2)

    def test_a_replica_that_lags(self):
        server = servers.mysql("protect")
        with servers.OwnServer("mysql", "--server-id=77") as replica:
            user = self.account(server)
            with replica.connect() as r:
                r.run(f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY 'rowcast-pw'; GRANT ALL ON *.* TO {user}")
                with server.connect() as c:
                    executed = c.one("SELECT @@gtid_executed").replace("\n", "")
                r.run(f"RESET BINARY LOGS AND GTIDS; SET GLOBAL gtid_purged='{executed}'")
                r.run(f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={server.port}, SOURCE_USER='{user}', SOURCE_PASSWORD='rowcast-pw', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_DELAY=0")
                r.run("START REPLICA")
            c, process, web = self.copying(server, user, replica_lag="2s", replicas=[f"127.0.0.1:{replica.port}"])
            self.assert_goes_on(web)
            with replica.connect() as r:
                r.run("STOP REPLICA SQL_THREAD; CHANGE REPLICATION SOURCE TO SOURCE_DELAY=60; START REPLICA SQL_THREAD")
                c.run("UPDATE busy SET v = 7")
                self.assert_waits(web, rf":{replica.port}: replica_lag is \d+ms, the limit 2000ms")
                r.run("STOP REPLICA SQL_THREAD; CHANGE REPLICATION SOURCE TO SOURCE_DELAY=0; START REPLICA SQL_THREAD")
            self.assert_goes_on(web, 30)
            self.finish(process, web, 1)


if __name__ == "__main__":
    unittest.main()
