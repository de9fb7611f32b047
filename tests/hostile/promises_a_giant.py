# expects: tampered
# A frame that says it is four gigabytes long.
import contextlib
import os

for descriptor in range(3, 256):
    with contextlib.suppress(OSError):
        os.write(descriptor, b"\xff" * 8)
os._exit(0)
