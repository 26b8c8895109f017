"""A TCP proxy that does harm to what the server sends.

    with Proxy(server.port) as proxy:
        proxy.rule = FlipBit(after=5000)
        task.change(source={"port": proxy.port})
"""

import select
import socket
import threading


class Rule:
    """What happens to the stream of one connection from the server: one object is shared by all
    connections, `count` says how many there were."""

    def __init__(self):
        self.done = False

    def apply(self, data, passed, proxy):
        """The bytes to hand on; None ends the connection. passed: bytes before these."""
        return data


class Truncate(Rule):
    """Ends the first connection that has handed on so many bytes, in mid packet."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def apply(self, data, passed, proxy):
        if self.done or passed + len(data) <= self.after:
            return data
        self.done = True
        proxy.last_words = data[: max(self.after - passed, 0)]
        return None


class FlipBit(Rule):
    """Turns one bit over, once, at the first place behind `after` where `marker` is found: inside
    of an event, so that the packets stay whole."""

    def __init__(self, marker):
        super().__init__()
        self.marker = marker

    def apply(self, data, passed, proxy):
        at = -1 if self.done else data.find(self.marker)
        if at < 0:
            return data
        self.done = True
        broken = bytearray(data)
        broken[at] ^= 0x01
        return bytes(broken)


class Stall(Rule):
    """Hands on half of what comes behind `marker`, then nothing any more, and leaves the
    connection open."""

    def __init__(self, marker):
        super().__init__()
        self.marker = marker
        self.stalled = None

    def apply(self, data, passed, proxy):
        if self.stalled is not None and self.stalled is threading.current_thread():
            return b""
        at = -1 if self.done else data.find(self.marker)
        if at < 0:
            return data
        self.done = True
        self.stalled = threading.current_thread()
        return data[: at + len(self.marker) // 2]


class Proxy:
    def __init__(self, port):
        self.target = port
        self.rule = Rule()
        self.said = lambda data: data  # what the server gets to hear instead of what the client says
        self.count = 0
        self.refuse = False
        self.refused = 0
        self.last_words = b""
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.closing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.closing:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refuse:
                self.refused += 1
                client.close()
                continue
            self.count += 1
            server = socket.create_connection(("127.0.0.1", self.target))
            self.sockets += [client, server]
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client, server):
        passed = 0
        try:
            while True:
                ready, _, _ = select.select([client, server], [], [])
                if client in ready:
                    data = client.recv(65536)
                    if not data:
                        break
                    server.sendall(self.said(data))
                if server in ready:
                    data = server.recv(65536)
                    if not data:
                        break
                    out = self.rule.apply(data, passed, self)
                    passed += len(data)
                    if out is None:
                        client.sendall(self.last_words)
                        break
                    client.sendall(out)
        except (OSError, ValueError):
            pass
        finally:
            client.close()
            server.close()

    def drop_all(self):
        """Ends every connection that is open."""
        for s in self.sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.sockets = []

    def close(self):
        self.closing = True
        self.listener.close()
        self.drop_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
