# expects: tampered
# Well-formed events without an end: each would begin a new stage with a fresh budget, or ask for an answer.
import contextlib
import json
import os
import struct


def frame(message):
    header = json.dumps(message).encode()
    return struct.pack(">II", len(header), 0) + header


def send(message):
    for descriptor in range(3, 256):
        with contextlib.suppress(OSError):
            os.write(descriptor, frame(message))


while True:
    send({"event": "started", "name": "test_gradients_are_right"})
    send({"event": "ready"})
    send({"event": "answer", "workload": "plain", "seed": 0, "error": ""})
