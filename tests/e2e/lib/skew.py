"""A clock of one process that a test sets, and a disk that it makes slow.

    skew = Skew(self.folder())
    task.start(environment=skew.environment)
    skew.forward(600)
    skew.slow(5)
"""

import mmap
import os
import struct
import subprocess

from . import servers


class Skew:
    """The clock of a process, which can be set forward (tests/support/skewed_clock.c)."""

    def __init__(self, folder):
        library = os.path.join(folder, "skewed_clock.so")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, os.path.join(servers.ROOT, "tests", "support", "skewed_clock.c")], check=True, timeout=60)
        path = os.path.join(folder, "clock")
        with open(path, "wb") as f:
            f.write(bytes(16))
        with open(path, "r+b") as f:
            self.memory = mmap.mmap(f.fileno(), 16)
        self.environment = {"LD_PRELOAD": library, "SKEWED_CLOCK": path}

    def forward(self, seconds):
        before = struct.unpack("<q", self.memory[:8])[0]
        self.memory[:8] = struct.pack("<q", before + seconds)

    def slow(self, seconds):
        """How long each writing of the checkpoint to disk takes; 0 also ends one that is under way."""
        self.memory[8:] = struct.pack("<q", int(seconds * 1000))
