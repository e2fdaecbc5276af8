import os
import subprocess
import sys

import numpy as np

from extract.decoding.shared_buffer import SharedBuffer

# Writes its own number of bytes, each time larger or smaller, when it is told to.
WRITER = """
import sys
from extract.decoding.shared_buffer import SharedBuffer
buffer = SharedBuffer(int(sys.argv[1]))
for line in sys.stdin:
    size = int(line)
    buffer.first(size)[:] = size % 251
    print("written", flush=True)
"""


def test_what_one_process_writes_the_other_reads_at_any_size() -> None:
    buffer = SharedBuffer()
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(buffer.descriptor)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[buffer.descriptor],
    ) as writer:
        assert writer.stdin is not None and writer.stdout is not None
        for size in (1, 5000, 4096, 3_000_000, 0, 7):
            print(size, file=writer.stdin, flush=True)
            assert writer.stdout.readline() == "written\n"
            content = buffer.first(size)
            assert len(content) == size and (content == size % 251).all()
    assert os.fstat(buffer.descriptor).st_size == 3_000_000
    buffer.close()


def test_a_copy_outlives_the_buffer() -> None:
    buffer = SharedBuffer()
    buffer.first(100)[:] = 7
    copy = buffer.first(100).copy()
    buffer.close()
    assert np.array_equal(copy, np.full(100, 7))
