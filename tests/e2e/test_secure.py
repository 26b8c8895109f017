"""Brokers that ask who we are, and brokers that refuse: logins, certificates, permissions."""

import os
import socket
import ssl
import subprocess
import threading
import unittest

from lib import servers
from lib.case import LONG, EndToEnd

PASSWORD = {"ROWCAST_DESTINATION_PASSWORD": "rowcast-pw"}
LOGIN = {"mechanism": "SCRAM-SHA-256", "user": "rowcast"}


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def certificate(folder, tls, name="old", days="-1", names="DNS:localhost,IP:127.0.0.1"):
    """A key and a certificate of the test authority that ended yesterday, or is of other names; the common path of both."""
    path = os.path.join(folder, name)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{path}.key", "-out", f"{path}.csr")
    with open(f"{path}.ext", "w", encoding="ascii") as f:
        f.write(f"subjectAltName={names}\n")
    openssl("x509", "-req", "-in", f"{path}.csr", "-CA", f"{tls}/ca.crt", "-CAkey", f"{tls}/ca.key", "-CAserial", f"{path}.srl", "-CAcreateserial",
            "-days", days, "-extfile", f"{path}.ext", "-out", f"{path}.crt")
    with open(f"{path}.pem", "wb") as whole:
        for part in ("key", "crt"):
            with open(f"{path}.{part}", "rb") as f:
                whole.write(f.read())
    return path


