"""Everything that goes wrong between a server and a client, on purpose.

A fault takes the response that would have been sent, headers and body, and writes something
else to the connection. ``True`` from a fault ends the connection.
"""

import random
import socket
import struct
import threading
import time
from collections import Counter

HTML_500 = b"<!doctype html>\n<html><body><h1>Server Error (500)</h1></body></html>\n"


class Faults:
    """Hits a share of the requests, with a seed; ``seen`` counts the kinds that happened."""

    def __init__(self, rate: float, *, seed: int = 0, stall: float = 1.0, retry_after: str = "0"):
        self.rate = rate
        self.stall = stall
        self.retry_after = retry_after
        self.seen = Counter()
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def pick(self):
        """A fault, or None for an answer as it should be."""
        with self._lock:
            if self._random.random() >= self.rate:
                return None
            kind = self._random.choice(KINDS)
            self.seen[kind] += 1
        return lambda *response: getattr(self, f"_{kind}")(*response)

    def _too_many(self, send, *_):
        send(429, {"Retry-After": self.retry_after}, b"slow down")

    def _server_error(self, send, *_):
        send(500, {"Content-Type": "text/html"}, HTML_500)

    def _unavailable(self, send, *_):
        send(503, {"Content-Type": "text/html"}, b"<html>no dyno</html>")

    def _reset(self, send, connection, *_):
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()
        return True

    def _stall(self, send, *_):
        time.sleep(self.stall)
        return True

    def _stall_midway(self, send, connection, status, headers, body):
        send(status, {**headers, "Content-Length": str(len(body))}, body[: len(body) // 2])
        time.sleep(self.stall)
        return True

    def _truncated(self, send, connection, status, headers, body):
        send(status, {**headers, "Content-Length": str(len(body))}, body[: len(body) // 2])
        return True

    def _length_too_long(self, send, connection, status, headers, body):
        send(status, {**headers, "Content-Length": str(len(body) + 7)}, body)
        return True

    def _length_too_short(self, send, connection, status, headers, body):
        send(status, {**headers, "Content-Length": str(max(len(body) - 7, 1))}, body)
        return True

    def _corrupt(self, send, connection, status, headers, body):
        send(status, headers, b"\x00garbage" + body[8:])

    def _scrambled(self, send, connection, status, headers, body):
        """Begins and ends as it should; in a JPEG, a table stands in the middle of the pixels."""
        half = len(body) // 2
        send(status, headers, body[:half] + b"\xff\xc4" * 20 + body[half + 40 :])

    def _zeros_at_the_end(self, send, connection, status, headers, body):
        half = len(body) // 2
        send(status, headers, body[:half] + bytes(len(body) - half))

    def _html_instead(self, send, connection, status, headers, body):
        send(200, {"Content-Type": "text/html"}, b"<html>please log in to the hotel wifi</html>")


KINDS = (
    *("too_many", "server_error", "unavailable", "reset", "stall", "stall_midway"),
    *("truncated", "length_too_long", "length_too_short", "corrupt", "scrambled"),
    *("zeros_at_the_end", "html_instead"),
)
