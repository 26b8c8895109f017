"""The schema registry: what is asked of it, what its answers do, one that is away, and a real one."""

import base64
import http.server
import json
import os
import socket
import ssl
import threading
import unittest
import urllib.request

from lib import servers
from lib.avro import SCHEMA_TEXT, AvroFold, canonical, read_records
from lib.case import EndToEnd


class Registry:
    """A registry that answers as it is told: answers are (status, body, content type)."""

    def __init__(self, answer=None, held=None, context=None):
        """held: a socket that is bound already, so that nobody else gets its port."""
        self.answers = []
        self.answer = answer or (200, '{"id":258}', "application/vnd.schemaregistry.v1+json")
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, dict(self.headers), body))
                status, text, kind = outer.answers.pop(0) if outer.answers else outer.answer
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=held is None)
        if held:
            self.server.socket.close()
            self.server.socket, self.server.server_address = held, held.getsockname()
            self.server.server_activate()
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class SchemaRegistry(EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    def avro_task(self, url, objects=None, **destination):
        return self.task(self.server, objects, start=self.server.position(),
                         destination={"format": "dts-avro", "schema_registry": url, **destination})

    def one_row(self):
        return self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")

    def test_schema_is_registered_for_each_topic_and_its_id_stands_before_each_message(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE u (id INT PRIMARY KEY)")
        with Registry() as registry:
            objects = [{"table": f"{self.database}.t"}, {"table": f"{self.database}.u", "topic": f"{self.name}_u"}]
            task = self.avro_task(registry.url + "/base/", objects, schema_registry_user="reg", schema_registry_password_env="REGISTRY_PW")
            registry.answers = [(200, '{"id":258}', "application/json"), (200, '{"id":16909060}', "application/json")]
            c.run("INSERT INTO t VALUES (1),(2); INSERT INTO u VALUES (3)")
            process = task.run("--until", "caught-up", environment={"REGISTRY_PW": "päss:w"})
            self.assertEqual(process.code, 0, process.tail())
            self.assertNotIn("päss", process.log())
        self.assertEqual(sorted(path for path, _, _ in registry.requests), [f"/base/subjects/{self.name}-value/versions", f"/base/subjects/{self.name}_u-value/versions"])
        for _, headers, body in registry.requests:
            self.assertEqual(headers["Content-Type"], "application/vnd.schemaregistry.v1+json")
            self.assertEqual(base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode(), "reg:päss:w")
            asked = json.loads(body)
            self.assertEqual(list(asked), ["schema"])
            self.assertEqual(canonical(asked["schema"]), canonical(SCHEMA_TEXT))
        found = {name: read_records(self.kafka.brokers, name, framed=True) for name in (self.name, f"{self.name}_u")}
        frames = {record.frame for records in found.values() for record in records}
        self.assertEqual(frames, {bytes([0, 0, 0, 1, 2]), bytes([0, 1, 2, 3, 4])})
        self.assertEqual([len(records) for records in found.values()], [2, 1])

    def test_registry_that_is_away_or_busy_is_asked_again(self):
        c = self.one_row()
        held = socket.socket()
        held.bind(("127.0.0.1", 0))  # who connects is refused
        task = self.avro_task(f"http://127.0.0.1:{held.getsockname()[1]}")
        c.run("INSERT INTO t VALUES (1)")
        with task.start("--until", "caught-up") as process:
            process.wait_log("destination.down .*schema registry http://127.0.0.1:\\d+ cannot be reached", 20)
            with Registry(held=held) as registry:
                registry.answers = [(503, "<html>later</html>", "text/html"), (429, '{"error_code":42900,"message":"slowly"}', "application/json")]
                self.assertEqual(process.wait(30), 0, process.tail())
                self.assertEqual(len(registry.requests), 3)
        self.assertEqual(len(read_records(self.kafka.brokers, self.name, framed=True)), 1)

    def test_refusals_end_the_task_with_a_sentence(self):
        self.one_row()
        error = '{"error_code":%d,"message":"line one\\nand\\u001b[31m more"}'
        cases = [
            ((409, error % 409, "application/json"), r"subject \S+-value holds another schema, which this one is not compatible with \(409: line one and"),
            ((422, error % 42201, "application/json"), r"takes no schema of this kind for subject \S+-value \(422"),
            ((500, error % 50001, "application/json"), r"refuses the schema of subject \S+-value \(500"),
            ((500, "<html>oops</html>", "text/html"), r"does not answer as a schema registry does \(status 500, text/html\)"),
            ((200, "<html>hello</html>", "text/html"), r"does not answer as a schema registry does \(status 200, text/html\): check destination.schema_registry"),
            ((200, '{"id":"7"}', "application/json"), "does not answer as a schema registry does"),
            ((200, '{"id":-1}', "application/json"), "does not answer as a schema registry does"),
            ((200, '{"id":4294967296}', "application/json"), "does not answer as a schema registry does"),
            ((200, "[" * 70000, "application/json"), "an answer of more than 65536 bytes"),
            ((302, "", "text/html"), "does not answer as a schema registry does"),
            ((401, error % 40101, "application/json"), "denies access .401.*check destination.schema_registry_user"),
            ((403, "", "text/html"), "denies access .403"),
            ((404, "", "text/html"), "knows no such path .404.*/apis/ccompat/v7"),
        ]
        with Registry() as registry:
            for answer, sentence in cases:
                with self.subTest(answer=answer[:2]):
                    registry.answer = answer
                    process = self.avro_task(registry.url).run("--until", "caught-up")
                    self.assert_ends(process, 5, sentence)
                    self.assertNotIn("\x1b", process.log())
                    self.assertRegex(process.log(), f"schema registry http://127.0.0.1:{registry.port}|http://127.0.0.1:{registry.port} does not")

    def test_tls_needs_the_right_authority(self):
        c = self.one_row()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.kafka.tls, "server.pem"))
        with Registry(context=context) as registry:
            process = self.avro_task(registry.url).run("--until", "caught-up")
            self.assert_ends(process, 5, "TLS cannot be agreed .*check destination.schema_registry and destination.tls_ca")
            task = self.avro_task(registry.url, tls_ca=self.kafka.ca)
            c.run("INSERT INTO t VALUES (1)")
            task.run_until_caught_up()
        self.assertEqual(len(read_records(self.kafka.brokers, self.name, framed=True)), 1)

    def test_real_registry(self):
        registry = servers.registry()
        c = self.one_row()
        c.run("SET sql_mode=''")
        task = self.avro_task(registry.url, [{"table": f"{self.database}.*", "ddl": "all"}])
        c.run("ALTER TABLE t ADD c INT; INSERT INTO t VALUES (1,1),(2,2); DELETE FROM t WHERE id=1")
        task.run_until_caught_up()
        statement, *records = read_records(self.kafka.brokers, self.name, framed=True)
        self.assertEqual((statement.frame, statement.operation), (records[0].frame, "DDL"))
        (frame,) = {r.frame for r in records}
        AvroFold().add_all(records)
        with urllib.request.urlopen(f"{registry.url}/schemas/ids/{int.from_bytes(frame[1:], 'big')}", timeout=20) as answer:
            self.assertEqual(canonical(json.load(answer)["schema"]), canonical(SCHEMA_TEXT))
        # What is registered already keeps its id.
        c.run("INSERT INTO t VALUES (5, 5)")
        task.run_until_caught_up()
        self.assertEqual({r.frame for r in read_records(self.kafka.brokers, self.name, framed=True)}, {frame})
        # A subject with another schema under it.
        other = json.dumps({"schema": json.dumps({"type": "record", "name": "r", "fields": [{"name": "id", "type": "int"}]})}).encode()
        kind = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        urllib.request.urlopen(urllib.request.Request(f"{registry.url}/subjects/{self.name}_x-value/versions", other, kind), timeout=20).close()
        level = urllib.request.Request(f"{registry.url}/config/{self.name}_x-value", b'{"compatibility":"BACKWARD"}', kind, method="PUT")
        urllib.request.urlopen(level, timeout=20).close()
        process = self.avro_task(registry.url, topic=f"{self.name}_x").run("--until", "caught-up")
        self.assert_ends(process, 5, "holds another schema, which this one is not compatible with .409")


if __name__ == "__main__":
    unittest.main()
