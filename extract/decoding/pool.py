"""Decode many clips in worker processes, with a bounded queue between them and the network.

A clip may be of any length: the deadline is for the time between two signs of life, not for the clip. A worker that
gives none, or that dies, is killed; its clip fails with the reason, and a new worker takes its place. Clips are
returned in the order in which they are finished.
"""

import queue
import threading
from collections.abc import Iterable, Iterator

from extract.clip import Clip
from extract.decoding.decode_process import POLL_SECONDS, DecodeProcess, DecodeTask, Failure
from extract.sources.fetch import sweep


def decode_all(
    tasks: Iterable[DecodeTask],
    *,
    workers: int,
    deadline: float,
    ahead: int = 2,
    stop: threading.Event | None = None,
) -> Iterator[tuple[str, Clip] | Failure]:
    """Decode clips in `workers` processes and yield each as it is ready.

    Args:
        tasks: the clips; one is taken whenever a worker is free.
        workers: the number of processes.
        deadline: seconds without a sign of life after which a worker is killed.
        ahead: how many decoded clips may wait for the consumer. There is one more in each worker, so this limits the
            memory.
        stop: once it is set, the clips end at once, as if there were no more tasks.
    """
    pending = iter(tasks)
    turn = threading.Lock()
    ready: queue.Queue[tuple[str, Clip] | Failure | BaseException | None] = queue.Queue(maxsize=ahead)
    ended = threading.Event()

    def put(item: tuple[str, Clip] | Failure | BaseException | None) -> None:
        while not ended.is_set():
            try:
                return ready.put(item, timeout=POLL_SECONDS)
            except queue.Full:
                continue

    def serve() -> None:
        try:
            with DecodeProcess(ended) as process:
                while not ended.is_set():
                    with turn:
                        task = next(pending, None)
                    if task is None:
                        break
                    put(process.decode(task, deadline))
        except BaseException as error:  # the consumer raises it
            put(error)
        put(None)

    threads = [threading.Thread(target=serve, name=f"decode-{n}", daemon=True) for n in range(workers)]
    for thread in threads:
        thread.start()
    try:
        running = workers
        while running and not (stop and stop.is_set()):
            try:
                item = ready.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        sweep()
