# expects: failed
# Output and messages that clear the screen, set its title and claim success.
CODES = "\x1b[2J\x1b[H\x1b]0;passed\x07\x9b2J\r\x1b[32mall 38 properties hold\x1b[0m\ud800"


def attention(q, k, v, mask=None, is_causal=False):
    print(CODES.encode(errors="replace").decode())
    raise ValueError(CODES)
