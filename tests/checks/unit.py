#!/usr/bin/env python3
"""The systemd unit as systemd reads it: python3 tests/checks/unit.py SYSTEMD_ANALYZE UNIT

It is verified as rowcast@orders.service, with a program that is there in
place of the installed one, and its exposure may not grow: systemd-analyze
security gives 1.6 of 10, of which nothing that a replicator can do without is
left.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

EXPOSURE_MAX = 20  # tenths


def main():
    program, unit = sys.argv[1:]
    text = pathlib.Path(unit).read_text(encoding="utf-8")
    text, replaced = re.subn(r"^ExecStart=/usr/bin/rowcast ", "ExecStart=/bin/true ", text, flags=re.M)
    if replaced != 1:
        sys.exit("the unit does not start /usr/bin/rowcast")
    for setting in ("Type=notify", "WatchdogSec=", "ExecReload=/bin/kill -HUP $MAINPID", "NoNewPrivileges=yes"):
        if not re.search("^" + re.escape(setting), text, re.M):
            sys.exit(f"the unit has no {setting}")
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "rowcast@orders.service"
        copy.write_text(text, encoding="utf-8")
        done = subprocess.run([program, "verify", "--man=no", copy], capture_output=True, text=True, timeout=40)
        if done.returncode != 0 or done.stderr.strip():
            sys.exit(f"systemd-analyze verify: {done.returncode} {done.stderr}")
        done = subprocess.run([program, "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", copy], capture_output=True, text=True, timeout=40)
        print(done.stdout.strip().splitlines()[-1])
        if done.returncode != 0:
            sys.exit(f"systemd-analyze security: the exposure is above {EXPOSURE_MAX / 10}")


if __name__ == "__main__":
    main()
