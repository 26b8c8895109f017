"""The precheck: each fault is made, found with what mends it, mended as printed, and found no more.

TESTS names the test of each item; after that test the item must have been
seen with its fault, and then without. What cannot be made here is stood in
for, and docs/testing.md says by what.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import unittest

from lib import servers
from lib.case import EndToEnd
from lib.proxy import Proxy
from lib.skew import Skew
from lib.sql import Background
from lib.task import PROGRAM
from lib.web import LISTEN, Web

FAILED = 3
TOOLS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
}


TESTS = {
    "CHECK_CONN_SRC": "Source.test_no_connection",
    "CHECK_SRC": "Source.test_what_a_server_is_made_of",
    "CHECK_PRIVILEGE_SRC": "Source.test_privileges",
    "CHECK_LOG_BIN": "Source.test_settings_that_a_new_start_mends",
    "CHECK_SERVER_ID": "Source.test_settings_that_a_new_start_mends",
    "CHECK_BINLOG_FORMAT": "Source.test_settings_that_a_statement_mends",
    "CHECK_ROW_IMAGE": "Source.test_settings_that_a_statement_mends",
    "CHECK_ROW_METADATA": "Source.test_settings_that_a_statement_mends",
    "CHECK_BINLOG_RETENTION": "Source.test_settings_that_a_statement_mends",
    "CHECK_SYNC_BINLOG": "Source.test_settings_that_a_statement_mends",
    "CHECK_BINLOG_FILTER": "Source.test_settings_that_a_new_start_mends",
    "CHECK_GTID_MODE": "Source.test_settings_that_a_statement_mends",
    "CHECK_TOPOLOGY": "Source.test_settings_that_a_new_start_mends",
    "CHECK_TRANSACTION_COMPRESSION": "Source.test_settings_that_a_new_start_mends",
    "CHECK_CLOCK": "Source.test_a_clock_that_is_wrong",
    "CHECK_ENCRYPTION": "Source.test_what_a_server_is_made_of",
    "CHECK_ENGINE": "Source.test_tables",
    "CHECK_KEY": "Source.test_tables",
    "CHECK_INVISIBLE_COLUMNS": "Source.test_tables",
    "CHECK_CHARSET": "Source.test_what_a_server_is_made_of",
    "CHECK_FOREIGN_KEY": "Source.test_foreign_keys_that_change_rows",
    "CHECK_CONN_DEST": "Source.test_no_connection",
    "CHECK_DEST": "Destination.test_brokers_that_are_old",
    "CHECK_TOPIC": "Destination.test_settings_of_topics",
    "CHECK_PARTITIONS": "Destination.test_settings_of_topics",
    "CHECK_PRIVILEGE_DEST": "Destination.test_permissions",
    "CHECK_SAME_OBJ": "Destination.test_topics_that_hold_records",
    "CHECK_DEST_TABLE_EMPTY": "Destination.test_topics_that_hold_records",
    "CHECK_MESSAGE_MAX": "Destination.test_settings_of_topics",
    "CHECK_MIN_INSYNC": "Destination.test_settings_of_topics",
    "CHECK_DEST_ROOM": "Destination.test_settings_of_topics",
    "CHECK_SCHEMA_REGISTRY": "Source.test_no_connection",
    "CHECK_OBJECTS": "TaskFile.test_what_the_file_asks_for",
    "CHECK_SAME_NAME": "TaskFile.test_what_the_file_asks_for",
    "CHECK_EXPRESSION": "TaskFile.test_what_the_file_asks_for",
    "CHECK_PHASES": "TaskFile.test_what_the_file_asks_for",
    "CHECK_ACKS": "TaskFile.test_what_the_file_asks_for",
    "CHECK_STATE_DIR": "TaskFile.test_a_state_folder_of_another_task",
    "CHECK_SAME_TOPIC": "Destination.test_topics_that_hold_records",
}
# Whatever they find is in order: only what they tell changes.
ONLY_TELL = ("CHECK_TRANSACTION_COMPRESSION", "CHECK_INVISIBLE_COLUMNS")


class Items(unittest.TestCase):
    def test_every_item_has_its_test(self):
        table = subprocess.run([PROGRAM, "config", "--checks"], capture_output=True, text=True, timeout=20, check=True).stdout
        self.assertEqual(sorted(re.findall(r"^\| `(CHECK_\w+)`", table, re.M)), sorted(TESTS))
        for code, test in TESTS.items():
            name, method = test.split(".")
            self.assertTrue(hasattr(globals()[name], method), f"{code}: there is no {test}")


class Check(EndToEnd):
    def setUp(self):
        super().setUp()
        self.seen = {}  # (result, what was found) of each item, in order

    def tearDown(self):
        super().tearDown()
        if self._failed():
            return
        for code, test in TESTS.items():
            if not self.id().endswith(f".{test}"):
                continue
            results = [result for result, _ in self.seen.get(code, [])]
            if code in ONLY_TELL:
                self.assertGreater(len({found for _, found in self.seen.get(code, [])}), 1, code)
                continue
            faults = [i for i, result in enumerate(results) if result in ("warning", "failed")]
            self.assertTrue(faults, f"{code} was not seen with a fault")
            self.assertIn("passed", results[faults[0]:], f"{code} was not seen mended")

    def check(self, task, *arguments, **more):
        """The items by their codes; the exit code is that of what they say."""
        process = task.run("--json", *arguments, command="check", seconds=30, **more)
        self.assertIn(process.code, (0, FAILED), process.log())
        report = json.loads(process.output)
        items = {item["code"]: item for item in report["items"]}
        failed = [item for item in report["items"] if item["result"] == "failed"]
        self.assertEqual(process.code, FAILED if failed else 0)
        self.assertEqual(report["counts"]["failed"], len(failed))
        self.assertLess(report["seconds"], 8 * servers.SLACK)
        for code, item in items.items():
            self.seen.setdefault(code, []).append((item["result"], item["found"]))
        return items

    def expect(self, items, results):
        self.assertEqual({code: items[code]["result"] for code in results}, results, {code: items[code] for code in results})

    def apply_sql(self, connection, item):
        for line in item["remedy"].split("\n"):
            connection.run(line)

    def apply_tool(self, kafka, *items):
        """Commands of Kafka's tools; those that add settings to one topic in one go, for each start takes its time."""
        commands = {}
        for line in "\n".join(item["remedy"] for item in items).split("\n"):
            *words, last = shlex.split(line)
            self.assertEqual(words[1], "--bootstrap-server")
            commands.setdefault(tuple(words), []).append(last)
        running = [Background(kafka.tool, TOOLS[name], *words, ",".join(last)) for (name, *words), last in commands.items()]
        for tool in running:
            tool.join()

    @staticmethod
    def options(item):
        """Lines of a server's configuration as options of its command line."""
        return ["--" + line.replace(" ", "") for line in item["remedy"].split("\n") if "=" in line]


