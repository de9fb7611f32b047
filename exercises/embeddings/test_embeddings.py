import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import integers, sampled_from
from torch.nn import functional as F

from exercises.embeddings.embeddings import Embedding, embedding_grad, most_similar
from grader.kit import agrees, gradients, quarters, refuses, seeds, tensors

forbids = [
    "torch.embedding", "torch.nn.functional.embedding", "torch.nn.Embedding",
    "torch.embedding_bag", "torch.nn.functional.embedding_bag", "torch.nn.EmbeddingBag",
]  # fmt: skip

other_dtypes = sampled_from([torch.float64, torch.float16, torch.bfloat16])
no_shapes = sampled_from([(0,), (2, 0), (0, 3)])
shapes = sampled_from([(), (1,), (1, 1), (2, 3)])


@st.composite
def lookups(draw, axes="...", fewest=1):
    """A weight [v, d] and ids [...] of its rows."""
    weight = quarters(draw(seeds), draw(integers(fewest, 6)), draw(integers(1, 6)))
    return weight, (4 * draw(tensors(axes))).long() % len(weight)


@st.composite
def questions(draw):
    """A weight [v, d], the index of one row, and the number of neighbours wanted."""
    weight = quarters(draw(seeds), draw(integers(2, 6)), draw(integers(1, 4)))
    return weight, draw(integers(0, len(weight) - 1)), draw(integers(1, len(weight) - 1))


def loaded(weight, padding_idx=None):
    """An Embedding that holds `weight`, as after loading a checkpoint."""
    module = Embedding(*weight.shape, padding_idx=padding_idx).to(weight.dtype)
    with torch.no_grad():
        module.weight.copy_(weight)
    return module


def learned(module, ids):
    """The gradient of the module's weight, along a fixed direction of its output."""
    return gradients(module(ids), module.weight)[0]


def torch_learned(weight, ids, padding_idx=None):
    """The same from torch's own operator."""
    weight = weight.clone().requires_grad_()
    return gradients(F.embedding(ids, weight, padding_idx), weight)[0]


def added_up(grad_output, ids, num_embeddings):
    """The slow definition: every use of a row adds to the gradient of that row."""
    grad = torch.zeros(num_embeddings, grad_output.shape[-1], dtype=grad_output.dtype)
    for row, id in zip(grad_output.reshape(-1, grad_output.shape[-1]), ids.reshape(-1).tolist(), strict=True):
        grad[id] += row
    return grad


def cosine(a, b):
    """The slow definition: 0 where either vector is zero."""
    return a @ b / (a.norm() * b.norm()) if a.any() and b.any() else a @ b


def neighbours(weight, index):
    """The cosines of row `index` with all other rows, in descending order."""
    return torch.stack([cosine(weight[index], row) for i, row in enumerate(weight) if i != index]).sort(descending=True).values


@settings(max_examples=3)
@given(integers(200, 250))
def test_the_weight_starts_with_unit_variance(v):
    """Over many entries, a new weight has mean 0 and standard deviation 1."""
    weight = Embedding(v, 100).weight.detach()
    agrees(weight.mean(), torch.tensor(0.0), atol=0.06, rtol=0)
    agrees(weight.std(), torch.tensor(1.0), atol=0.06, rtol=0)


@settings(max_examples=3)
@given(integers(200, 250))
def test_the_weight_starts_bell_shaped(v):
    """About 68 % of a new weight lies within one standard deviation of its mean, as in a normal distribution."""
    weight = Embedding(v, 100).weight.detach()
    within = (weight - weight.mean()).abs() < weight.std()
    agrees(within.float().mean(), torch.tensor(0.683), atol=0.04, rtol=0)


@settings(max_examples=5)
@given(integers(1, 6), integers(1, 6))
def test_every_module_draws_anew(v, d):
    """Two modules do not start with the same weight."""
    assert not torch.equal(Embedding(v, d).weight, Embedding(v, d).weight)


@settings(max_examples=5)
@given(integers(1, 6), integers(1, 6))
def test_the_weight_is_the_only_parameter(v, d):
    """The module has one learned parameter, `weight` [v, d]."""
    found = [(name, tuple(parameter.shape), parameter.requires_grad) for name, parameter in Embedding(v, d).named_parameters()]
    assert found == [("weight", (v, d), True)]


