# expects: tampered
# Reports every property as passed from within a call, then goes on.
import contextlib
import json
import os
import re
import struct
import sys

TESTS = next((path for path in map("{}/exercises/attention/test_attention.py".format, sys.path) if os.path.exists(path)), "")


def frame(message):
    header = json.dumps(message).encode()
    return struct.pack(">II", len(header), 0) + header


def send(message):
    for descriptor in range(3, 256):
        with contextlib.suppress(OSError):
            os.write(descriptor, frame(message))


def names():
    with contextlib.suppress(OSError):
        return re.findall(r"^def (test_\w+)", open(TESTS).read(), re.MULTILINE)
    return []


def attention(q, k, v, mask=None, is_causal=False):
    for name in names():
        send({"event": "property", "name": name, "outcome": "passed", "seconds": 0.0, "message": "", "counterexample": ""})
    send({"event": "done"})
    return v