class Source(Check):
    seconds = 120

    def test_settings_that_a_statement_mends(self):
        faults = {
            "CHECK_BINLOG_FORMAT": ("--binlog-format=MIXED", "failed"),
            "CHECK_ROW_IMAGE": ("--binlog-row-image=MINIMAL", "failed"),
            "CHECK_ROW_METADATA": ("--binlog-row-metadata=MINIMAL", "warning"),
            "CHECK_BINLOG_RETENTION": ("--binlog-expire-logs-seconds=3600", "warning"),
            "CHECK_SYNC_BINLOG": ("--sync-binlog=100", "warning"),
            "CHECK_GTID_MODE": ("--gtid-mode=OFF", "warning"),
        }
        options = [option for option, _ in faults.values()]
        with servers.OwnServer("mysql", "--enforce-gtid-consistency=OFF", *options) as server:
            c = self.create(server, "CREATE TABLE t (id INT PRIMARY KEY)")
            task = self.task(server, phases=["full", "incremental"])
            before = server.position()
            items = self.check(task)
            self.assertEqual(server.position(), before, "nothing is written")
            self.expect(items, {code: result for code, (_, result) in faults.items()})
            for code in faults:
                self.apply_sql(c, items[code])
            self.expect(self.check(task), dict.fromkeys(faults, "passed"))
            # Without the copy, images that lack columns are a matter of taste, and so are differences of JSON.
            c.run("SET GLOBAL binlog_row_image = 'NOBLOB'; SET GLOBAL binlog_row_value_options = 'PARTIAL_JSON'")
            task.change(phases=["incremental"])
            items = self.check(task)
            self.expect(items, {"CHECK_ROW_IMAGE": "warning"})
            self.apply_sql(c, items["CHECK_ROW_IMAGE"])
            self.expect(self.check(task), {"CHECK_ROW_IMAGE": "passed"})

    def test_settings_that_a_new_start_mends(self):
        with servers.OwnServer("mysql") as server:
            self.create(server, "CREATE TABLE t (id INT PRIMARY KEY)")
            task = self.task(server, phases=["full", "incremental"])
            with server.connect() as c:
                c.run("CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=1")
            server.restart("--skip-log-bin")
            items = self.check(task)
            self.expect(items, {"CHECK_LOG_BIN": "failed"})
            server.restart(*self.options(items["CHECK_LOG_BIN"]), "--binlog-do-db=other", "--log-replica-updates=OFF", "--skip-replica-start")
            items = self.check(task)
            self.expect(items, {"CHECK_LOG_BIN": "passed", "CHECK_BINLOG_FILTER": "warning", "CHECK_TOPOLOGY": "failed"})
            self.assertIn("binlog_do_db: other", items["CHECK_BINLOG_FILTER"]["found"])
            server.restart(*self.options(items["CHECK_TOPOLOGY"]), "--skip-replica-start")
            items = self.check(task)
            self.expect(items, {"CHECK_BINLOG_FILTER": "passed", "CHECK_TOPOLOGY": "warning"})
            self.assertEqual(items["CHECK_TOPOLOGY"]["remedy"], "START REPLICA;")
            with server.connect() as c:
                c.run("RESET REPLICA ALL; SET GLOBAL binlog_transaction_compression=ON; SET GLOBAL server_id=0")
            items = self.check(task)
            self.expect(items, {"CHECK_TOPOLOGY": "passed", "CHECK_SERVER_ID": "failed"})
            self.assertIn("ON", items["CHECK_TRANSACTION_COMPRESSION"]["found"])
            with server.connect() as c:
                self.apply_sql(c, items["CHECK_SERVER_ID"])
            self.expect(self.check(task), {"CHECK_SERVER_ID": "passed"})

    def test_a_clock_that_is_wrong(self):
        """Which of the two is wrong nobody can tell: here it is ours, and setting it stands for what is printed."""
        server = servers.mysql()
        self.create(server, "CREATE TABLE t (id INT PRIMARY KEY)")
        task, skew = self.task(server), Skew(self.folder())
        skew.forward(60)
        item = self.check(task, environment=skew.environment)["CHECK_CLOCK"]
        self.assertEqual((item["result"], item["found"]), ("warning", "the source's clock is 60 s behind ours"))
        self.assertEqual(item["remedy"], "timedatectl set-ntp true  -- on the machine that is wrong")
        skew.forward(-60)
        self.expect(self.check(task, environment=skew.environment), {"CHECK_CLOCK": "passed"})

    def test_what_a_server_is_made_of(self):
        """A version that is too old, tables in a character set that somebody has added, encryption."""
        with servers.OwnServer("mariadb") as server:
            with server.connect() as c:
                charsets = self.more_charsets(c.one("SELECT @@character_sets_dir"))
            server.restart("--version=5.5.68-MariaDB")
            task = self.task(server, phases=["schema", "full", "incremental"])
            items = self.check(task)
            self.expect(items, {"CHECK_SRC": "failed"})
            self.assertEqual(items["CHECK_SRC"]["remedy"], "a source of MySQL 5.6 or later, or MariaDB 10.0 or later")
            key = os.path.join(self.folder(), "keys")
            with open(key, "w", encoding="ascii") as f:
                f.write(f"1;{'0f' * 16}\n")
            server.restart(f"--character-sets-dir={charsets}", "--plugin-load-add=file_key_management", f"--file-key-management-filename={key}")
            c = self.create(server, "CREATE TABLE plain (id INT PRIMARY KEY)", "CREATE TABLE odd (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET home8)")
            items = self.check(task)
            self.expect(items, {"CHECK_SRC": "passed", "CHECK_CHARSET": "failed", "CHECK_ENCRYPTION": "passed"})
            self.assertIn("home8_general_ci, which is not known", items["CHECK_CHARSET"]["found"])
            self.assertEqual(items["CHECK_ENCRYPTION"]["found"], "no table is encrypted")
            out = re.search(r'"(!.*)"', items["CHECK_CHARSET"]["remedy"]).group(1)
            task.change(objects=[{"table": out}, {"table": f"{self.database}.*"}])
            c.run("CREATE TABLE secret (id INT PRIMARY KEY) ENCRYPTED=YES ENCRYPTION_KEY_ID=1")
            items = self.check(task)
            self.expect(items, {"CHECK_CHARSET": "passed", "CHECK_ENCRYPTION": "passed"})
            self.assertRegex(items["CHECK_ENCRYPTION"]["found"], "^1 table is encrypted at rest")
            self.encdb(server, c, task)

    def more_charsets(self, folder):
        """The server's folder of character sets with one more in it."""
        copy = os.path.join(self.folder(), "charsets")
        shutil.copytree(folder, copy)
        with open(os.path.join(copy, "swe7.xml"), encoding="utf-8") as f:
            text = f.read()
        with open(os.path.join(copy, "home8.xml"), "w", encoding="utf-8") as f:
            f.write(text.replace("swe7_swedish_ci", "home8_general_ci").replace("swe7", "home8"))
        index = os.path.join(copy, "Index.xml")
        with open(index, encoding="utf-8") as f:
            text = f.read()
        with open(index, "w", encoding="utf-8") as f:
            f.write(text.replace("</charsets>", '<charset name="home8"><collation name="home8_general_ci" id="1900" flag="primary"/></charset></charsets>'))
        return copy

    def encdb(self, server, c, task):
        """No server that can be had has EncDB: its switch is played by another one, whose name is put into the question on its way."""
        with Proxy(server.port) as proxy:
            proxy.said = lambda data: data.replace(b"'loose_encdb'", b"'general_log'")
            task.change(source={"port": proxy.port, "tls": "disabled"})
            c.run("SET GLOBAL general_log = ON")
            items = self.check(task)
            self.expect(items, {"CHECK_ENCRYPTION": "failed"})
            self.assertEqual(items["CHECK_ENCRYPTION"]["remedy"], "phases: [schema, incremental]  -- or EncDB off")
            task.change(phases=["schema", "incremental"])
            self.expect(self.check(task), {"CHECK_ENCRYPTION": "warning"})
            c.run("SET GLOBAL general_log = OFF")
            self.expect(self.check(task), {"CHECK_ENCRYPTION": "passed"})

    def test_privileges(self):
        for server in (servers.mysql(), servers.mariadb()):
            with self.subTest(server.kind):
                self.privileges(server)

    def privileges(self, server):
        c = self.create(server, "CREATE TABLE seen (a INT) ENGINE=MyISAM; CREATE TABLE unseen (id INT PRIMARY KEY); CREATE TABLE partly (id INT PRIMARY KEY, b INT)")
        user = f"u_{self.token}"
        c.run(f"CREATE USER {user} IDENTIFIED BY 'rowcast-pw'; GRANT SELECT ON `{self.database}`.seen TO {user}; GRANT SELECT (id) ON `{self.database}`.partly TO {user}")
        names = [f"{self.database}.{table}" for table in ("seen", "unseen", "partly")]
        heartbeat = {"write": True, "table": f"{self.database}.beat"}
        protect = {"history_length": 1000, "replica_lag": "5s"}
        task = self.task(server, objects=names, source={"user": user}, phases=["full", "incremental"], heartbeat=heartbeat, throttle={"protect": protect})
        item = self.check(task)["CHECK_PRIVILEGE_SRC"]
        self.assertEqual(item["result"], "failed")
        for words in ("REPLICATION SLAVE", "REPLICATION CLIENT|BINLOG MONITOR", "SELECT is missing on 1 of 2 tables: .*partly", "unseen", "LOCK TABLES", "CREATE, INSERT and UPDATE"):
            self.assertRegex(item["found"], words)
        for _ in range(3):  # what PROCESS hides shows when it is granted
            for line in item["remedy"].split("\n"):
                if line.startswith("GRANT "):
                    c.run(line)
            item = self.check(task)["CHECK_PRIVILEGE_SRC"]
        self.assertEqual(item["result"], "passed", item)
        c.run(f"DROP USER {user}")

    def test_tables(self):
        server = servers.mysql()
        c = self.create(
            server, "CREATE TABLE keyless (a INT); CREATE TABLE isam (id INT PRIMARY KEY, v INT INVISIBLE) ENGINE=MyISAM; CREATE TABLE large (id INT PRIMARY KEY, v LONGTEXT);"
            "CREATE TABLE one (id INT PRIMARY KEY) ENGINE=MyISAM; CREATE TABLE onto (id INT NOT NULL) ENGINE=MERGE UNION=(one)"
        )
        task = self.task(server, phases=["full", "incremental"], full={"keyless": "unlocked"})
        items = self.check(task)
        self.expect(items, {"CHECK_KEY": "warning", "CHECK_ENGINE": "failed", "CHECK_MESSAGE_MAX": "warning", "CHECK_INVISIBLE_COLUMNS": "passed"})
        self.assertIn(f"{self.database}.isam", items["CHECK_INVISIBLE_COLUMNS"]["found"])
        out = re.search(r'"(!.*)"', items["CHECK_ENGINE"]["remedy"]).group(1)
        task.change(objects=[{"table": out}, {"table": f"{self.database}.*"}], destination={"too_large": "key-only"})
        for code in ("CHECK_KEY", "CHECK_ENGINE"):
            for line in items[code]["remedy"].split("\n"):
                if line.startswith("ALTER ") and "onto" not in line:
                    c.run(line)
        c.run("ALTER TABLE isam ALTER COLUMN v SET VISIBLE")
        items = self.check(task)
        self.expect(items, dict.fromkeys(("CHECK_ENGINE", "CHECK_KEY", "CHECK_MESSAGE_MAX"), "passed"))
        self.assertEqual(items["CHECK_INVISIBLE_COLUMNS"]["found"], "none")

    def test_foreign_keys_that_change_rows(self):
        tables = "CREATE TABLE parent (id INT PRIMARY KEY); CREATE TABLE child (id INT PRIMARY KEY, p INT, CONSTRAINT up FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)"
        for server, result in ((servers.mysql(), "passed"), (servers.mariadb(), "warning")):
            with self.subTest(server.kind):
                c = self.create(server, tables)
                task = self.task(server)
                items = self.check(task)
                self.expect(items, {"CHECK_FOREIGN_KEY": result})
                if result == "warning":
                    self.assertIn(f"{self.database}.child", items["CHECK_FOREIGN_KEY"]["found"])
                    c.run("ALTER TABLE child DROP FOREIGN KEY up, ADD FOREIGN KEY (p) REFERENCES parent (id) ON DELETE NO ACTION")
                    self.expect(self.check(task), {"CHECK_FOREIGN_KEY": "passed"})
                self.expect(items, {"CHECK_ENCRYPTION": "passed", "CHECK_CHARSET": "passed", "CHECK_CLOCK": "passed", "CHECK_SRC": "passed"})

    def test_no_connection(self):
        server = servers.mysql()
        self.create(server, "CREATE TABLE t (id INT PRIMARY KEY)")
        task = self.task(server)
        user = f"u_{self.token}"
        with server.connect() as c:
            c.run(f"CREATE USER {user} IDENTIFIED BY 'another'; GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {user}")
            task.change(source={"user": user})
            items = self.check(task)
            self.expect(items, {"CHECK_CONN_SRC": "failed", "CHECK_LOG_BIN": "skipped", "CHECK_CONN_DEST": "passed", "CHECK_OBJECTS": "skipped"})
            self.assertIn("Access denied", items["CHECK_CONN_SRC"]["found"])
            c.run(items["CHECK_CONN_SRC"]["remedy"].partition(" --")[0].replace("...", "rowcast-pw"))
            self.expect(self.check(task), {"CHECK_CONN_SRC": "passed", "CHECK_OBJECTS": "passed"})
            c.run(f"DROP USER {user}")
        task.change(source={"user": "rowcast"})
        items = self.check(task, "--override", "destination.brokers=127.0.0.1:1", "--override", "destination.schema_registry=http://127.0.0.1:1", "--override", "destination.format=dts-avro")
        self.expect(items, {"CHECK_CONN_SRC": "passed", "CHECK_CONN_DEST": "failed", "CHECK_TOPIC": "skipped", "CHECK_SCHEMA_REGISTRY": "failed"})
        registry = servers.registry()
        items = self.check(task, "--override", f"destination.schema_registry={registry.url}", "--override", "destination.format=dts-avro")
        self.expect(items, {"CHECK_CONN_DEST": "passed", "CHECK_SCHEMA_REGISTRY": "passed"})
        self.assertEqual(items["CHECK_SCHEMA_REGISTRY"]["found"], f"{registry.url} answers")
        with server.connect() as c:
            own = c.one("SELECT @@server_id")
        items = self.check(task, "--override", f"source.server_id={own}")
        self.expect(items, {"CHECK_SERVER_ID": "failed", "CHECK_CONN_DEST": "passed"})
        self.expect(self.check(task, "--override", "source.server_id=auto"), {"CHECK_SERVER_ID": "passed"})


