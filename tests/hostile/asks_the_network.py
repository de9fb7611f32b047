# expects: failed
# Asks others for the answer.
import contextlib
import socket

for address in (("127.0.0.1", 47123), ("1.1.1.1", 53)):
    with contextlib.suppress(OSError):
        socket.create_connection(address, timeout=1)
        print("STOLEN")


def attention(q, k, v, mask=None, is_causal=False):
    return v.mean(-2, keepdim=True).expand(*q.shape[:-1], -1)
