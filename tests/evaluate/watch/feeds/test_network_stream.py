"""Streams over HTTP on loopback: whole files, HLS lists that end and that stop, servers that stall and that refuse."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from evaluate.watch.feeds.network_stream import NETWORK_STREAM
from extract.clip import DecodeError
from tests.evaluate.watch.feeds.conftest import served


def hls(file: Path, folder: Path) -> Path:
    """Write a video as a HLS list with its pieces."""
    with av.open(str(file)) as source, av.open(str(folder / "list.m3u8"), "w", format="hls") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return folder / "list.m3u8"


def test_a_list_that_says_its_end_has_ended(draw_video: Callable[..., Path], tmp_path: Path) -> None:
    hls(draw_video("b.mp4", 50, codec="libx264"), tmp_path)
    with served(tmp_path) as url:
        assert len(list(NETWORK_STREAM.frames(f"{url}/list.m3u8", 10.0, pytest.fail))) == 50


@pytest.mark.slow
def test_a_list_that_stops_growing_has_broken_off(draw_video: Callable[..., Path], tmp_path: Path) -> None:
    playlist = hls(draw_video("c.mp4", 50, codec="libx264"), tmp_path)
    playlist.write_text(playlist.read_text().replace("#EXT-X-ENDLIST\n", ""))
    with served(tmp_path) as url, pytest.raises(DecodeError, match=r"sends no more|nothing came"):
        list(NETWORK_STREAM.frames(f"{url}/list.m3u8", 3.0, lambda _: None))


def test_a_server_that_says_nothing_is_left(draw_video: Callable[..., Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.mp4"
        with pytest.raises(DecodeError, match="nothing came for 0.5 s"):
            list(NETWORK_STREAM.frames(url, 0.5, pytest.fail))


def test_a_stream_that_stalls_is_left(draw_video: Callable[..., Path]) -> None:
    content = draw_video("d.ts", 100, codec="mpeg2video").read_bytes()

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" + content)
        released.wait(60)
        connection.close()

    released = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/d.ts"
        found = []
        with pytest.raises(DecodeError, match="nothing came for 1 s"):
            for frame in NETWORK_STREAM.frames(url, 1.0, lambda _: None):
                found.append(frame)
        released.set()
    assert len(found) > 50


@pytest.mark.parametrize("path", ["nothing.m3u8", "text.m3u8"])
def test_what_is_no_stream_is_a_sentence_without_the_password(path: str, tmp_path: Path) -> None:
    (tmp_path / "text.m3u8").write_text("only words\n" * 100)
    with served(tmp_path) as url, pytest.raises(DecodeError) as error:
        list(NETWORK_STREAM.frames(f"{url.replace('//', '//me:secret@')}/{path}", 5.0, pytest.fail))
    assert "secret" not in str(error.value) and str(error.value)


def test_a_closed_port_is_a_sentence() -> None:
    with pytest.raises(DecodeError, match="refused"):
        list(NETWORK_STREAM.frames("rtsp://127.0.0.1:9/x", 2.0, pytest.fail))