@settings(max_examples=15)
@given(lookups("n"))
def test_every_id_finds_its_row(lookup):
    """The result at position i is row ids[i] of the weight."""
    weight, ids = lookup
    agrees(loaded(weight)(ids), torch.stack([weight[id] for id in ids.tolist()]))


@settings(max_examples=15)
@given(lookups("..."))
def test_leading_axes_are_kept(lookup):
    """Ids of any shape, also none at all, find their rows in that shape."""
    weight, ids = lookup
    agrees(loaded(weight)(ids), weight[ids])


@settings(max_examples=10)
@given(tensors("v d"), no_shapes)
def test_no_ids_find_no_rows(weight, shape):
    """Empty ids give an empty result of the right shape."""
    agrees(loaded(weight)(torch.zeros(shape, dtype=torch.int64)), torch.zeros(*shape, weight.shape[1]))


@settings(max_examples=10)
@given(lookups("n"))
def test_int32_ids_find_their_rows(lookup):
    """Ids of dtype int32 find the rows that int64 ids find, and teach them alike."""
    weight, ids = lookup
    agrees(loaded(weight)(ids.int()), weight[ids])
    agrees(learned(loaded(weight), ids.int()), torch_learned(weight, ids))


@settings(max_examples=10)
@given(lookups("batch time"))
def test_ids_may_have_any_layout(lookup):
    """Ids in a transposed view with gaps find their rows."""
    weight, ids = lookup
    agrees(loaded(weight)(ids.T[::2]), weight[ids.T[::2]])


@settings(max_examples=10)
@given(lookups("n"), other_dtypes)
def test_rows_keep_their_dtype(lookup, dtype):
    """In a module of another floating dtype, the rows and the gradient have that dtype."""
    weight, ids = lookup[0].to(dtype), lookup[1]
    agrees(loaded(weight)(ids), weight[ids])
    agrees(learned(loaded(weight), ids), torch_learned(weight.double(), ids).to(dtype))


@settings(max_examples=10)
@given(lookups("n", fewest=2))
def test_a_lookup_changes_nothing(lookup):
    """After a lookup, ids and weight hold what they held before."""
    weight, ids = lookup
    module, caller_ids = loaded(weight, padding_idx=1), ids.clone()
    module(caller_ids)
    agrees(caller_ids, ids)
    agrees(module.weight.detach(), weight)


@settings(max_examples=15)
@given(lookups("..."))
def test_every_use_teaches_its_row(lookup):
    """Through autograd, a row gets the sum of the gradients of all its uses."""
    weight, ids = lookup
    agrees(learned(loaded(weight), ids), torch_learned(weight, ids))


@settings(max_examples=10)
@given(integers(2, 6), integers(1, 6))
def test_only_the_padding_row_starts_at_zero(v, d):
    """In a new weight the padding row is zero, and no other row is."""
    weight = Embedding(v, d, padding_idx=1).weight
    assert (weight == 0).all(1).tolist() == [row == 1 for row in range(v)]


@settings(max_examples=15)
@given(lookups("...", fewest=2))
def test_a_loaded_padding_row_is_looked_up(lookup):
    """The padding id finds what was loaded into its row, zero or not."""
    weight, ids = lookup
    agrees(loaded(weight, padding_idx=1)(ids), weight[ids])


@settings(max_examples=15)
@given(lookups("...", fewest=2))
def test_the_padding_row_does_not_learn(lookup):
    """The padding row gets a gradient of zero, and every other row gets its own."""
    weight, ids = lookup
    agrees(learned(loaded(weight, padding_idx=1), ids), torch_learned(weight, ids, padding_idx=1))


@settings(max_examples=10)
@given(lookups("n"))
def test_row_zero_may_be_padding(lookup):
    """With padding_idx = 0, row 0 starts at zero and does not learn."""
    weight, ids = lookup
    agrees(Embedding(*weight.shape, padding_idx=0).weight[0].detach(), torch.zeros(weight.shape[1]))
    agrees(learned(loaded(weight, padding_idx=0), ids), torch_learned(weight, ids, padding_idx=0))


@settings(max_examples=10)
@given(lookups("n"), integers(1, 6))
def test_negative_padding_counts_from_the_end(lookup, back):
    """With padding_idx = -i, the i-th row from the end starts at zero and does not learn."""
    (weight, ids), back = lookup, min(back, len(lookup[0]))
    agrees(Embedding(*weight.shape, padding_idx=-back).weight[-back].detach(), torch.zeros(weight.shape[1]))
    agrees(learned(loaded(weight, padding_idx=-back), ids), torch_learned(weight, ids, padding_idx=-back))