class Destination(Check):
    seconds = 120  # Kafka's tools are slow to start

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()
        self.connection = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")

    def test_settings_of_topics(self):
        task = self.task(self.server, objects=[{"table": f"{self.database}.*", "partitions": 3}], phases=["full", "incremental"], destination={"create_topics": False})
        items = self.check(task)
        self.expect(items, {"CHECK_TOPIC": "failed"})
        self.apply_tool(self.kafka, items["CHECK_TOPIC"])
        self.expect(self.check(task), {"CHECK_TOPIC": "passed", "CHECK_PARTITIONS": "passed", "CHECK_MESSAGE_MAX": "passed", "CHECK_MIN_INSYNC": "passed", "CHECK_DEST_ROOM": "passed"})
        bounds = "max.message.bytes=1000,retention.ms=3600000,retention.bytes=1000,min.insync.replicas=2"
        self.kafka.tool(TOOLS["kafka-configs.sh"], "--bootstrap-server", self.kafka.brokers, "--alter", "--entity-type", "topics", "--entity-name", self.name, "--add-config", bounds)
        task.change(objects=[{"table": f"{self.database}.*", "ddl": [], "partitions": 4}])
        codes = ("CHECK_PARTITIONS", "CHECK_MESSAGE_MAX", "CHECK_DEST_ROOM", "CHECK_MIN_INSYNC")
        items = self.check(task)
        self.expect(items, {code: "failed" if code == "CHECK_MIN_INSYNC" else "warning" for code in codes})
        self.assertIn("retention.bytes=-1", items["CHECK_DEST_ROOM"]["remedy"])
        self.apply_tool(self.kafka, *(items[code] for code in codes))
        self.expect(self.check(task), dict.fromkeys(codes, "passed"))

    def test_topics_that_are_not_as_they_were(self):
        """What ends a task that has begun is told before, while it runs and while it does not."""
        task = self.task(self.server, phases=["schema", "full", "incremental"], destination={"partitions": 2})
        with task.start() as process:
            process.wait_streaming()
            self.connection.run("INSERT INTO t VALUES (1)")
            servers.wait_for(lambda: self.messages(), 20, "the first message")
            items = self.check(task)
            self.expect(items, {"CHECK_PARTITIONS": "passed", "CHECK_TOPIC": "passed"})
            self.assertIn("runs", items["CHECK_STATE_DIR"]["found"])
            self.kafka.topic_tool("--alter", "--topic", self.name, "--partitions", "3")
            self.expect(self.check(task), {"CHECK_PARTITIONS": "failed"})
            self.assertEqual(process.stop(), 0, process.tail())
        task.change(skip_checks=["CHECK_PARTITIONS"])
        item = self.check(task)["CHECK_PARTITIONS"]
        self.assertEqual(item["result"], "failed", "it stands for a promise")
        words = f"topic {self.name} has 3 partitions and had 2 when this task first wrote to it"
        self.assertIn(words, item["found"])
        self.connection.run("INSERT INTO t VALUES (2)")
        self.assert_ends(task.start("--until", "caught-up"), 5, words)
        state, topic = re.fullmatch(r"state_dir: (.*)\ndestination: {topic: (.*)}", item["remedy"]).groups()
        task.change(state_dir=state, destination={"topic": topic})
        self.expect(self.check(task), {"CHECK_PARTITIONS": "passed", "CHECK_TOPIC": "passed"})
        task.run_until_caught_up()
        self.kafka.topic_tool("--delete", "--topic", topic)
        servers.wait_for(lambda: topic not in self.kafka.topic_tool("--list").split(), 20, "the topic to be gone")
        items = self.check(task)
        self.expect(items, {"CHECK_TOPIC": "failed", "CHECK_PARTITIONS": "passed"})
        self.assertIn(f"topic {topic} is gone", items["CHECK_TOPIC"]["found"])
        self.connection.run("INSERT INTO t VALUES (3)")
        self.assert_ends(task.start("--until", "caught-up"), 5, f"topic {topic}")
        self.apply_tool(self.kafka, items["CHECK_TOPIC"])
        self.expect(self.check(task), {"CHECK_TOPIC": "passed", "CHECK_PARTITIONS": "passed"})
        task.run_until_caught_up()
        self.assertEqual([m.change["data"][0]["id"] for m in self.messages(topic)], ["3"])

    def test_brokers_that_are_old(self):
        old = servers.kafka_old("kafka11")
        task = self.task(self.server, brokers=old.brokers, destination={"compression": "zstd"})
        items = self.check(task)
        self.expect(items, {"CHECK_DEST": "warning"})
        self.assertIn("before 2.1 brokers know no zstd", items["CHECK_DEST"]["found"])
        self.assertEqual(items["CHECK_DEST"]["remedy"], "destination: {compression: lz4}")
        task.change(destination={"compression": "lz4"})
        self.expect(self.check(task), {"CHECK_DEST": "passed"})

    def test_topics_that_hold_records(self):
        first = self.task(self.server, start=self.server.position())
        self.connection.run("INSERT INTO t VALUES (1)")
        first.run_until_caught_up()
        task = self.task(self.server, name=f"{self.name}_2", destination={"topic": self.name})
        items = self.check(task)
        self.expect(items, {"CHECK_SAME_OBJ": "failed", "CHECK_SAME_TOPIC": "warning"})
        self.assertEqual(items["CHECK_SAME_OBJ"]["remedy"], "destination: {existing_topics: ignore}")
        other = self.check(task, "--override", f"destination.topic={self.name}_2")
        self.expect(other, {"CHECK_SAME_OBJ": "passed", "CHECK_SAME_TOPIC": "passed"})
        task.change(destination={"existing_topics": "ignore"})
        self.expect(self.check(task), {"CHECK_SAME_OBJ": "passed", "CHECK_DEST_TABLE_EMPTY": "warning"})
        self.expect(self.check(task, "--override", f"destination.topic={self.name}_2"), {"CHECK_DEST_TABLE_EMPTY": "passed"})
        task.change(destination={"existing_topics": "report"}, skip_checks=["CHECK_SAME_OBJ"])
        items = self.check(task)
        self.expect(items, {"CHECK_SAME_OBJ": "skipped"})
        self.assertIn("left out by skip_checks", items["CHECK_SAME_OBJ"]["found"])
        self.assertEqual(task.run("--until", "caught-up").code, 0, "what is skipped is skipped by the start, too")
        self.expect(self.check(task), {"CHECK_SAME_OBJ": "passed", "CHECK_STATE_DIR": "passed"})

    def test_permissions(self):
        options = ("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users=User:ANONYMOUS")
        with servers.OwnServer("kafka", *options) as kafka:
            kafka.topic_tool("--create", "--topic", self.name, "--partitions", "1")
            login = {"security": "sasl_plaintext", "sasl": {"mechanism": "SCRAM-SHA-256", "user": "rowcast"}, "create_topics": False}
            task = self.task(self.server, brokers=kafka.sasl_plaintext_brokers, destination=login)
            password = {"ROWCAST_DESTINATION_PASSWORD": "rowcast-pw"}
            items = self.check(task, environment=password)
            self.expect(items, {"CHECK_CONN_DEST": "passed", "CHECK_PRIVILEGE_DEST": "failed"})
            # The tool itself comes in by a listener that asks nobody.
            items["CHECK_PRIVILEGE_DEST"]["remedy"] = items["CHECK_PRIVILEGE_DEST"]["remedy"].replace(kafka.sasl_plaintext_brokers, kafka.brokers)
            self.apply_tool(kafka, items["CHECK_PRIVILEGE_DEST"])
            items = self.check(task, environment=password)
            self.expect(items, {"CHECK_PRIVILEGE_DEST": "passed", "CHECK_TOPIC": "passed"})
            items = self.check(task, environment={"ROWCAST_DESTINATION_PASSWORD": "wrong"})
            self.expect(items, {"CHECK_CONN_DEST": "failed"})


    def test_permissions_of_transactions(self):
        """What exactly-once needs beyond that: told by the check, and by the run that is refused."""
        options = ("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users=User:ANONYMOUS")
        password = {"ROWCAST_DESTINATION_PASSWORD": "rowcast-pw"}
        kept = f"{self.name}.rowcast"
        with servers.OwnServer("kafka", *options) as kafka:
            def acl(*words):
                kafka.tool(TOOLS["kafka-acls.sh"], "--bootstrap-server", kafka.brokers, *words)

            def refused(task, sentence):
                self.connection.run("INSERT INTO t SELECT COALESCE(MAX(id), 0) + 1 FROM t")
                self.assert_ends(task.run("--until", "caught-up", environment=password), 5, sentence)

            login = {"security": "sasl_plaintext", "sasl": {"mechanism": "SCRAM-SHA-256", "user": "rowcast"}, "existing_topics": "ignore"}
            task = self.task(self.server, start=self.server.position(), brokers=kafka.sasl_plaintext_brokers, destination={**login, "delivery": "exactly-once"})
            other = self.task(self.server, name=f"{self.name}_2", start=self.server.position(), brokers=kafka.sasl_plaintext_brokers, destination={**login, "topic": self.name})
            item = self.check(task, environment=password)["CHECK_PRIVILEGE_DEST"]
            self.assertEqual(item["result"], "failed")
            self.assertIn(f"User:rowcast needs Read, Write and Describe on the topic {kept}", item["found"])
            self.assertIn(f"--operation Create --topic {kept}", item["remedy"])
            refused(task, f"topic {kept}: .*grant User:rowcast Read, Write, Describe and Create on the topic")
            user = ("--allow-principal", "User:rowcast")
            acl("--add", *user, "--operation", "All", "--topic", kept, "--topic", self.name)
            item = self.check(task, environment=password)["CHECK_PRIVILEGE_DEST"]
            self.assertEqual(item["result"], "warning", item)
            self.assertIn(f"do not tell whether User:rowcast may use the transactional id {self.name} ", item["found"])
            refused(task, f"grant User:rowcast Describe and Write on the transactional id {self.name}, which is the task's name")
            acl("--add", *user, "--operation", "Describe", "--operation", "Create", "--cluster", "--topic", self.name)
            item = self.check(task, environment=password)["CHECK_PRIVILEGE_DEST"]
            self.assertEqual(item["result"], "warning", item)
            self.assertIn(f"no ACL lets User:rowcast use the transactional id {self.name} ", item["found"])
            item["remedy"] = item["remedy"].replace(kafka.sasl_plaintext_brokers, kafka.brokers)
            self.apply_tool(kafka, item)
            self.expect(self.check(task, environment=password), {"CHECK_PRIVILEGE_DEST": "passed"})
            for made in (task, other):
                process = made.run("--until", "caught-up", environment=password)
                self.assertEqual(process.code, 0, process.tail())
            acl("--remove", "--force", *user, "--operation", "All", "--topic", self.name)
            for made in (task, other):
                refused(made, f"{self.name}.*[Tt]opic authorization failed.*grant User:rowcast Describe and Write on the topic")
            # From Kafka 2.8 on, Write on a topic is enough to be idempotent: without it on any, the brokers say so.
            acl("--remove", "--force", *user, "--operation", "All", "--topic", kept)
            refused(task, f"topic {kept}: .*grant User:rowcast Read, Write, Describe and Create on the topic")
            refused(other, "[Cc]luster authorization failed.*grant User:rowcast Write on the topics .before Kafka 2.8: IdempotentWrite on the cluster., or set destination.acks to 1")


