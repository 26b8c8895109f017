#!/usr/bin/env python3
"""The source checks find what they are there for."""

import pathlib
import tempfile
import unittest

import source


class Checks(unittest.TestCase):
    def found(self, generator):
        return [s.split(": ", 1)[1] for s in generator]

    def test_a_room_may_not_use_one_above_it(self):
        self.assertEqual(self.found(source.check_includes("base/a.c", '#include "net/conn.h"\n')), ["base may not use net"])
        self.assertEqual(self.found(source.check_includes("net/a.c", '#include "base/err.h"\n#include "net/conn.h"\n')), [])
        self.assertEqual(self.found(source.check_includes("cli/a.c", '#include "pipeline/task.h"\n')), [])

    def test_includes_go_by_the_path_from_src(self):
        self.assertEqual(self.found(source.check_includes("net/a.c", '  # include "conn.h"\n')), ["include conn.h by its path from src"])
        self.assertEqual(self.found(source.check_includes("net/a.c", '#include "nest/conn.h"\n')), ["nest is no room"])

    def test_a_library_stays_in_its_room(self):
        self.assertEqual(self.found(source.check_includes("net/a.c", "#include <librdkafka/rdkafka.h>\n")), ["<librdkafka/rdkafka.h> does not belong into net"])
        self.assertEqual(self.found(source.check_includes("kafka/a.c", "#include <librdkafka/rdkafka.h>\n")), [])
        self.assertEqual(len(self.found(source.check_includes("mysqlproto/packet.c", "#include <openssl/evp.h>\n"))), 1)
        self.assertEqual(self.found(source.check_includes("mysqlproto/auth_sha2.c", "#include <openssl/evp.h>\n")), [])

    def test_banned_calls_are_found_in_code_only(self):
        self.assertEqual(len(self.found(source.check_calls("a.c", "int x = atoi(s);\n"))), 1)
        self.assertEqual(len(self.found(source.check_calls("a.c", "strcpy (a, b);\n"))), 1)
        self.assertEqual(self.found(source.check_calls("a.c", '// strcpy(a)\n/* gets(\n) */ f("sprintf(x)"); snprintf(b); my_atoi(x); s.gets(1);\n')), [])

    def test_the_line_of_a_finding_is_right(self):
        self.assertEqual(list(source.check_calls("a.c", "/*\n*/\nint x = atoi(s);\n"))[0].split(":")[1], "3")

    def test_a_file_that_is_not_compiled_is_found(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name) / "net"
            (folder / "sub").mkdir(parents=True)
            (folder / "CMakeLists.txt").write_text("add_module(net SOURCES conn.c sub/two.c)\n")
            for file in ("conn.c", "nn.c", "sub/two.c", "two.c"):
                (folder / file).write_text("")
            self.assertEqual([s.split(":")[0] for s in source.check_listed(folder)], ["src/net/nn.c", "src/net/two.c"])

    def test_the_list_of_events_is_the_code_s(self):
        manual = "x `no.event`\n| event | meaning |\n|---|---|\n| `a.one`, `a.two` | `a.three` |\n\n| `a.four` | |\n"
        code = 'log_info("a.one", "x=%d", 1);\nlog_warn(\n    "a.five", "y");\nlog_debug("a.six", "z");\nlog_write(bad ? LOG_WARN : LOG_INFO, "a.seven", "w");\nr->event = "a.two";\n'
        self.assertEqual(list(source.check_events([("src/x.c", code)], manual)), [
            "src/x.c:2: event a.five is not in the table of events of docs/manual.md",
            "src/x.c:5: event a.seven is not in the table of events of docs/manual.md",
        ])
        self.assertEqual(list(source.check_events([("src/x.c", 'log_info("a.one", "x");')], manual)), ["docs/manual.md: nothing logs the event a.two"])

    def test_paths_of_a_machine_are_found(self):
        self.assertEqual(len(self.found(source.check_private("a", "see /" + "work/main/x and /home/ann/y\n"))), 2)
        self.assertEqual(self.found(source.check_private("a", "a/work/b ./root/x $HOME/.cache\n")), [])


if __name__ == "__main__":
    unittest.main()