@settings(max_examples=10)
@given(integers(1, 6), integers(0, 3), shapes)
def test_an_id_too_large_has_no_row(v, beyond, shape):
    """An id of v or more raises IndexError."""
    assert refuses(IndexError, Embedding(v, 2), torch.full(shape, v + beyond))


@settings(max_examples=10)
@given(integers(1, 6), integers(1, 8), shapes)
def test_a_negative_id_has_no_row(v, below, shape):
    """A negative id raises IndexError: it does not count from the end."""
    assert refuses(IndexError, Embedding(v, 2), torch.full(shape, -below))


@settings(max_examples=10)
@given(shapes, other_dtypes)
def test_floating_ids_find_nothing(shape, dtype):
    """Floating ids raise TypeError, whole or not."""
    assert refuses(TypeError, Embedding(3, 2), torch.ones(shape, dtype=dtype))


@settings(max_examples=15)
@given(lookups("n"), seeds)
def test_each_gradient_lands_in_its_row(lookup, seed):
    """A row that is used once gets the gradient of that use, and a row that is not used gets zero."""
    ids = lookup[1].unique()
    expected = torch.zeros(7, 3)
    expected[ids] = quarters(seed, len(ids), 3)
    agrees(embedding_grad(expected[ids], ids, 7), expected)


@settings(max_examples=15)
@given(lookups("n"), seeds)
def test_repeated_ids_add_up(lookup, seed):
    """A row that is used several times gets the sum of their gradients."""
    ids = torch.cat([lookup[1], lookup[1]])
    grad_output = quarters(seed, len(ids), 3)
    agrees(embedding_grad(grad_output, ids, 6), added_up(grad_output, ids, 6))


@settings(max_examples=15)
@given(lookups("..."))
def test_it_is_the_adjoint_of_the_lookup(lookup):
    """For any leading axes, (weight[ids] * g).sum() = (weight * embedding_grad(g, ids)).sum()."""
    weight, ids = lookup
    grad_output = quarters(1, *ids.shape, weight.shape[1])
    grad = embedding_grad(grad_output, ids, len(weight))
    agrees((weight * grad).sum(), (weight[ids] * grad_output).sum())


@settings(max_examples=15)
@given(lookups("...", fewest=2), seeds)
def test_the_padding_row_gets_zero(lookup, seed):
    """With padding, all rows get what they get without, but the padding row gets zero."""
    weight, ids = lookup
    grad_output = quarters(seed, *ids.shape, 3)
    expected = added_up(grad_output, ids, len(weight))
    expected[1] = 0
    agrees(embedding_grad(grad_output, ids, len(weight), padding_idx=1), expected)


@settings(max_examples=10)
@given(lookups("n"), seeds)
def test_row_zero_may_get_zero(lookup, seed):
    """With padding_idx = 0, row 0 is the padding row."""
    grad_output = quarters(seed, len(lookup[1]), 3)
    assert (embedding_grad(grad_output, lookup[1], 6, padding_idx=0)[0] == 0).all()


@settings(max_examples=10)
@given(integers(1, 6), seeds)
def test_the_row_counted_from_the_end_gets_zero(back, seed):
    """With padding_idx = -i, the i-th row from the end gets zero and the others do not."""
    grad = embedding_grad(quarters(seed, 6, 3) + 3, torch.arange(6), 6, padding_idx=-back)
    assert (grad == 0).all(1).tolist() == [row == 6 - back for row in range(6)]


@settings(max_examples=10)
@given(no_shapes, integers(1, 6))
def test_no_ids_give_no_gradient(shape, v):
    """Empty ids give a gradient of zero."""
    agrees(embedding_grad(torch.ones(*shape, 3), torch.zeros(shape, dtype=torch.int64), v), torch.zeros(v, 3))


@settings(max_examples=10)
@given(lookups("n"), seeds)
def test_int32_ids_give_the_same_gradient(lookup, seed):
    """Ids of dtype int32 give the gradient that int64 ids give."""
    grad_output = quarters(seed, len(lookup[1]), 3)
    agrees(embedding_grad(grad_output, lookup[1].int(), 6), added_up(grad_output, lookup[1], 6))


