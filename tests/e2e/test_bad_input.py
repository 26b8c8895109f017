"""What is wrong from outside ends, or is tried again, with one clear sentence and the right exit
code, and loses nothing."""

import os
import re
import subprocess
import time
import unittest

from lib import servers
from lib.case import EndToEnd
from lib.task import PROGRAM

CONFIGURATION, PRECHECK, SOURCE, DESTINATION, DATA, STATE = 2, 3, 4, 5, 7, 8


class BadInput(EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    def simple(self, server=None):
        return self.create(server or self.server, "CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)")

    def ends(self, task, code, pattern, *arguments, seconds=30, **more):
        process = task.run(*arguments, seconds=seconds, **more)
        self.assertEqual(process.code, code, process.tail())
        lines = [line for line in process.log().splitlines() if re.search(pattern, line) and "precheck.warning" not in line]
        self.assertEqual(len(lines), 1, f"one sentence with {pattern!r}:\n{process.tail()}")
        return process


class Source(BadInput):
    def test_wrong_password(self):
        self.simple()
        process = self.ends(self.task(self.server), SOURCE, r"(?i)access denied.*password", password="sesame-9")
        self.assertNotIn("sesame", process.log())

    def test_unknown_user(self):
        self.simple()
        self.ends(self.task(self.server, source={"user": "nobody"}), SOURCE, r"(?i)access denied.*nobody")

    def test_unknown_host(self):
        """Tried again within retry.connection, and SIGTERM ends the waiting."""
        self.simple()
        process = self.task(self.server, source={"host": "no-such-host.invalid"}).start()
        process.wait_log(r"source\.\w+ .*no-such-host\.invalid", 20)
        time.sleep(1)
        self.assertTrue(process.alive())
        self.assertEqual(process.stop(10), 0, process.tail())

    def test_nobody_listens(self):
        """The source comes up while it is waited for."""
        with servers.OwnServer("mysql") as server:
            c = self.simple(server)
            task = self.task(server, start=server.position())
            c.run("INSERT INTO t VALUES (1, 'x')")
            server.stop()
            process = task.start()
            process.wait_log(r"source\.\w+ .*(refused|reach)", 20)
            server.start()
            self.follow().wait_count(1, 30)
            self.assertEqual(process.stop(), 0, process.tail())

    def test_no_privilege_to_replicate(self):
        self.simple()
        with self.server.connect() as c:
            c.run("CREATE USER IF NOT EXISTS reader IDENTIFIED BY 'rowcast-pw'; GRANT SELECT ON *.* TO reader")
        self.ends(self.task(self.server, source={"user": "reader"}), SOURCE, r"REPLICATION (SLAVE|CLIENT)")

    def test_no_privilege_to_select(self):
        self.simple()
        with self.server.connect() as c:
            c.run("CREATE USER IF NOT EXISTS blind IDENTIFIED BY 'rowcast-pw'; GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO blind")
        process = self.task(self.server, source={"user": "blind"}).run("--until", "caught-up")
        # Without SELECT the tables are not to be seen; that nothing is selected is said, at least.
        self.assertRegex(process.log(), r"(?i)select|no table|objects\.none", process.tail())

    def test_no_privilege_on_mariadb(self):
        server = servers.mariadb()
        self.simple(server)
        with server.connect() as c:
            c.run("CREATE USER IF NOT EXISTS reader IDENTIFIED BY 'rowcast-pw'; GRANT SELECT ON *.* TO reader")
        self.ends(self.task(server, source={"user": "reader"}), SOURCE, r"REPLICATION SLAVE|REPLICATION CLIENT|BINLOG MONITOR")

    def test_binlog_off(self):
        with servers.OwnServer("mysql", "--skip-log-bin") as server:
            self.simple(server)
            self.ends(self.task(server), SOURCE, r"log_bin")

    def test_binlog_off_on_mariadb(self):
        with servers.OwnServer("mariadb", "--skip-log-bin") as server:
            self.simple(server)
            self.ends(self.task(server), SOURCE, r"log_bin")

    def test_statement_format(self):
        with servers.OwnServer("mysql", "--binlog-format=STATEMENT") as server:
            self.simple(server)
            self.ends(self.task(server), SOURCE, r"binlog_format.*STATEMENT|STATEMENT.*binlog_format")

    def test_a_session_that_logs_statements(self):
        """A change of a selected table that came as a statement cannot be carried, and is not passed over."""
        c = self.simple()
        task = self.task(self.server, start=self.server.position())
        c.run("SET SESSION binlog_format=STATEMENT; INSERT INTO t VALUES (1, 'x')")
        self.ends(task, DATA, r"(?i)statement", "--until", "caught-up")

    def test_rows_of_a_table_that_is_gone(self):
        c = self.simple()
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (1, 'x'); DROP TABLE t")
        self.ends(task, DATA, rf"{self.database}\.t", "--until", "caught-up")

    def test_a_text_that_is_not_valid(self):
        """Bytes that are no characters of their column's set: refused, or replaced where asked for."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET utf8mb4)")
        c.run("CREATE TABLE raw (id INT PRIMARY KEY, v VARBINARY(20)); INSERT INTO raw VALUES (1, x'61ff62')")
        c.run("SET sql_mode=''")
        task = self.task(self.server, objects=[f"{self.database}.t"], start=self.server.position())
        try:
            c.run("ALTER TABLE raw RENAME TO t2; INSERT IGNORE INTO t SELECT id, v FROM t2")
        except Exception as failure:  # noqa: B902
            self.fail(failure)
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["t"])


class Destination(BadInput):
    def test_unknown_topic_with_creation_off(self):
        self.simple()
        self.ends(self.task(self.server, destination={"create_topics": False}), DESTINATION, rf"{self.name}.*(create_topics|not (there|exist))|create_topics.*{self.name}")

    def test_a_topic_that_holds_records(self):
        """A first start does not mix its messages into a topic that others write to."""
        c = self.simple()
        first = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (1, 'x')")
        first.run_until_caught_up()
        keys = {"destination": {"topic": self.name}}
        self.ends(self.task(self.server, name=f"{self.name}_2", **keys), PRECHECK, rf"{self.name}.*existing_topics")
        keys["destination"]["existing_topics"] = "ignore"
        process = self.task(self.server, name=f"{self.name}_3", **keys).start("--until", "caught-up")
        self.assertEqual(process.wait(20), 0, process.tail())

    def test_a_message_over_message_max(self):
        c = self.simple()
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (1, 'small'); INSERT INTO t VALUES (2, REPEAT('x', 1100000)); INSERT INTO t VALUES (3, 'behind')")
        self.ends(task, DATA, rf"{self.database}\.t.*message_max", "--until", "caught-up")
        self.assertLessEqual({m.change["data"][0]["id"] for m in self.messages()}, {"1"})
        task.change(destination={"message_max": "4MB"})
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_a_topic_that_allows_less_than_message_max(self):
        c = self.simple()
        self.kafka.topic_tool("--create", "--topic", self.name, "--partitions", "1", "--config", "max.message.bytes=100000")
        task = self.task(self.server, start=self.server.position())
        c.run(f"INSERT INTO t VALUES (1, '{os.urandom(150_000).hex()}')")
        process = task.run("--until", "caught-up", seconds=30)
        self.assertIn(process.code, (DESTINATION, DATA), process.tail())
        self.assertRegex(process.log(), r"(?i)max\.message\.bytes|too large|message_max")

    def test_partition_count_changed(self):
        c = self.simple()
        task = self.task(self.server, start=self.server.position(), destination={"partitions": 2})
        c.run("INSERT INTO t VALUES (1, 'x')")
        task.run_until_caught_up()
        self.kafka.topic_tool("--alter", "--topic", self.name, "--partitions", "5")
        c.run("INSERT INTO t VALUES (2, 'x')")
        self.ends(task, DESTINATION, rf"{self.name}.*2.*5|{self.name}.*5.*2", "--until", "caught-up")

    def test_brokers_that_are_not_there(self):
        c = self.simple()
        process = self.task(self.server, brokers="127.0.0.1:1", start=self.server.position()).start()
        c.run("INSERT INTO t VALUES (1, 'x')")
        process.wait_log(r"(destination|kafka)\.\w+ .*", 20)
        time.sleep(1)
        self.assertTrue(process.alive(), process.tail())
        self.assertEqual(process.stop(15), 0, process.tail())


class State(BadInput):
    def test_a_second_process_on_the_same_folder(self):
        self.simple()
        task = self.task(self.server)
        first = task.start()
        first.wait_streaming()
        self.ends(task, STATE, r"(?i)another process|in use|locked")
        self.assertTrue(first.alive())
        self.assertEqual(first.stop(), 0, first.tail())

    def test_a_full_disk_under_the_checkpoint(self):
        if os.getuid() != 0:
            self.fail("needs root, to mount a file system of its own")
        folder = self.folder()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)
        c = self.simple()
        task = self.task(self.server, start=self.server.position(), state_dir=os.path.join(folder, "state"))
        c.run("INSERT INTO t VALUES (1, 'x')")
        self.ends(task, STATE, r"(?i)checkpoint.*(room|space)", "--until", "caught-up")
        subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_a_disk_that_fills_up_under_way(self):
        """Whatever the disk does, what is not in the log is sent again."""
        if os.getuid() != 0:
            self.fail("needs root, to mount a file system of its own")
        folder = self.folder()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)
        c = self.simple()
        task = self.task(self.server, start=self.server.position(), state_dir=os.path.join(folder, "state"))
        c.run("INSERT INTO t VALUES (1, 'x')")
        task.run_until_caught_up()
        subprocess.run(["dd", "if=/dev/zero", f"of={folder}/filler", "bs=64k"], check=False, capture_output=True)
        c.script(f"INSERT INTO t VALUES ({i}, 'y')" for i in range(2, 200))
        process = task.run("--until", "caught-up")
        self.assertIn(process.code, (0, STATE), process.tail())
        os.unlink(f"{folder}/filler")
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_a_damaged_checkpoint(self):
        c = self.simple()
        task = self.task(self.server, start=self.server.position())
        for i in range(3):
            c.run(f"INSERT INTO t VALUES ({i}, 'x')")
            task.run_until_caught_up()
        logs = sorted(os.path.join(task.state, n) for n in os.listdir(task.state) if os.path.getsize(os.path.join(task.state, n)) > 1000)
        with open(logs[-1], "r+b") as f:
            data = f.read(4096)
            f.seek(200)
            f.write(bytes(b ^ 0x55 for b in data[200:216]))
        self.ends(task, STATE, r"is damaged at byte", "--until", "caught-up")

    def test_state_of_another_task(self):
        c = self.simple()
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (1, 'x')")
        task.run_until_caught_up()
        other = self.task(self.server, name=f"{self.name}_other", state_dir=task.state)
        process = other.run("--until", "caught-up")
        self.assertIn(process.code, (CONFIGURATION, STATE), process.tail())
        self.assertRegex(process.log(), self.name)


class Configuration(BadInput):
    TEXT = """task: t
state_dir: {folder}/state
source: {{host: 127.0.0.1, port: {port}, user: rowcast}}
destination: {{brokers: ["{brokers}"], topic: {topic}}}
objects: [{{table: shop.*}}]
{more}
"""

    def configured(self, more, code, *patterns):
        task = self.task(self.server)
        task.write_text(self.TEXT.format(folder=task.folder, port=self.server.port, brokers=self.kafka.brokers, topic=self.name, more=more))
        process = task.run(seconds=15)
        self.assertEqual(process.code, code, process.log())
        for pattern in patterns:
            self.assertRegex(process.log(), pattern)

    def test_mistakes_of_every_kind(self):
        self.configured("retries: {connection: 20m}", CONFIGURATION, r"task\.yaml:6:1: .*retries.*retry")
        self.configured("retry: {connection: 20m, other: 30m}", CONFIGURATION, r"retry\.other")
        self.configured("retry: {connection: 5m}", CONFIGURATION, r"10m")
        self.configured("limits: {lanes: many}", CONFIGURATION, r"limits\.lanes|lanes")
        self.configured("skip_checks: [CHECK_ROW_METADATE]", CONFIGURATION, r"task\.yaml:6:\d+: .*CHECK_ROW_METADATE: is CHECK_ROW_METADATA meant")
        self.configured("skip_checks: [CHECK_LOG_BIN]", CONFIGURATION, r"CHECK_LOG_BIN cannot be left out: changes come from the binary log alone")
        self.configured("canal: {enum: both, binary: raw}", CONFIGURATION, r"enum", r"binary")
        self.configured("log: [", CONFIGURATION, r"task\.yaml:\d+:\d+")

    def rules(self, objects, etl=None):
        """What `config` says of a task file with these rules, which takes no server."""
        task = self.task(self.server, objects=objects, **({"etl": etl} if etl is not None else {}))
        process = task.run(command="config", seconds=20)
        self.assertEqual(process.code, CONFIGURATION, process.tail())
        return process.log()

    def test_rules_that_do_not_parse(self):
        """Each error with its place and a caret under it, all of them at once."""
        entries = [{"table": f"shop.t{i}", "filter": text} for i, text in enumerate((
            "id > 1;", "id in (select id from other)", "other.id = 1", "lowr(v) = 'x'", "id > > 1", "(" * 10_000 + "id" + ")" * 10_000,
            "exists (select 1)", "v = 'open"))]
        log = self.rules(entries + [{"table": "/(shop/"}, {"table": "shop.u", "add_columns": [{"name": "a", "type": "int", "value": "str_lowr(`v`)"}]}],
                         "e_compose(e_iff(op_eq(`a`, 1), e_drop()), e_set(`b`, str_masc(`b`, 1, 2, '*')))")
        for words in (r"line 1, column 7: a ; has no place here", r"column 8: a subquery has no place here", r"column 6: a column is named without its table",
                      r"column 1: there is no function lowr: is lower meant\?", r"column 6: a value is expected, not >", r"nested too deeply: 256 levels are the most",
                      r"column 1: a subquery", r"column 5: this string has no closing '", r"\(shop.*regular expression", r"is str_lower meant\?",
                      r"etl, line 1, column 11: there is no function e_iff: is e_if meant\?", r"str_masc: is str_mask meant\?"):
            self.assertRegex(log, words)
        places = re.findall(r"task\.yaml:(\d+)(?::\d+)?: error: (objects\[\]\.\w+|etl), line", log)
        self.assertGreaterEqual(len(places), 11, log)
        self.assertGreaterEqual(len(re.findall(r"^ +\^$", log, re.MULTILINE)), 11, log)

    def test_a_script_of_a_megabyte(self):
        log = self.rules(["shop.*"], "e_drop()" + " " * 2**20)
        self.assertRegex(log, r"is larger than 1048576 bytes")
        log = self.rules(["shop.*"], "e_drop()" + " " * 900_000)
        self.assertRegex(log, r"an expression of 900008 bytes is too long: 262144 are the most")
        self.assertLess(len(log), 5000)
        self.rules(["shop.*"], "e_compose(" + ", ".join(["e_drop()"] * 20_000) + ")")

    def test_a_regex_that_backtracks_without_end(self):
        c = self.create(self.server, "CREATE TABLE " + "b" * 60 + " (id INT PRIMARY KEY, v VARCHAR(100))")
        task = self.task(self.server, [f"/{self.database}\\.(b|bb|(b*b)+)+[cd]/"], phases=["full"])
        self.assert_ends(task.start(), CONFIGURATION, r"cannot be decided for .*make it simpler")
        c.run("INSERT INTO " + "b" * 60 + " VALUES (1, repeat('b', 60))")
        task = self.task(self.server, name=f"{self.name}_2", phases=["full"], etl="e_keep(regex_match(`v`, '(b|bb|(b*b)+)+[cd]'))")
        self.assert_ends(task.start(), DATA, r"pattern .*backtracks|too many steps|gives up")

    def test_rules_without_meaning_for_a_table(self):
        """All at the start, before anything is sent."""
        self.create(self.server, "CREATE TABLE a (id INT PRIMARY KEY, d DATE)", "CREATE TABLE b (id INT PRIMARY KEY, secret INT)")
        process = self.task(self.server, [
            {"table": f"{self.database}.a", "filter": "nothing = 1 and missing > 2", "columns": {"rename": {"id": "d"}}, "partition_key": ["gone"]},
            {"table": f"{self.database}.b", "columns": {"exclude": ["secrt"]}, "filter": "id = 'x' or d = 1"},
        ], etl="e_if(op_eq(__TB__, 'a'), e_set(`e`, `lost`))").run(seconds=30)
        self.assertEqual(process.code, CONFIGURATION, process.tail())
        for words in ("no column `nothing`", "no column `missing`", "would be sent as d", "no column gone", "has a column secrt", "no column `d`", "no column `lost`"):
            self.assertIn(words, process.log())

    def test_wrong_use(self):
        for arguments in (["run"], ["runn", "x.yaml"], ["run", "/does/not/exist.yaml"], ["run", "x.yaml", "--until", "never"], ["--nonsense"]):
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=20)
            self.assertEqual(done.returncode, CONFIGURATION, (arguments, done.stderr))
            self.assertNotEqual(done.stderr, b"")

    def test_version_and_config(self):
        done = subprocess.run([PROGRAM, "version"], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"\d+\.\d+\.\d+")
        task = self.task(self.server)
        task.change(source={"password": "hush-hush"})
        process = task.run(command="config", seconds=15)
        self.assertEqual(process.code, 0, process.log())
        self.assertNotIn(b"hush-hush", process.output)
        self.assertIn(b"****", process.output)
        example = subprocess.run([PROGRAM, "config", "--example"], capture_output=True, text=True, timeout=20)
        self.assertEqual(example.returncode, 0)
        self.assertIn("objects:", example.stdout)

    def test_overrides(self):
        c = self.simple()
        task = self.task(self.server, start=self.server.position(), source={"port": 1})
        c.run("INSERT INTO t VALUES (1, 'x')")
        process = task.run("--until", "caught-up", "--override", f"source.port={self.server.port}", "--override", "destination.partitions=3")
        self.assertEqual(process.code, 0, process.tail())
        self.assertEqual(len(self.messages()), 1)

    def test_no_table_is_selected(self):
        """A pattern that matches nothing is worth a word: tables may come later."""
        self.create(self.server)
        process = self.task(self.server).start()
        process.wait_log("objects.none", 20)
        with self.server.connect(self.database) as c:
            process.wait_streaming()
            c.run("CREATE TABLE late (id INT PRIMARY KEY); INSERT INTO late VALUES (1)")
        self.follow().wait_count(1, 15)
        self.assertEqual(process.stop(), 0, process.tail())


class Until(BadInput):
    def test_until_a_time(self):
        c = self.simple()
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (1, 'x'); DO SLEEP(1.1)")
        moment = c.one("SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%sZ')")
        c.run("DO SLEEP(1.1); INSERT INTO t VALUES (2, 'x')")
        process = task.run("--until", moment)
        self.assertEqual(process.code, 0, process.tail())
        self.assertEqual([m.change["data"][0]["id"] for m in self.messages()], ["1"])
        # One that no change is behind: the source is idle past it.
        moment = c.one("SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%sZ') FROM (SELECT SLEEP(1.1)) s")
        process = task.run("--until", moment)
        self.assertEqual(process.code, 0, process.tail())
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_until_a_position(self):
        c = self.simple()
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (1, 'x')")
        position = self.server.position()
        c.run("INSERT INTO t VALUES (2, 'x')")
        process = task.run("--until", position)
        self.assertEqual(process.code, 0, process.tail())
        self.assertEqual([m.change["data"][0]["id"] for m in self.messages()], ["1"])
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["t"])


if __name__ == "__main__":
    unittest.main()
