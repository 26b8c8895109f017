"""The harness finds what it is there for: messages that are lost, swapped, changed or misplaced."""

import json
import unittest

from lib.compare import same_cell
from lib.copyfold import INIT_BIT, CopyFold
from lib.fold import Fold, FoldError
from lib.messages import Message


def message(number, kind, data, old=None, key="1", partition=0, offset=None, **other):
    change = {"data": [data], "database": "d", "es": 1000, "id": number, "isDdl": False, "mysqlType": {}, "old": None,
              "pkNames": ["id"], "sql": "", "sqlType": {}, "table": "t", "ts": 2000, "type": kind, **other}
    if kind == "UPDATE":
        change["old"] = [old]
    if kind == "DELETE":
        del change["old"]
    value = json.dumps(change, separators=(",", ":"), ensure_ascii=False)
    key = None if key is None else json.dumps(["d", "t", key], separators=(",", ":"))
    return Message(json.dumps({"topic": "x", "partition": partition, "offset": number if offset is None else offset, "ts": 0, "key": key, "payload": value}))


class Folding(unittest.TestCase):
    def setUp(self):
        self.history = [
            message(1, "INSERT", {"id": "1", "v": "a"}),
            message(2, "UPDATE", {"id": "1", "v": "b"}, {"v": "a"}),
            message(3, "UPDATE", {"id": "1", "v": "c"}, {"v": "b"}),
            message(4, "INSERT", {"id": "2", "v": None}, key="2"),
            message(5, "DELETE", {"id": "1", "v": "c"}),
        ]

    def refused(self, messages, pattern):
        with self.assertRaisesRegex(FoldError, pattern):
            Fold().add_all(messages)

    def test_a_whole_history_adds_up(self):
        self.assertEqual(Fold().add_all(self.history).table("d.t"), [{"id": "2", "v": None}])

    def test_each_change_that_is_missing_before_another_one_is_noticed(self):
        for gone in (0, 1, 2):
            with self.subTest(gone=gone):
                self.refused(self.history[:gone] + self.history[gone + 1:], "was|not there")

    def test_swapped_changes_are_noticed(self):
        self.refused([self.history[0], self.history[2], self.history[1]], "was|after")

    def test_a_repeat_is_counted_and_a_false_one_refused(self):
        fold = Fold().add_all(self.history + self.history[2:])
        self.assertEqual((fold.repeats, len(fold.table("d.t"))), (3, 1))
        self.refused([*self.history, message(4, "INSERT", {"id": "2", "v": "other"}, key="2")], "another change")

    def test_a_repeat_may_only_differ_in_ts(self):
        self.assertEqual(Fold().add_all([self.history[0], message(1, "INSERT", {"id": "1", "v": "a"}, ts=9999)]).repeats, 1)
        self.refused([self.history[0], message(1, "INSERT", {"id": "1", "v": "a"}, es=9999)], "another change")

    def test_a_key_stays_in_its_partition(self):
        self.refused([self.history[0], message(2, "UPDATE", {"id": "1", "v": "b"}, {"v": "a"}, partition=1)], "partition 0 before")

    def test_a_key_of_another_table_is_noticed(self):
        self.refused([message(1, "INSERT", {"id": "1"}, table="u")], "another table")

    def test_the_form_of_a_message(self):
        for bad in ({"isDdl": True}, {"sql": "x"}, {"old": [{}]}, {"extra": 1}, {"data": []}, {"data": [{"id": 1}]}):
            with self.subTest(bad=bad):
                m = message(1, "INSERT", {"id": "1"})
                m.change.update(bad)
                m.value = json.dumps(m.change, separators=(",", ":"))
                self.refused([m], ".")
        loose = message(1, "INSERT", {"id": "1"})
        loose.value = loose.value.replace('":', '": ')
        self.refused([loose], "compact")

    def test_rows_without_a_key_are_counted(self):
        a = {"a": "1"}
        fold = Fold().add_all([message(1, "INSERT", a, key=None), message(2, "INSERT", a, key=None), message(3, "DELETE", a, key=None)])
        self.assertEqual(fold.table("d.t"), [a])
        self.refused([message(1, "DELETE", a, key=None)], "not there")