@settings(max_examples=10)
@given(lookups("batch time"), seeds)
def test_gradients_may_have_any_layout(lookup, seed):
    """Transposed views with gaps give the same gradient as their copies."""
    ids, grad_output = lookup[1].T[::2], quarters(seed, 3, *lookup[1].shape).permute(2, 1, 0)[::2]
    agrees(embedding_grad(grad_output, ids, 6), added_up(grad_output, ids, 6))


@settings(max_examples=10)
@given(lookups("n"), seeds, other_dtypes)
def test_the_gradient_keeps_its_dtype(lookup, seed, dtype):
    """The result has the dtype of grad_output."""
    grad_output = quarters(seed, len(lookup[1]), 3)
    agrees(embedding_grad(grad_output.to(dtype), lookup[1], 6), added_up(grad_output, lookup[1], 6).to(dtype))


@settings(max_examples=10)
@given(lookups("n"), seeds)
def test_grad_output_and_ids_survive(lookup, seed):
    """Neither grad_output nor ids is changed, padding or not."""
    ids, grad_output = lookup[1].clone(), quarters(seed, len(lookup[1]), 3)
    embedding_grad(grad_output, ids, 6, padding_idx=int(ids[0]))
    agrees(ids, lookup[1])
    agrees(grad_output, quarters(seed, len(ids), 3))


@settings(max_examples=10)
@given(integers(1, 6), sampled_from([-9, -2, -1, 0, 1]), shapes)
def test_a_row_that_is_missing_gets_no_gradient(v, beyond, shape):
    """In embedding_grad, an id of v or more and a negative one raise IndexError."""
    id = v + beyond if beyond >= 0 else beyond
    assert refuses(IndexError, embedding_grad, torch.ones(*shape, 2), torch.full(shape, id), v)


@settings(max_examples=10)
@given(shapes, other_dtypes)
def test_floating_ids_give_no_gradient(shape, dtype):
    """In embedding_grad, floating ids raise TypeError."""
    assert refuses(TypeError, embedding_grad, torch.ones(*shape, 2), torch.ones(shape, dtype=dtype), 3)


@settings(max_examples=15)
@given(questions())
def test_the_largest_cosines_are_found(question):
    """The cosines are the k largest that row `index` has with any other row."""
    weight, index, k = question
    cosines = most_similar(weight.double(), index, k)[1].sort(descending=True).values
    agrees(cosines, neighbours(weight.double(), index)[:k])


@settings(max_examples=15)
@given(questions())
def test_cosines_descend(question):
    """The neighbours come in the order of their cosines, the largest first."""
    weight, index, k = question
    cosines = most_similar(weight, index, k)[1]
    agrees(cosines, cosines.sort(descending=True).values)


@settings(max_examples=15)
@given(questions())
def test_indices_belong_to_their_cosines(question):
    """Each index, an int64, names the row whose cosine stands in the same place; none comes twice."""
    weight, index, k = question
    indices, cosines = most_similar(weight, index, k)
    agrees(cosines, torch.stack([cosine(weight[index], weight[i]) for i in indices.tolist()]))
    assert indices.dtype == torch.int64
    assert len(indices.unique()) == k


@settings(max_examples=15)
@given(questions())
def test_a_row_is_not_its_own_neighbour(question):
    """Row `index` is never among its neighbours."""
    weight, index, k = question
    weight = torch.cat([weight, torch.eye(len(weight))], dim=1)  # so that no two rows are parallel
    assert index not in most_similar(weight, index, k)[0].tolist()


@settings(max_examples=10)
@given(questions())
def test_parallel_rows_do_not_bring_the_row_back(question):
    """Where all rows are parallel and tie for the first place, row `index` is still left out."""
    weight, index, k = question
    parallel = torch.arange(1.0, len(weight) + 1).unsqueeze(1) * torch.ones_like(weight)
    assert index not in most_similar(parallel, index, k)[0].tolist()


@settings(max_examples=10)
@given(questions())
def test_even_opposite_rows_come_before_the_row_itself(question):
    """Where all other rows have cosine -1, they are the neighbours, and row `index` is not."""
    weight, index, _ = question
    opposite = torch.full((len(weight), 1), -2.0)
    opposite[index] = 1
    indices, cosines = most_similar(opposite, index, len(weight) - 1)
    assert sorted(indices.tolist()) == [i for i in range(len(weight)) if i != index]
    agrees(cosines, -torch.ones(len(weight) - 1))


