"""Connections: TLS, compression, logins, and what happens when the other side goes away."""

import os
import re
import signal
import time
import unittest

from lib import servers
from lib.case import EndToEnd
from lib.load import TABLES, Load, create_statements
from lib.proxy import FlipBit, Proxy, Stall, Truncate
from lib.sql import SqlError


class Modes(EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    def check(self, server=None, password=None, **source):
        server = server or self.server
        c = self.create(server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(100))")
        task = self.task(server, start=server.position(), source=source)
        c.script(f"INSERT INTO t VALUES ({i}, REPEAT('v{i}', 10))" for i in range(200))
        if password is not None:
            task.password = password
        process = task.run("--until", "caught-up")
        self.assertEqual(process.code, 0, process.tail())
        self.assert_tables_equal(c, self.fold(), ["t"])
        return process

    def refuse(self, code, pattern, server=None, **source):
        server = server or self.server
        self.create(server, "CREATE TABLE t (id INT PRIMARY KEY)")
        process = self.task(server, source=source).run("--until", "caught-up", seconds=20)
        self.assertEqual(process.code, code, process.tail())
        self.assertRegex(process.log(), pattern)

    def test_tls_modes(self):
        ca = self.server.ca
        for i, source in enumerate([
            {"tls": "disabled"}, {"tls": "preferred"}, {"tls": "required"}, {"tls": "verify-ca", "tls_ca": ca}, {"tls": "verify-identity", "tls_ca": ca},
            {"tls": "verify-identity", "tls_ca": ca, "host": "localhost"},
        ]):
            with self.subTest(source=source):
                self.name = f"{self.name.split('.')[0]}.{i}"
                self.check(**source)

    def test_tls_with_a_client_certificate(self):
        with self.server.connect() as c:
            c.run("DROP USER IF EXISTS certified; CREATE USER certified IDENTIFIED BY 'rowcast-pw' REQUIRE X509; GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO certified")
        self.check(user="certified", tls="required", tls_cert=self.server.client_cert, tls_key=self.server.client_key)

    def test_tls_to_an_unknown_authority_is_refused(self):
        self.refuse(4, r"(?i)certificate", tls="verify-ca", tls_ca=os.path.join(self.server.tls, "other.crt"))

    def test_tls_to_another_name_is_refused(self):
        self.refuse(4, r"(?i)certificate|name|identity", tls="verify-identity", tls_ca=self.server.ca, tls_server_name="other.example")

    def test_tls_where_the_server_has_none(self):
        with servers.OwnServer("mariadb", "--skip-ssl") as server:
            self.check(server, tls="preferred")
            self.refuse(4, r"(?i)tls|ssl", server, tls="required")

    def test_compression_of_the_connection(self):
        for i, source in enumerate([{"compression": "zlib"}, {"compression": "zstd"}, {"compression": "zlib", "tls": "required"}, {"compression": "zstd", "tls": "disabled"}]):
            with self.subTest(source=source):
                self.name = f"{self.name.split('.')[0]}.{i}"
                self.check(**source)

    def test_compression_of_mariadb(self):
        self.check(servers.mariadb(), compression="zlib")
        self.refuse(4, r"(?i)zstd", servers.mariadb(), compression="zstd")

    def test_both_backends_of_the_event_loop(self):
        for io in ("epoll", "io_uring"):
            with self.subTest(io=io):
                self.name = f"{self.name.split('.')[0]}.{io}"
                c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")
                task = self.task(self.server, start=self.server.position(), limits={"io": io})
                c.run("INSERT INTO t VALUES (1),(2)")
                task.run_until_caught_up()
                self.assert_tables_equal(c, self.fold(), ["t"])

    def test_logins(self):
        """Cold and warm caches, with TLS and without, empty passwords, other plugins."""
        plugins = [("caching_sha2_password", "secret"), ("caching_sha2_password", ""), ("sha256_password", "secret")]
        for i, (plugin, password) in enumerate(plugins):
            for tls in ("disabled", "required"):
                with self.subTest(plugin=plugin, password=password, tls=tls):
                    user = f"u{i}_{self.token}"
                    with self.server.connect() as c:
                        c.run(f"DROP USER IF EXISTS {user}; CREATE USER {user} IDENTIFIED WITH {plugin} BY '{password}'; GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {user}; FLUSH PRIVILEGES")
                    self.name = f"{self.name.split('.')[0]}.{i}{tls}"
                    self.check(password=password, user=user, tls=tls)

    def test_logins_of_mariadb(self):
        server = servers.mariadb()
        with server.connect() as c:
            if not c.run("SELECT 1 FROM information_schema.PLUGINS WHERE PLUGIN_NAME='ed25519'"):
                c.run("INSTALL SONAME 'auth_ed25519'")
            for i, (plugin, password) in enumerate([("mysql_native_password", "secret"), ("mysql_native_password", ""), ("ed25519", "secret")]):
                with self.subTest(plugin=plugin, password=password):
                    user = f"u{i}_{self.token}"
                    c.run(f"CREATE USER {user} IDENTIFIED VIA {plugin} USING PASSWORD('{password}'); GRANT SELECT, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO {user}")
                    self.name = f"{self.name.split('.')[0]}.{i}"
                    self.check(server, password=password, user=user)

    def test_a_unix_socket(self):
        self.check(host=self.server.socket, tls="disabled")


class Kafka(EndToEnd):
    def test_security_of_brokers(self):
        server, k = servers.mysql(), self.kafka
        sasl = {"user": "rowcast", "password_env": "ROWCAST_DESTINATION_PASSWORD"}
        os.environ["ROWCAST_DESTINATION_PASSWORD"] = "rowcast-pw"
        modes = [
            {"brokers": [k.ssl_brokers], "security": "ssl", "tls_ca": k.ca, "tls_cert": k.client_cert, "tls_key": k.client_key},
            *({"brokers": [k.sasl_plaintext_brokers], "security": "sasl_plaintext", "sasl": {**sasl, "mechanism": m}} for m in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")),
            {"brokers": [k.sasl_ssl_brokers], "security": "sasl_ssl", "tls_ca": k.ca, "sasl": {**sasl, "mechanism": "SCRAM-SHA-256"}},
        ]
        for i, destination in enumerate(modes):
            with self.subTest(destination=destination):
                self.name = f"{self.name.split('.')[0]}.{i}"
                c = self.create(server, "CREATE TABLE t (id INT PRIMARY KEY)")
                task = self.task(server, start=server.position(), destination=destination)
                c.run("INSERT INTO t VALUES (1),(2),(3)")
                task.run_until_caught_up()
                self.assertEqual(len(self.messages()), 3)

    def test_compression_codecs_and_acks(self):
        server = servers.mysql()
        for i, destination in enumerate([*({"compression": c} for c in ("none", "gzip", "snappy", "lz4", "zstd")), {"acks": "1"}, {"acks": "0"}]):
            with self.subTest(destination=destination):
                self.name = f"{self.name.split('.')[0]}.{i}"
                c = self.create(server, "CREATE TABLE t (id INT PRIMARY KEY)")
                task = self.task(server, start=server.position(), destination=destination)
                c.run("INSERT INTO t VALUES (1),(2),(3)")
                task.run_until_caught_up()
                if destination.get("acks") == "0":  # what is sent is not yet there
                    servers.wait_for(lambda: len(self.messages()) >= 3, 10, "all messages")
                self.assertEqual(len(self.messages()), 3)

    def test_brokers_that_are_restarted(self):
        server, kafka = servers.mysql(), servers.kafka("restart")
        c = self.create(server, *create_statements())
        process = self.task(server, brokers=kafka.brokers, destination={"partitions": 3}).start()
        process.wait_streaming()
        load = Load(server, self.database, self.token, sessions=2, pause=0.005)
        time.sleep(1)
        kafka.restart()
        time.sleep(1)
        kafka.restart(kill=True)
        time.sleep(2)
        load.stop()
        wanted = int(c.one("SELECT COUNT(*) FROM t_other"))
        del wanted
        task = self.tasks[0]
        self.assertEqual(process.stop(40), 0, process.tail())
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(self.messages(brokers=kafka.brokers)), TABLES)


class Reconnect:
    """Each server's class provides `kind`. The servers are restarted, so they are these tests' own."""

    seconds = 120

    def begin(self, server, **keys):
        self.connection = self.create(server, *create_statements())
        task = self.task(server, destination={"partitions": 3}, **keys)
        process = task.start()
        process.wait_streaming()
        return task, process

    def finish(self, task, process, server):
        self.assertEqual(process.stop(), 0, process.tail())
        task.run_until_caught_up()
        with server.connect() as c:
            fold = self.fold()
            self.assert_tables_equal(c, fold, TABLES)
        return fold

    def test_server_restarts_and_dump_threads_killed(self):
        with servers.OwnServer(self.kind) as server:
            task, process = self.begin(server)
            for i, kill in enumerate((False, True, False)):
                Load(server, self.database, f"{self.token}/{i}", sessions=2, transactions=60).join()
                server.restart(kill=kill)
                process.wait_log("source.connected", 20, times=i + 2)
            load = Load(server, self.database, self.token, sessions=2, pause=0.002)
            killed = 0
            with server.connect() as admin:
                end = time.monotonic() + 60
                while killed < 6 and time.monotonic() < end:
                    time.sleep(0.4)
                    for row in admin.text("SHOW PROCESSLIST"):
                        if row[4].startswith("Binlog Dump"):
                            try:
                                admin.run(f"KILL {row[0]}")
                                killed += 1
                            except SqlError:
                                pass  # it ended by itself
            load.stop()
            self.assertGreaterEqual(killed, 4)
            fold = self.finish(task, process, server)
            self.assertEqual(fold.repeats, 0, "a reconnect of the running process sends nothing twice")

    def test_a_stream_cut_in_mid_packet(self):
        server = servers.mysql() if self.kind == "mysql" else servers.mariadb()
        with Proxy(server.port) as proxy:
            task, process = self.begin(server, source={"port": proxy.port, "tls": "disabled"})
            for i in range(6):
                proxy.rule = Truncate(after=0)
                proxy.rule.after = 3000 + 1777 * i
                Load(server, self.database, f"{self.token}/{i}", sessions=2, transactions=30).join()
                servers.wait_for(lambda: proxy.rule.done, 10, "the cut")
                process.wait_log("source.connected", 30, times=i + 2)
            self.finish(task, process, server)

    def test_a_bit_that_flips(self):
        """CRC32 tells; the event is read again."""
        server = servers.mysql() if self.kind == "mysql" else servers.mariadb()
        with Proxy(server.port) as proxy:
            task, process = self.begin(server, source={"port": proxy.port, "tls": "disabled"})
            for i in range(4):
                mark = f"marked{i}".encode()
                proxy.rule = FlipBit(mark)
                self.connection.run(f"INSERT INTO t_other (body) VALUES ('before'), ('{mark.decode()}'), ('after')")
                servers.wait_for(lambda: proxy.rule.done, 10, "the flip")
                process.wait_log("source.connected", 30, times=i + 2)
            self.assertRegex(process.log(), r"(?i)checksum|crc")
            fold = self.finish(task, process, server)
            bodies = [row["body"] for row in fold.table(f"{self.database}.t_other")]
            self.assertEqual(sorted(b for b in bodies if b.startswith("marked")), [f"marked{i}" for i in range(4)])

    def test_a_server_that_stalls_in_mid_packet(self):
        """Nothing comes any more, heartbeats neither: the connection is given up and made anew."""
        server = servers.mysql() if self.kind == "mysql" else servers.mariadb()
        with Proxy(server.port) as proxy:
            task, process = self.begin(server, source={"port": proxy.port, "tls": "disabled", "heartbeat": "300ms"})
            proxy.rule = Stall(b"stalling here")
            self.connection.run("INSERT INTO t_other (body) VALUES ('before'), ('stalling here'), ('after')")
            servers.wait_for(lambda: proxy.rule.done, 10, "the stall")
            process.wait_log("source.connected", 40, times=2)
            self.finish(task, process, server)

    def test_a_server_that_is_suspended(self):
        with servers.OwnServer(self.kind) as server:
            task, process = self.begin(server, source={"heartbeat": "300ms", "connect_timeout": "1s"})
            Load(server, self.database, self.token, sessions=1, transactions=20).join()
            os.kill(server.pid, signal.SIGSTOP)
            try:
                process.wait_log("source.lost", 20)
            finally:
                os.kill(server.pid, signal.SIGCONT)
            Load(server, self.database, f"{self.token}+", sessions=1, transactions=20).join()
            process.wait_log("source.connected", 30, times=2)
            self.finish(task, process, server)

    def test_idle_heartbeats_keep_the_connection(self):
        server = servers.mysql() if self.kind == "mysql" else servers.mariadb()
        task, process = self.begin(server, source={"heartbeat": "200ms"})
        time.sleep(4)
        self.connection.run("INSERT INTO t_other (body) VALUES ('x')")
        self.finish(task, process, server)
        self.assertEqual(len(re.findall("source.connected", process.log())), 1, process.tail())


class ReconnectMysql(Reconnect, EndToEnd):
    kind = "mysql"


class ReconnectMariadb(Reconnect, EndToEnd):
    kind = "mariadb"


if __name__ == "__main__":
    unittest.main()
