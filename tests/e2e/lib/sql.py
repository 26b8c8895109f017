"""A small client for MySQL and MariaDB: text protocol over the Unix socket.

It logs in as root with an empty password, as scripts/servers sets it up, and
hands out the server's own bytes, so that what is compared with the messages
went through nothing of ours. Protocol: MySQL source docs, "Client/Server
Protocol".
"""

import socket
import struct
import threading

CLIENT_FLAGS = (
    0x00000001  # LONG_PASSWORD
    | 0x00000004  # LONG_FLAG
    | 0x00000200  # PROTOCOL_41
    | 0x00002000  # TRANSACTIONS
    | 0x00008000  # SECURE_CONNECTION
    | 0x00010000  # MULTI_STATEMENTS
    | 0x00020000  # MULTI_RESULTS
    | 0x00080000  # PLUGIN_AUTH
)
COM_QUERY = 3
MORE_RESULTS = 0x0008
CHARSET_BINARY = 63


class SqlError(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code


class Column:
    """What a result says of one of its columns."""

    def __init__(self, name, charset, kind):
        self.name = name
        self.charset = charset
        self.kind = kind


class Cursor:
    """Walks the fields of a packet."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        piece = self.data[self.at : self.at + count]
        self.at += count
        return piece

    def number(self, count):
        return int.from_bytes(self.take(count), "little")

    def length(self):
        first = self.number(1)
        if first < 0xFB:
            return first
        if first == 0xFB:
            return None
        return self.number({0xFC: 2, 0xFD: 3, 0xFE: 8}[first])

    def text(self):
        count = self.length()
        return None if count is None else self.take(count)

    def until_zero(self):
        end = self.data.index(b"\0", self.at)
        piece = self.data[self.at : end]
        self.at = end + 1
        return piece


class Connection:
    """One session. Not for two threads at a time."""

    def __init__(self, path, database=None, timeout=120):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb", buffering=1 << 16)
        self.sequence = 0
        self._login()
        self.run("SET NAMES utf8mb4")
        if database:
            self.run(f"USE `{database}`")

    def close(self):
        try:
            self.stream.close()
            self.socket.close()
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _read(self):
        whole = b""
        while True:
            head = self.stream.read(4)
            if len(head) < 4:
                raise ConnectionError("the server closed the connection")
            size = int.from_bytes(head[:3], "little")
            self.sequence = head[3] + 1
            body = self.stream.read(size)
            if len(body) < size:
                raise ConnectionError("the server closed the connection")
            whole += body
            if size < 0xFFFFFF:
                return whole

    def _write(self, payload):
        pieces = []
        at = 0
        while True:
            piece = payload[at : at + 0xFFFFFF]
            pieces.append(struct.pack("<I", len(piece) | (self.sequence & 255) << 24))
            pieces.append(piece)
            self.sequence += 1
            at += len(piece)
            if len(piece) < 0xFFFFFF:
                break
        self.socket.sendall(b"".join(pieces))

    def _login(self):
        hello = Cursor(self._read())
        if hello.number(1) == 0xFF:
            raise self._error(hello)
        hello.until_zero()
        self.id = hello.number(4)
        self._write(
            struct.pack("<IIB23x", CLIENT_FLAGS, 1 << 30, 45) + b"root\0" + b"\0" + b"mysql_native_password\0"
        )
        while True:
            answer = self._read()
            if answer[0] == 0x00:
                return
            if answer[0] == 0xFF:
                raise self._error(Cursor(answer[1:]))
            if answer[0] == 0xFE:  # another plugin: an empty password is an empty answer to all of them
                self._write(b"")

    @staticmethod
    def _error(cursor):
        code = cursor.number(2)
        text = cursor.take(len(cursor.data)).decode("utf-8", "replace")
        return SqlError(code, text[6:] if text.startswith("#") else text)

    def send(self, statement):
        """Only sends; answer() has to follow."""
        if isinstance(statement, str):
            statement = statement.encode()
        self.sequence = 0
        self._write(bytes([COM_QUERY]) + statement)

    def answer(self):
        """The results of what was sent: a list of (columns, rows)."""
        results = []
        while True:
            first = Cursor(self._read())
            mark = first.data[0]
            if mark == 0xFF:
                first.at = 1
                raise self._error(first)
            if mark == 0x00:
                first.at = 1
                first.length()
                first.length()
                status = first.number(2)
                results.append(([], []))
            else:
                columns = [self._column(Cursor(self._read())) for _ in range(first.length())]
                self._read()  # EOF
                rows, status = self._rows(len(columns))
                results.append((columns, rows))
            if not status & MORE_RESULTS:
                return results

    @staticmethod
    def _column(c):
        for _ in range(4):
            c.text()
        name = c.text().decode()
        c.text()
        c.length()
        charset = c.number(2)
        c.number(4)
        return Column(name, charset, c.number(1))

    def _rows(self, count):
        rows = []
        while True:
            data = self._read()
            if data[0] == 0xFE and len(data) < 9:
                return rows, struct.unpack_from("<H", data, 3)[0]
            if data[0] == 0xFF:
                raise self._error(Cursor(data[1:]))
            c = Cursor(data)
            rows.append(tuple(c.text() for _ in range(count)))

    def run(self, statement):
        """Runs one or more statements; the rows of the last result, as bytes."""
        self.send(statement)
        return self.answer()[-1][1]

    def query(self, statement):
        """Columns and rows of the last result."""
        self.send(statement)
        return self.answer()[-1]

    def text(self, statement):
        """Rows as text."""
        return [tuple(None if v is None else v.decode("utf-8", "replace") for v in row) for row in self.run(statement)]

    def one(self, statement):
        """The single value of the single row, as text."""
        return self.text(statement)[0][0]

    def script(self, statements):
        """Runs many statements in few round trips."""
        batch = []
        size = 0
        for statement in statements:
            batch.append(statement)
            size += len(statement)
            if size > 1 << 19:
                self.run(";".join(batch))
                batch, size = [], 0
        if batch:
            self.run(";".join(batch))


class Background:
    """Runs a function in a thread and hands its exception on."""

    def __init__(self, function, *arguments):
        self.failure = None
        self.thread = threading.Thread(target=self._run, args=(function, arguments), daemon=True)
        self.thread.start()

    def _run(self, function, arguments):
        try:
            function(*arguments)
        except BaseException as failure:  # noqa: B902 - it is raised again in join()
            self.failure = failure

    def alive(self):
        return self.thread.is_alive()

    def join(self, timeout=120):
        self.thread.join(timeout)
        if self.thread.is_alive():
            raise TimeoutError("a background task does not end")
        if self.failure:
            raise self.failure