@settings(max_examples=15)
@given(questions(), seeds)
def test_length_does_not_matter(question, seed):
    """Multiplying each row by a positive number of its own leaves the cosines as they were."""
    weight, index, k = question
    lengths = quarters(seed, len(weight), 1).exp2()
    agrees(most_similar(lengths * weight, index, k)[1], most_similar(weight, index, k)[1])


@settings(max_examples=15)
@given(questions())
def test_a_zero_row_has_cosine_zero(question):
    """The cosine with a row of zeros is 0, not NaN."""
    weight, index, _ = question
    weight[index - 1] = 0
    agrees(most_similar(weight, index, len(weight) - 1)[1], neighbours(weight, index))


@settings(max_examples=10)
@given(questions())
def test_all_cosines_of_a_zero_row_are_zero(question):
    """Where row `index` itself is zero, so are all its cosines."""
    weight, index, k = question
    weight[index] = 0
    agrees(most_similar(weight, index, k)[1], torch.zeros(k))


@settings(max_examples=10)
@given(questions(), sampled_from([torch.float16, torch.bfloat16]))
def test_a_zero_row_has_cosine_zero_in_half_precision(question, dtype):
    """The cosine with a row of zeros is 0 also where the smallest positive number is not so small."""
    weight, index, k = question
    agrees(most_similar(torch.zeros_like(weight, dtype=dtype), index, k)[1], torch.zeros(k, dtype=dtype))


@settings(max_examples=10)
@given(questions(), other_dtypes)
def test_cosines_keep_the_dtype(question, dtype):
    """The cosines have the dtype of the weight."""
    weight, index, k = question
    weight = weight.abs() + 0.25  # without zero rows
    agrees(most_similar(weight.to(dtype), index, k)[1], neighbours(weight.double(), index)[:k].to(dtype))


@settings(max_examples=10)
@given(questions())
def test_the_weight_may_have_any_layout(question):
    """A transposed view with gaps has the neighbours of its copy."""
    weight, index, k = question
    view = weight.repeat_interleave(2, 1).T.contiguous().T[:, ::2]
    agrees(most_similar(view, index, k)[1], neighbours(weight, index)[:k])


@settings(max_examples=10)
@given(questions())
def test_the_weight_survives(question):
    """The caller's weight is not changed."""
    weight, index, k = question
    before = weight.clone()
    most_similar(weight, index, k)
    agrees(weight, before)


@settings(max_examples=15)
@given(questions())
def test_cosines_are_differentiable(question):
    """Both row `index` and its neighbours get the gradient of their cosines."""
    weight, index, _ = question
    weight = (weight.abs() + 0.25).double().requires_grad_()
    _, cosines = most_similar(weight, index, len(weight) - 1)
    agrees(torch.autograd.grad(cosines.sum(), weight)[0], torch.autograd.grad(neighbours(weight, index).sum(), weight)[0])


@settings(max_examples=10)
@given(questions())
def test_a_zero_row_spoils_no_gradient(question):
    """With a zero row beside them, the other rows get the gradient of their cosines, and no row gets NaN."""
    weight, index, _ = question
    weight = torch.cat([weight.abs() + 0.25, torch.zeros(1, weight.shape[1])]).double().requires_grad_()
    cosines = most_similar(weight, index, len(weight) - 1)[1], neighbours(weight, index)
    got, expected = (torch.autograd.grad(found.sum(), weight)[0] for found in cosines)
    agrees(got[:-1], expected[:-1])
    assert not got.isnan().any()


@settings(max_examples=10)
@given(questions(), integers(0, 3))
def test_an_index_too_large_has_no_neighbours(question, beyond):
    """An index of v or more raises IndexError."""
    assert refuses(IndexError, most_similar, question[0], len(question[0]) + beyond, 1)


@settings(max_examples=10)
@given(questions(), integers(1, 8))
def test_a_negative_index_has_no_neighbours(question, below):
    """A negative index raises IndexError: it does not count from the end."""
    assert refuses(IndexError, most_similar, question[0], -below, 1)


@settings(max_examples=10)
@given(questions(), integers(0, 3))
def test_more_neighbours_than_other_rows_are_refused(question, beyond):
    """A k of v or more raises ValueError."""
    assert refuses(ValueError, most_similar, question[0], question[1], len(question[0]) + beyond)


@settings(max_examples=5)
@given(questions(), integers(-3, 0))
def test_no_neighbours_are_refused(question, k):
    """A k below 1 raises ValueError."""
    assert refuses(ValueError, most_similar, question[0], question[1], k)