class Comparing(unittest.TestCase):
    def test_cells(self):
        equal = [
            ("int", "7", b"7"), ("float", "0.1", b"0.10000000149011612"), ("double", "1.0E7", b"10000000"), ("bit", "5", b"\x00\x05"),
            ("varbinary", "\x00\xff", b"\x00\xff"), ("varchar", "ä", "ä".encode()), ("int", None, None), ("double", "-0.0", b"-0"),
        ]
        for kind, text, raw in equal:
            with self.subTest(kind=kind, text=text):
                self.assertTrue(same_cell(kind, text, raw))
        different = [
            ("int", "7", b"8"), ("float", "0.1", b"0.1001"), ("double", "1e7", b"10000000"), ("double", "1.0E+7", b"10000000"), ("double", "10", b"10"),
            ("bit", "4", b"\x00\x05"), ("varbinary", "ÿ", "ÿ".encode()), ("varchar", "", None), ("varchar", None, b""), ("double", "0.0", b"-0"),
        ]
        for kind, text, raw in different:
            with self.subTest(kind=kind, text=text):
                self.assertFalse(same_cell(kind, text, raw))


def row(number, kind, version, before=None, key="1", **other):
    """A change of a row with a version; an INIT's number is of its own range."""
    if kind == "INIT":
        number |= INIT_BIT
    data = {"id": key, "n": key, "v": str(version)}
    return message(number, kind, data, None if before is None else {"v": str(before)}, key=key, **other)


class FoldingOfACopy(unittest.TestCase):
    def refused(self, messages, pattern, **keys):
        for at, each in enumerate(messages):
            each.offset = at
        with self.assertRaisesRegex(FoldError, pattern):
            CopyFold(**keys).add_all(messages)

    def accepted(self, messages, **keys):
        return CopyFold(**keys).add_all(messages).table("d.t")

    def test_a_copy_with_changes_beside_it(self):
        history = [row(1, "INIT", 0), row(2, "INIT", 3, key="2"), row(1, "UPDATE", 1, 0), row(2, "DELETE", 3, key="2"), row(3, "INSERT", 4, key="2")]
        self.assertEqual([r["v"] for r in self.accepted(history, ordered=["t"])], ["1", "4"])

    def test_a_change_in_the_window_takes_the_place_of_the_row(self):
        self.assertEqual([r["v"] for r in self.accepted([row(1, "UPDATE", 5, 4), row(2, "UPDATE", 6, 5)], ordered=["t"])], ["6"])
        self.assertEqual(self.accepted([row(1, "DELETE", 5)], ordered=["t"]), [])

    def test_an_older_value_after_a_newer_one_is_noticed(self):
        for strict in (True, False):
            with self.subTest(strict=strict):
                self.refused([row(1, "UPDATE", 5, 4), row(1, "INIT", 4)], "back", strict=strict)
                self.refused([row(1, "DELETE", 5), row(1, "INIT", 5)], "back", strict=strict)

    def test_a_change_that_the_copy_lost_is_noticed(self):
        self.refused([row(1, "INIT", 3), row(1, "UPDATE", 5, 4)], "was '3' before")
        self.refused([row(1, "INIT", 3), row(1, "INSERT", 5)], "is there")
        self.refused([row(1, "INIT", 3), row(1, "DELETE", 3), row(2, "UPDATE", 5, 4)], "not there")

    def test_an_init_row_after_changes_of_its_key(self):
        history = [row(1, "UPDATE", 5, 4), row(1, "INIT", 5)]
        self.assertEqual(len(self.accepted(history)), 1)
        self.refused(history, "after another message", ordered=["t"])
        self.refused([row(1, "UPDATE", 5, 4), row(1, "INIT", 6)], "as it stands")

    def test_numbers_are_of_two_ranges(self):
        self.refused([message(7, "INIT", {"id": "1", "v": "0"})], "other range")
        self.refused([message(INIT_BIT | 7, "INSERT", {"id": "1", "v": "0"})], "other range")
        self.refused([row(2, "INIT", 0), row(1, "INIT", 0, key="2")], "after")

    def test_a_row_from_before_a_truncate_does_not_follow_one_from_behind_it(self):
        after = [row(1, "INIT", 3), row(1, "INSERT", 9, key="2"), row(2, "INSERT", 9, key="1")]
        fold = CopyFold(strict=False, truncated={"t": [5]}).add_all(after[:2])
        self.assertEqual([r["v"] for r in fold.remaining("d.t")], ["9"])
        self.refused([after[1], row(5, "INIT", 3)], "before the TRUNCATE", strict=False, truncated={"t": [5]})


if __name__ == "__main__":
    unittest.main()
