"""The mixed load of `serve_speed.py`: honest questions, and hostile uploads that must be refused."""

import http.client
import io
import json
import random
import socket
import struct
import threading
import time
import wave
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from uuid import uuid4

import numpy as np
from common import random_vectors

API = "/api/v1"
HONEST = (200, 429)
REFUSED = (400, 408, 413, 422, 429)


def form(**fields: bytes | str) -> tuple[bytes, dict[str, str]]:
    """A multipart body and its headers; bytes are files."""
    boundary = uuid4().hex
    parts = []
    for name, value in fields.items():
        told = f'form-data; name="{name}"'
        told += '; filename="photo.jpg"' if isinstance(value, bytes) else ""
        content = value if isinstance(value, bytes) else value.encode()
        parts.append(
            f"--{boundary}\r\nContent-Disposition: {told}\r\n\r\n".encode() + content + b"\r\n"
        )
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


class Client:
    """One connection that is kept, and made anew where the service closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self, path: str, body: bytes | None = None, headers=None) -> tuple[int, bytes]:
        """Status and answer; 0 where the connection broke."""
        try:
            method = "GET" if body is None else "POST"
            self._connection.request(method, f"{API}{path}", body, headers or {})
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
            return 0, b""

    def send_half(self, body: bytes, headers: dict[str, str]) -> int:
        """Hangs up in the middle of a request; nothing is answered."""
        told = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}
        lines = [
            f"POST {API}/search HTTP/1.1",
            *(f"{name}: {value}" for name, value in told.items()),
        ]
        with socket.create_connection(("127.0.0.1", self._port), timeout=30) as half:
            half.sendall("\r\n".join([*lines, "", ""]).encode() + body[: len(body) // 2])
        return 0

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()


class Load:
    """What clients send, and what they are answered.

    Args:
        photos: files.
        hostile_share: of all requests.
    """

    def __init__(self, photos: list[Path], hostile_share: float) -> None:
        self._share = hostile_share
        self._photos = [photo.read_bytes() for photo in photos[:50]]
        self._call = recording()
        self._hostile = hostile_uploads(self._photos[0])
        self._lock = threading.Lock()
        self.statuses: Counter[str] = Counter()
        self.num_unexpected = 0

    def run(self, client: Client, until: float, seed: int) -> None:
        """Asks until a time on the clock of `time.monotonic`."""
        chance = random.Random(seed)
        while time.monotonic() < until:
            is_hostile = chance.random() < self._share
            ask = self._ask_hostile if is_hostile else self._ask_honest
            name, status = ask(client, chance)
            expected = REFUSED if is_hostile else HONEST
            with self._lock:
                kind = "hostile" if is_hostile else "honest"
                self.statuses[f"{kind} {name} {status}"] += 1
                self.num_unexpected += status not in (*expected, 0)
            if status == 429:
                time.sleep(1.0)
        client.close()

    def _ask_honest(self, client: Client, chance: random.Random) -> tuple[str, int]:
        photo = chance.choice(self._photos)
        kind = chance.choices(
            ("search", "call", "vector", "embed", "add", "health", "metrics"),
            (40, 15, 15, 10, 5, 10, 5),
        )[0]
        match kind:
            case "search":
                path, sent = "/search", form(photo=photo, k="10")
            case "call":
                path, sent = "/search", form(recording=self._call)
            case "vector":
                vector = random_vectors(1, chance.randrange(10**6))[0].tolist()
                body = json.dumps({"embedding": vector}).encode()
                path, sent = "/search/embedding", (body, {"Content-Type": "application/json"})
            case "embed":
                path, sent = "/embed", form(photos=photo)
            case "add":
                path, sent = "/add", form(photo=photo)
            case _:
                path, sent = f"/{kind}", (None, None)
        return kind, client.ask(path, *sent)[0]

    def _ask_hostile(self, client: Client, chance: random.Random) -> tuple[str, int]:
        name = chance.choice([*self._hostile, "half sent"])
        if name == "half sent":
            return name, client.send_half(*self._hostile["torn"])
        body, headers = self._hostile[name]
        return name, client.ask("/search", body, headers)[0]


def recording() -> bytes:
    """Two seconds of noise, as WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        noise = np.random.default_rng(0).normal(0, 3000, 32_000)
        sound.writeframes(noise.astype("<i2").tobytes())
    return file.getvalue()


def hostile_uploads(photo: bytes) -> dict[str, tuple[bytes, dict[str, str]]]:
    """Bodies and headers by name."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../out", bytes(50_000_000))
    whole, headers = form(photo=photo)
    return {
        "torn": form(photo=photo[: len(photo) // 2]),
        "empty": form(photo=b""),
        "text": form(photo=b"<script>alert(1)</script>" * 50),
        "zip": form(photo=bomb.getvalue()),
        "gigapixels": form(photo=png(60_000, 60_000, num_rows=10)),
        "bomb": form(photo=png(9_000, 9_000)),
        "call as photo": form(photo=recording()),
        "photo as call": form(recording=photo),
        "nothing": form(k="5"),
        "wrong k": form(photo=photo, k="-1"),
        "wrong where": form(photo=photo, where="{"),
        "no boundary": (whole, {"Content-Type": "multipart/form-data"}),
        "not a form": (whole, {"Content-Type": "application/json"}),
        "too large": (bytes(202_000_000), headers),
    }


def png(width: int, height: int, num_rows: int | None = None) -> bytes:
    """A black photo of so many pixels in a few kilobytes; torn where it has fewer rows."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * width)
    rows = b"".join(packer.compress(row) for _ in range(num_rows or height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
