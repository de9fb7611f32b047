# expects: tampered
# Events whose numbers, names and texts no program expects.
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


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


name = "test_gradients_are_right"
send({"event": "started", "name": name})
send(
    {
        "event": "property",
        "name": name,
        "outcome": "passed",
        "seconds": 10**400,
        "message": nested(100),
        "counterexample": "\ud800",
    }
)
send({"event": "answer", "workload": nested(700), "seed": float("inf"), "error": None})
send({"event": "output", "name": {}, "dtype": "torch.int8", "shape": [2**70, -1]})
send({"event": "done"})
os._exit(0)
