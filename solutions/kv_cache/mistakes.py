import torch
from torch.nn import functional as F

from grader.kit import instead_of


def check(cache, k, v):
    """Raises ValueError for what does not fit. Returns the length after the append."""
    length = len(cache) + k.shape[2]
    check_form(cache, k, v)
    if length > cache._k.shape[2]:
        raise ValueError(length)
    return length


def check_form(cache, k, v):
    for new, memory in ((k, cache._k), (v, cache._v)):
        if new.shape != (*memory.shape[:2], k.shape[2], memory.shape[3]) or new.dtype != memory.dtype:
            raise ValueError(new.shape)


def write(cache, k, v, length):
    start = cache._length
    cache._k[:, :, start:length], cache._v[:, :, start:length] = k.detach(), v.detach()
    cache._length = length
    return cache._k[:, :, :length], cache._v[:, :, :length]


@instead_of("KVCache.append")
def grows_by_concatenation(self, k, v):
    """torch.cat makes a new tensor and copies everything into it, so the n-th token copies n positions and a text of n tokens
    n²/2. For a while it also holds the cache twice, which is when memory runs out."""
    length = check(self, k, v)
    room = self._k.shape[2]
    self._k = torch.cat([self._k[:, :, : self._length], k.detach(), self._k[:, :, length:room]], 2)
    self._v = torch.cat([self._v[:, :, : self._length], v.detach(), self._v[:, :, length:room]], 2)
    self._length = length
    return self._k[:, :, :length], self._v[:, :, :length]


@instead_of("KVCache.append")
def takes_one_token_per_call(self, k, v):
    """The counter moves by one whatever arrives. That is right for every step of decoding, and wrong for the prompt,
    which comes as a whole, and for drafts: of n tokens all but the first are written over."""
    check(self, k, v)
    if not k.shape[2]:
        return self._k[:, :, : self._length], self._v[:, :, : self._length]
    return write(self, k[:, :, :1], v[:, :, :1], self._length + 1)


@instead_of("KVCache.append")
def drops_the_oldest_when_full(self, k, v):
    """A full cache makes room by itself. A sliding window is a decision about the model, since the positions that remain were
    computed with the ones that went; a cache that takes it in silence turns an error into worse text."""
    check_form(self, k, v)
    surplus = max(0, self._length + k.shape[2] - self._k.shape[2])
    kept = self._length - min(surplus, self._length)
    for memory in (self._k, self._v):
        memory[:, :, :kept] = memory[:, :, self._length - kept : self._length].clone()
    self._length = kept
    room = self._k.shape[2] - kept
    k, v = k[:, :, -room:] if room < k.shape[2] else k, v[:, :, -room:] if room < v.shape[2] else v
    return write(self, k, v, kept + k.shape[2])


@instead_of("KVCache.append")
def moves_the_counter_before_it_checks(self, k, v):
    """The length is raised, then compared, then the error is thrown: whoever catches it holds a cache that claims
    positions which were never written. Check first, change afterwards."""
    check_form(self, k, v)
    start, self._length = self._length, self._length + k.shape[2]
    if self._length > self._k.shape[2]:
        raise ValueError(self._length)
    length, self._length = self._length, start
    return write(self, k, v, length)


@instead_of("KVCache.append")
def spreads_a_batch_of_one(self, k, v):
    """An assignment to a slice broadcasts, so keys of one sequence land in every row of the cache. It is convenient for a
    shared prompt and a catastrophe where a wrong tensor was passed: ask for it by name, with expand."""
    length = self._length + k.shape[2]
    if length > self._k.shape[2] or k.dtype != self._k.dtype or v.dtype != self._v.dtype:
        raise ValueError(length)
    return write(self, k, v, length)


@instead_of("KVCache.append")
def converts_without_a_word(self, k, v):
    """An assignment to a slice converts, so float32 keys are rounded into a bfloat16 cache and nobody is told; the other way
    round, it takes twice the memory for nothing. Say no, and let the caller decide."""
    return write(self, k, v, check(self, k.to(self._k.dtype), v.to(self._v.dtype)))


@instead_of("KVCache.append")
def keeps_the_history(self, k, v):
    """Without detach or no_grad, the memory joins the graph of every step that wrote into it. No step's activations can
    be freed as long as the cache lives, and memory grows by a whole forward pass for each token."""
    length = check(self, k, v)
    start, self._length = self._length, length
    self._k, self._v = self._k.clone() if start == 0 else self._k, self._v.clone() if start == 0 else self._v
    self._k[:, :, start:length], self._v[:, :, start:length] = k, v
    return self._k[:, :, :length], self._v[:, :, :length]