class TaskFile(Check):
    def setUp(self):
        super().setUp()
        self.server = servers.mysql()
        self.connection = self.create(self.server, *(f"CREATE TABLE {t} (id INT PRIMARY KEY, v INT)" for t in "abc"))

    def test_what_the_file_asks_for(self):
        d = self.database
        task = self.task(self.server, objects=[{"table": f"{d}.a", "filter": "amount > 1"}, {"table": f"{d}.b", "table_as": "c"}, {"table": f"{d}.c"}, {"table": f"{d}.none_*"}],
                         phases=["schema", "full"], destination={"acks": "1"})
        items = self.check(task)
        self.expect(items, {"CHECK_OBJECTS": "warning", "CHECK_SAME_NAME": "warning", "CHECK_EXPRESSION": "failed", "CHECK_PHASES": "warning", "CHECK_ACKS": "warning"})
        self.assertIn("amount", items["CHECK_EXPRESSION"]["found"])
        task.change(objects=[{"table": f"{d}.a", "filter": "v > 1"}, {"table": f"{d}.b"}], phases=["schema", "full", "incremental"], destination={"acks": "all"})
        self.expect(self.check(task), dict.fromkeys(("CHECK_OBJECTS", "CHECK_SAME_NAME", "CHECK_EXPRESSION", "CHECK_PHASES", "CHECK_ACKS"), "passed"))

    def test_a_state_folder_of_another_task(self):
        first = self.task(self.server)
        first.run_until_caught_up()
        other = self.task(self.server, name=f"{self.name}_2", state_dir=first.state)
        items = self.check(other)
        self.expect(items, {"CHECK_STATE_DIR": "failed"})
        self.assertIn(f"belongs to the task {first.name}", items["CHECK_STATE_DIR"]["found"])
        other.change(state_dir=re.search(r"state_dir: (.*)", items["CHECK_STATE_DIR"]["remedy"]).group(1))
        self.expect(self.check(other), {"CHECK_STATE_DIR": "passed"})
        with first.start() as process:
            process.wait_streaming()
            items = self.check(first)
            self.expect(items, {"CHECK_STATE_DIR": "passed", "CHECK_SERVER_ID": "passed", "CHECK_SAME_TOPIC": "passed"})
            self.assertIn("runs", items["CHECK_STATE_DIR"]["found"])
            self.assertEqual(process.stop(), 0)

    def test_nothing_is_changed(self):
        # That nothing is written to the source shows where nobody else writes: test_settings_that_a_statement_mends.
        task = self.task(self.server, phases=["schema", "full", "incremental"])
        done = task.run(command="check", seconds=30)
        self.assertEqual(done.code, 0, done.output.decode())
        self.assertFalse(os.path.exists(task.state))
        self.assertNotIn(self.name, self.kafka.topic_tool("--list"))
        text = done.output.decode()
        for words in ("source\n", "destination\n", "task\n", "\u2713 passed    connection to the source", " 0 failed, "):
            self.assertIn(words, text)

    def test_a_first_start_is_checked(self):
        """All that fails is listed at once; afterwards the report is there for whoever asks."""
        task = self.task(self.server, objects=[{"table": f"{self.database}.a", "filter": "amount > 1"}], destination={"create_topics": False}, http=LISTEN)
        process = task.run("--until", "caught-up")
        self.assertEqual(process.code, FAILED, process.tail())
        for code in ("CHECK_EXPRESSION", "CHECK_TOPIC"):
            self.assertRegex(process.log(), rf"error precheck\.failed code={code} found=.* remedy=")
        self.assertRegex(process.log(), r"task\.failed .*exit=3 .*2 items of the precheck failed: CHECK_TOPIC.*CHECK_EXPRESSION")
        self.assertRegex(process.log(), r"warn +precheck\.warning code=CHECK_ROW_METADATA")
        status = task.run("--json", command="status")
        self.assertEqual(json.loads(status.output)["state"], "precheck-failed")
        task.change(objects=[{"table": f"{self.database}.a"}], destination={"create_topics": True}, skip_checks=["CHECK_ROW_METADATA"])
        with task.start() as process:
            process.wait_streaming()
            self.assertNotIn("precheck.warning code=CHECK_ROW_METADATA", process.log())
            web = Web(process)
            report = web.get("/api/v1/precheck")
            self.assertIsNotNone(report["checked"])
            results = {item["code"]: item["result"] for item in report["items"]}
            self.assertEqual((results["CHECK_TOPIC"], results["CHECK_ROW_METADATA"]), ("passed", "skipped"))
            self.assertEqual(process.stop(), 0)
        with task.start() as process:  # it has begun: the start's own checks are enough
            process.wait_streaming()
            self.assertNotIn("precheck.", process.log())
            self.assertEqual(Web(process).get("/api/v1/precheck"), {"checked": None, "items": []})

    def test_a_refused_login_is_listed_with_the_rest(self):
        task = self.task(self.server, destination={"create_topics": False})
        process = task.run("--until", "caught-up", password="wrong")
        self.assertEqual(process.code, 4, process.tail())
        self.assertRegex(process.log(), r"precheck\.failed code=CHECK_CONN_SRC .*Access denied")
        self.assertRegex(process.log(), r"precheck\.failed code=CHECK_TOPIC ")
        self.assertEqual(json.loads(task.run("--json", command="status").output)["state"], "precheck-failed")

    def test_wrong_use(self):
        for arguments in (["check"], ["check", "/does/not/exist.yaml"], ["check", "x.yaml", "--until", "now"]):
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=20)
            self.assertEqual(done.returncode, 2, (arguments, done.stderr))


if __name__ == "__main__":
    unittest.main()
