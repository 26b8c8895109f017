"""A cluster of three brokers, of which some die and come back: a sentence, a retry, nothing lost.

In the long tier only: three brokers take half a minute to start.
"""

import threading
import unittest

from lib import servers
from lib.case import LONG, EndToEnd


class ThreeBrokers(EndToEnd):
    seconds = 150

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()
        self.connection = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")

    def write(self, count, first):
        for i in range(first, first + count, 50):
            self.connection.run("INSERT INTO t VALUES " + ",".join(f"({n}, {n})" for n in range(i, min(i + 50, first + count))))

    def test_brokers_that_die_and_come_back(self):
        with servers.Cluster() as cluster:
            task = self.task(self.server, brokers=cluster.brokers, destination={"partitions": 3, "replication_factor": 3})
            with task.start() as process:
                process.wait_streaming()
                # One of three: its partitions get other leaders, and everything goes on.
                writer = threading.Thread(target=self.write, args=(3000, 0))
                writer.start()
                cluster.others[0].stop(kill=True)
                writer.join()
                self.wait_rows(cluster, 3000)
                # Two of three: nobody can promise that what is acknowledged stays.
                cluster.others[1].stop(kill=True)
                self.write(200, 3000)
                process.wait_log("destination.down .*reason=.*retry_window_s=43200", 40)
                self.assertTrue(process.alive())
                for broker in cluster.others:
                    broker.start()
                self.wait_rows(cluster, 3200)
                self.assertEqual(process.stop(), 0, process.tail())
            messages = self.messages(brokers=cluster.brokers)
            self.assert_tables_equal(self.connection, self.fold(messages), ["t"])
            # The idempotent producer sent nothing twice, either.
            self.assertEqual(len(messages), 3200)

    def wait_rows(self, cluster, count):
        servers.wait_for(lambda: len(self.messages(brokers=cluster.brokers)) >= count, 60, f"{count} messages")


def load_tests(_loader, tests, _pattern):
    return tests if LONG else unittest.TestSuite()


if __name__ == "__main__":
    unittest.main()