class Secure(EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = servers.mysql()
        self.connection = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")
        self.rows = 0

    def secure_task(self, brokers, security, sasl=None, **more):
        destination = {"security": security, **({"sasl": {**LOGIN, **sasl}} if sasl is not None else {}), **more}
        return self.task(self.server, start=self.server.position(), brokers=brokers, destination=destination)

    def run_one_row(self, task, password="rowcast-pw"):
        self.rows += 1
        self.connection.run(f"INSERT INTO t VALUES ({self.rows})")
        return task.run("--until", "caught-up", environment={"ROWCAST_DESTINATION_PASSWORD": password})

    def ssl_brokers(self):
        return {"brokers": self.kafka.ssl_brokers, "security": "ssl", "tls_ca": self.kafka.ca,
                "tls_cert": self.kafka.client_cert, "tls_key": self.kafka.client_key}

    def test_every_way_to_log_in(self):
        ways = [{"brokers": brokers, "security": security, "sasl": {"mechanism": mechanism}, **ca}
                for brokers, security, ca in ((self.kafka.sasl_plaintext_brokers, "sasl_plaintext", {}),
                                              (self.kafka.sasl_ssl_brokers, "sasl_ssl", {"tls_ca": self.kafka.ca}))
                for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")]
        for way in [*ways, self.ssl_brokers()]:
            with self.subTest(way=way):
                process = self.run_one_row(self.secure_task(existing_topics="ignore", **way))
                self.assertEqual(process.code, 0, process.tail())
                self.assertNotIn("rowcast-pw", process.log())
        self.assertEqual([m.change["data"][0]["id"] for m in self.messages()], [str(i + 1) for i in range(len(ways) + 1)])

    def test_what_is_refused_is_said(self):
        ca = {"tls_ca": self.kafka.ca}
        ssl = self.ssl_brokers()
        other_ca = os.path.join(self.folder(), "other")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10", "-subj", "/CN=other", "-keyout", f"{other_ca}.key", "-out", f"{other_ca}.crt")
        old = certificate(self.folder(), self.kafka.tls)
        cases = {
            "password, SCRAM": ({"brokers": self.kafka.sasl_plaintext_brokers, "security": "sasl_plaintext", "sasl": {}}, "wrong", "[Aa]uthentication failed.*destination.sasl"),
            "password, PLAIN": ({"brokers": self.kafka.sasl_ssl_brokers, "security": "sasl_ssl", "sasl": {"mechanism": "PLAIN"}, **ca}, "wrong", "[Aa]uthentication failed.*destination.sasl"),
            "user": ({"brokers": self.kafka.sasl_plaintext_brokers, "security": "sasl_plaintext", "sasl": {"user": "nobody"}}, "rowcast-pw", "[Aa]uthentication failed.*destination.sasl"),
            "authority": ({**ssl, "tls_ca": f"{other_ca}.crt"}, "", "certificate verify failed.*tls_ca"),
            "no client certificate": ({"brokers": ssl["brokers"], "security": "ssl", **ca}, "", "SSL alert number.*tls_cert"),
            "expired client certificate": ({**ssl, "tls_cert": f"{old}.crt", "tls_key": f"{old}.key"}, "", "SSL alert number.*tls_cert"),
        }
        for name, (way, password, sentence) in cases.items():
            with self.subTest(name):
                process = self.run_one_row(self.secure_task(**way), password or "x")
                self.assert_ends(process, 5, sentence)

    def test_expired_or_foreign_certificate_of_the_broker(self):
        old = certificate(self.folder(), self.kafka.tls)
        cases = [(f"{old}.pem", "certificate verify failed.*tls_ca")]
        if LONG:
            cases.append((f"{self.kafka.tls}/other.pem", "certificate verify failed|hostname mismatch"))
        for pem, sentence in cases:
            with self.subTest(pem), servers.OwnServer("kafka", f"ssl.keystore.location={pem}") as kafka:
                process = self.run_one_row(self.secure_task(kafka.ssl_brokers, "ssl", tls_ca=kafka.ca, tls_cert=kafka.client_cert, tls_key=kafka.client_key))
                self.assert_ends(process, 5, sentence)

    def test_a_certificate_of_another_name(self):
        """Of the right authority, and of another machine: names are looked at unless librdkafka is told not to."""
        path = certificate(self.folder(), self.kafka.tls, "elsewhere", days="10", names="DNS:elsewhere.example")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{path}.pem")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def answer():
                while True:
                    try:
                        client, _ = listener.accept()
                    except OSError:
                        return
                    try:
                        context.wrap_socket(client, server_side=True).close()
                    except OSError:
                        client.close()

            threading.Thread(target=answer, daemon=True).start()
            brokers = f"127.0.0.1:{listener.getsockname()[1]}"
            process = self.run_one_row(self.secure_task(brokers, "ssl", tls_ca=self.kafka.ca))
            self.assert_ends(process, 5, "certificate verify failed|hostname mismatch|IP address mismatch")
            listener.shutdown(socket.SHUT_RDWR)

    def test_permissions(self):
        """Not authorised for a topic, from the start and in mid run."""
        options = ("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                   "super.users=User:ANONYMOUS", "allow.everyone.if.no.acl.found=true")
        with servers.OwnServer("kafka", *options) as kafka:
            def acl(*words):
                kafka.tool("org.apache.kafka.tools.AclCommand", "--bootstrap-server", kafka.brokers, "--topic", self.name, *words)

            kafka.topic_tool("--create", "--topic", self.name, "--partitions", "1")
            task = self.secure_task(kafka.sasl_plaintext_brokers, "sasl_plaintext", {}, existing_topics="ignore", create_topics=False)
            with task.start(environment=PASSWORD) as process:
                process.wait_streaming()
                self.connection.run("INSERT INTO t VALUES (1)")
                servers.wait_for(lambda: len(self.messages(brokers=kafka.brokers)) == 1, 20, "the first message")
                acl("--add", "--deny-principal", "User:rowcast", "--operation", "Write")
                self.connection.run("INSERT INTO t VALUES (2)")
                process.wait_log(f"topic {self.name} .0.: .*authorization failed: grant User:rowcast Describe and Write on the topic", 30)
                acl("--remove", "--force", "--deny-principal", "User:rowcast", "--operation", "Write")
                servers.wait_for(lambda: len(self.messages(brokers=kafka.brokers)) >= 2, 30, "the second message")
                self.assertEqual(process.stop(), 0, process.tail())
            self.assertEqual({m.change["data"][0]["id"] for m in self.messages(brokers=kafka.brokers)}, {"1", "2"})
            acl("--add", "--deny-principal", "User:rowcast", "--operation", "Describe", "--operation", "Write")
            process = task.run("--until", "caught-up", environment=PASSWORD)
            self.assert_ends(process, 5, f"topic {self.name}")

    def test_a_topic_deleted_in_mid_run(self):
        task = self.task(self.server, destination={"librdkafka": {"topic.metadata.propagation.max.ms": "3000"}})
        with task.start() as process:
            process.wait_streaming()
            self.connection.run("INSERT INTO t VALUES (1)")
            servers.wait_for(lambda: len(self.messages()) == 1, 20, "the first message")
            self.kafka.topic_tool("--delete", "--topic", self.name)
            self.connection.run("INSERT INTO t VALUES (2)")
            self.assert_ends(process, 5, f"topic {self.name}", seconds=45)


if __name__ == "__main__":
    unittest.main()