@instead_of("KVCache.truncate")
def keeps_the_end_and_not_the_beginning(self, length):
    """The last positions are kept, as in a window. But what is taken back after a rejected draft is what came last; the
    prompt is the one thing that has to stay."""
    if not 0 <= length <= self._length:
        raise ValueError(length)
    for memory in (self._k, self._v):
        memory[:, :, :length] = memory[:, :, self._length - length : self._length].clone()
    self._length = length


@instead_of("KVCache.truncate")
def erases_and_does_not_count(self, length):
    """What is forgotten is set to zero, and the length stays: zeros are keys like any other. A score of 0 gets its share
    of the softmax, and the next token lands behind a gap."""
    if not 0 <= length <= self._length:
        raise ValueError(length)
    self._k[:, :, length:], self._v[:, :, length:] = 0, 0


@instead_of("KVCache.truncate")
def trusts_the_length(self, length):
    """Nothing is checked, so a length beyond what is cached makes old, rejected positions valid again, and a negative one
    counts from the end of the memory. Both come from an off-by-one in the caller, which is when an error is worth
    most."""
    self._length = length


@instead_of("KVCache.reorder")
def overwrites_rows_that_are_still_needed(self, rows):
    """Row by row in place, row 0 is written over before row 1 has read it: exchanged beams become twins. Copy the chosen rows
    first, then write, which is what indexing by a tensor does."""
    for to, source in enumerate(rows.tolist()):
        self._k[to], self._v[to] = self._k[source].clone(), self._v[source].clone()


@instead_of("KVCache.reorder")
def reorders_the_keys_alone(self, rows):
    """The values stay with their old rows, so each beam looks in its own text where to read, and reads in another's. Both
    have the same shape: whatever is done to one has to be done to the other."""
    self._k[:, :, : self._length] = self._k[rows, :, : self._length]


@instead_of("cached_attention")
def aligns_the_triangle_at_the_top_left(q, k, v, cache):
    """`is_causal=True` starts the diagonal in the top left corner, as if the new tokens were the first. A single new
    token then sees the first key of the text and nothing else, and the model forgets what it was saying."""
    k, v = cache.append(k, v)
    return F.scaled_dot_product_attention(q.detach(), k, v, torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril())


@instead_of("cached_attention")
def lets_new_tokens_see_one_another(q, k, v, cache):
    """No mask is needed for one new token, so it was left out; several at once then see those that come after them. A prompt
    read this way gets other keys in every layer above, and a draft is checked against itself."""
    return F.scaled_dot_product_attention(q.detach(), *cache.append(k, v))


@instead_of("cached_attention")
def does_not_let_a_token_see_itself(q, k, v, cache):
    """The diagonal is one too low: attend first and append afterwards has the same effect. The newest token, which
    predicts best what follows it, is the one that is missing; a first token even has nothing at all."""
    seen = len(cache)
    k, v = cache.append(k, v)
    may = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(seen - 1)
    return F.scaled_dot_product_attention(q.detach(), k, v, may | ~may.any(-1, keepdim=True))


@instead_of("cached_attention")
def attends_to_memory_not_yet_written(q, k, v, cache):
    """The whole memory takes part, written or not. Zeros are no neutral keys, their scores of 0 get a share of every softmax;
    and what `torch.empty` or a rejected draft has left there is worse."""
    seen = len(cache)
    k, _ = cache.append(k, v)
    may = torch.ones(q.shape[2], cache._k.shape[2], dtype=torch.bool).tril(seen)
    may[:, k.shape[2] :] = True
    cache._k[:, :, k.shape[2] :], cache._v[:, :, k.shape[2] :] = 0, 0
    return F.scaled_dot_product_attention(q.detach(), cache._k, cache._v, may)


@instead_of("cached_attention")
def forgets_what_was_cached(q, k, v, cache):
    """The new keys are appended, and attention is called with k and v, not with what append returned. The prompt alone
    gives the right answer, so the first test passes."""
    cache.append(k, v)
    return F.scaled_dot_product_attention(q.detach(), k.detach(), v.detach(), is_causal=True)
