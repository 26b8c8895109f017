"""The main job from end to end, in few words; also run with every sanitizer."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
import unittest

from lib import servers
from lib.case import EndToEnd
from lib.messages import Follower
from lib.task import PROGRAM, SANITIZER_OPTIONS


class Smoke(EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    def table(self):
        return self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY, name VARCHAR(50), qty INT)")

    def test_changes_arrive_as_they_are_made(self):
        c = self.table()
        process = self.task(self.server).start()
        process.wait_streaming()
        follower = self.follow()
        c.run("INSERT INTO item VALUES (7,'ann',NULL)")
        inserted = follower.wait_count(1, 10)[0]
        c.run("UPDATE item SET qty=3 WHERE id=7")
        c.run("DELETE FROM item")
        messages = follower.wait_count(3, 10)
        self.assertEqual([m.change["type"] for m in messages], ["INSERT", "UPDATE", "DELETE"])
        self.assertEqual(inserted.key, json.dumps([self.database, "item", "7"], separators=(",", ":")))
        change = inserted.change
        self.assertEqual(change["data"], [{"id": "7", "name": "ann", "qty": None}])
        self.assertEqual(change["mysqlType"], {"id": "int", "name": "varchar(50)", "qty": "int"})
        self.assertEqual(change["sqlType"], {"id": 4, "name": 12, "qty": 4})
        self.assertLess(abs(change["ts"] / 1000 - time.time()), 30)
        self.assertLess(abs(change["es"] / 1000 - time.time()), 30)
        self.assertEqual(messages[1].change["old"], [{"qty": None}])
        self.assertNotIn("old", messages[2].change)
        self.assertEqual(self.fold(messages).table(f"{self.database}.item"), [])
        self.assertEqual(process.stop(), 0, process.tail())

    def test_a_restart_goes_on_where_it_ended(self):
        c = self.table()
        task = self.task(self.server)
        process = task.start()
        process.wait_streaming()
        c.run("INSERT INTO item VALUES (1,'a',1),(2,'b',2)")
        self.follow().wait_count(2, 10)
        self.assertEqual(process.stop(), 0, process.tail())
        c.run("INSERT INTO item VALUES (3,'c',3); UPDATE item SET qty=qty+1")
        task.run_until_caught_up()
        messages = self.messages()
        self.assertEqual(len(messages), 2 + 4)
        fold = self.fold(messages)
        self.assertEqual(fold.repeats, 0)
        self.assert_tables_equal(c, fold, ["item"])
        task.run_until_caught_up()
        self.assertEqual(len(self.messages()), 6)

    def test_the_next_binlog_file_is_followed(self):
        c = self.table()
        task = self.task(self.server)
        process = task.start()
        process.wait_streaming()
        follower = self.follow()
        c.run("INSERT INTO item VALUES (1,'a',1); FLUSH BINARY LOGS; INSERT INTO item VALUES (2,'b',2); FLUSH BINARY LOGS")
        follower.wait_count(2, 10)
        c.run("INSERT INTO item VALUES (3,'c',3)")
        follower.wait_count(3, 10)
        self.assertEqual(process.stop(), 0, process.tail())
        task.run_until_caught_up()
        self.assertEqual(self.fold().repeats, 0)

    def test_until_caught_up_ends_by_itself(self):
        c = self.table()
        task = self.task(self.server, start=self.server.position())
        for i in range(300):
            c.run(f"INSERT INTO item VALUES ({i}, REPEAT('x', 40), {i})")
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["item"])

    def test_embedded_broker_can_be_read_by_others(self):
        c = self.table()
        process = self.task(self.server, brokers="embedded", destination={"partitions": 3}).start()
        address = process.wait_log(r"destination\.embedded brokers=(\S+)", 20).group(1)
        process.wait_streaming()
        c.run("INSERT INTO item VALUES (1,'a',1),(2,'b',2),(3,'c',3)")
        with Follower(address, self.name) as follower:
            messages = follower.wait_count(3, 15)
        self.assert_tables_equal(c, self.fold(messages), ["item"])
        self.assertEqual(process.stop(), 0, process.tail())

    def test_brokers_embedded_on_the_command_line(self):
        self.table()
        process = self.task(self.server).start("--brokers", "embedded")
        process.wait_log(r"destination\.embedded", 20)
        process.wait_streaming()
        self.assertEqual(process.stop(), 0, process.tail())

    def test_a_terminal_shows_how_far_it_is(self):
        """The copy by table with its rate and the time left, then one line that is written anew."""
        c = self.table()
        c.run("INSERT INTO item (id) VALUES " + ",".join(f"({i})" for i in range(400)))
        c.run("ANALYZE TABLE item")
        task = self.task(self.server, phases=["full", "incremental"], full={"chunk_rows": 20}, throttle={"full": {"rows": 150}})
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 250, 0, 0))
        process = subprocess.Popen([PROGRAM, "run", task.path, "--until", "caught-up"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs,
                                   env={**os.environ, "ROWCAST_SOURCE_PASSWORD": "rowcast-pw", **SANITIZER_OPTIONS})
        self.addCleanup(process.kill)
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:
            pass  # nobody holds the other end any more
        os.close(ours)
        self.assertEqual((process.wait(10), process.stdout.read()), (0, b""), text)
        process.stdout.close()
        text = text.decode()
        self.assertRegex(text, rf"  {self.database}\.item  \d+ rows  \d+%  \d+/s")
        self.assertRegex(text, rf"{self.name}  copying  [01] of 1 tables  \d+ rows  \d+%  \d+/s  \d+:\d\d left  at gtid:")
        self.assertRegex(text, r"\x1b\[")

    def test_sigint_ends_it_as_well(self):
        self.table()
        process = self.task(self.server).start()
        process.wait_streaming()
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(20), 0, process.tail())

    def test_server_id_is_picked(self):
        c = self.table()
        first = self.task(self.server, source={"server_id": "auto"})
        second = self.task(self.server, name=f"{self.name}_2", source={"server_id": "auto"})
        one = first.start()
        one.wait_streaming()
        two = second.start()
        two.wait_streaming()
        c.run("INSERT INTO item VALUES (1,'a',1)")
        self.follow().wait_count(1, 10)
        self.follow(f"{self.name}_2").wait_count(1, 10)
        self.assertEqual(one.stop(), 0, one.tail())
        self.assertEqual(two.stop(), 0, two.tail())
        self.assertNotIn("source.lost", one.log())

    def test_an_idle_table_does_not_pin_the_position(self):
        """The position moves on over what concerns nobody: a restart does not read it again."""
        c = self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY)", "CREATE TABLE other (id INT PRIMARY KEY, t VARCHAR(9))")
        task = self.task(self.server, objects=[f"{self.database}.item"])
        process = task.start()
        process.wait_streaming()
        c.script(f"INSERT INTO other VALUES ({i}, 'x')" for i in range(50))
        position = self.server.position()
        servers.wait_for(lambda: self.number(self.durable(task)) >= self.number(position), 10, "the checkpoint")
        process.kill()
        again = task.start("--until", "caught-up")
        self.assertEqual(again.wait(20), 0, again.tail())
        start = again.wait_log(r"task\.start .*position=(\S+)", 5).group(1)
        self.assertGreaterEqual(self.number(start), self.number(position), f"begins at {start}, the source stood at {position}")

    @staticmethod
    def durable(task):
        """Where a restart would begin, as the running task says."""
        return json.loads(task.run("--json", command="status").output)["positions"]["durable"]

    @staticmethod
    def number(position):
        """The last transaction of a position; others write to the same server."""
        return int(re.search(r":1-(\d+)|-(\d+)$", position).group(1) or re.search(r"-(\d+)$", position).group(1))


class SmokeMariadb(Smoke):
    def setUp(self):
        super().setUp()
        self.server = servers.mariadb()

    test_changes_arrive_as_they_are_made = None
    test_a_terminal_shows_how_far_it_is = None

    def test_changes_arrive(self):
        c = self.table()
        process = self.task(self.server).start()
        process.wait_streaming()
        c.run("INSERT INTO item VALUES (7,'ann',NULL); UPDATE item SET qty=3 WHERE id=7; INSERT INTO item VALUES (8,'bob',1); DELETE FROM item WHERE id=7")
        messages = self.follow().wait_count(4, 15)
        self.assert_tables_equal(c, self.fold(messages), ["item"])
        self.assertEqual(process.stop(), 0, process.tail())


class SmokeWithoutGtid(Smoke):
    """Positions are file and offset."""

    test_changes_arrive_as_they_are_made = None
    test_a_terminal_shows_how_far_it_is = None
    test_embedded_broker_can_be_read_by_others = None
    test_brokers_embedded_on_the_command_line = None
    test_sigint_ends_it_as_well = None
    test_server_id_is_picked = None
    test_an_idle_table_does_not_pin_the_position = None

    def setUp(self):
        super().setUp()
        self.server = servers.mysql("nogtid", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")


if __name__ == "__main__":
    unittest.main()
