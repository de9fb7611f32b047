# expects: failed
# No tensor at all, but an object that answers yes to everything.
class Yes:
    def __getattr__(self, name):
        return self

    def __call__(self, *_, **__):
        return self

    def __iter__(self):
        return iter(())

    __eq__ = __lt__ = __gt__ = __getitem__ = __call__
    __bool__ = __instancecheck__ = lambda *_: True


def attention(q, k, v, mask=None, is_causal=False):
    return Yes()
