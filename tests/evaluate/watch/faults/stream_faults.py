"""Faulty streams: what a server on loopback sends, and files and lists with damage. All are made at run time."""

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator

rows: list[str] = []  # of the table
PACKET = 188  # bytes of MPEG-TS
Change = Callable[[bytes, random.Random], tuple[bytes, bool]]


def closes(content: bytes, chance: random.Random) -> tuple[bytes, bool]:
    return content[: chance.randrange(len(content))], True


def stalls(content: bytes, chance: random.Random) -> tuple[bytes, bool]:
    return content[: chance.randrange(len(content))], False


def garbage(content: bytes, chance: random.Random) -> tuple[bytes, bool]:
    return chance.randbytes(200_000), chance.random() < 0.5


def packets_dropped(content: bytes, chance: random.Random) -> tuple[bytes, bool]:
    packets = [content[start : start + PACKET] for start in range(0, len(content), PACKET)]
    return b"".join(packet for packet in packets if chance.random() > 0.1), True


def bits_flipped(content: bytes, chance: random.Random) -> tuple[bytes, bool]:
    changed = bytearray(content)
    for _ in range(chance.choice([1, 10, 100])):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed), True


def packets_out_of_order(content: bytes, chance: random.Random) -> tuple[bytes, bool]:
    packets = [content[start : start + PACKET] for start in range(0, len(content), PACKET)]
    place = chance.randrange(len(packets) - 20)
    moved = packets[place : place + 20]
    chance.shuffle(moved)
    return b"".join([*packets[:place], *moved, *packets[place + 20 :]]), True


CHANGES: dict[str, Change] = {
    "server closes": closes,
    "server stalls": stalls,
    "server sends garbage": garbage,
    "packets dropped": packets_dropped,
    "bits flipped": bits_flipped,
    "packets out of order": packets_out_of_order,
}


@contextlib.contextmanager
def serving(answer: bytes, then_close: bool, times: int = 2) -> Iterator[str]:
    """Serve a stream to the first who connect; further ones are refused. It then closes, or says nothing more."""
    ended = threading.Event()

    def send(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\n" + answer)
            if not then_close:
                ended.wait(60)

    def accept(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for _ in range(times):
                threading.Thread(target=send, args=(server.accept()[0],), daemon=True).start()
        server.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/live.ts"
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        try:
            yield url
        finally:
            ended.set()
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
