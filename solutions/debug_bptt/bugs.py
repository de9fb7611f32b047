from torch.nn import functional as F

from grader.kit import instead_of


@instead_of("streams")
def neighbours_land_in_different_rows(ids, batch):
    """view fills row after row, so view(time, batch) puts neighbouring characters side by side in *different* streams, and
    the transpose keeps them there: along a row every batch-th character follows. The shapes are right, the loss sinks a
    little (letter frequencies can still be learned), and no text comes out. Decode one row and read it."""
    time = len(ids) // batch
    return ids[: batch * time].view(time, batch).t()


@instead_of("CharacterModel.forward")
def a_view_mixes_batch_and_time(self, ids, state):
    """To exchange two axes takes a transpose. A view to the wanted shape leaves every number where it lies in memory, so
    what the cell takes for one row is made of pieces of several, and one example changes the output of another. The shape
    test passes, and with a batch of one, or a time of one, the results even are right. Test that a row alone gives what it
    gives in company."""
    batch, time = ids.shape
    embedded = self.embed(ids).view(time, batch, -1)
    outputs, state = self.cell(embedded, state)
    return self.head(outputs.view(batch, time, -1)), state


@instead_of("accumulate")
def the_state_keeps_its_history(model, ids, length):
    """The state that is carried over still knows how it was computed, so the second chunk's backward pass runs through the
    first as well. PyTorch refuses ("backward through the graph a second time"), and retain_graph=True silences it: then
    every chunk goes back to the beginning of the text, memory and time grow with it, and early chunks count many times.
    Detach the state."""
    predictions = ids[:, 1:].numel()
    mean, state = 0.0, None
    for start in range(0, ids.shape[1] - 1, length):
        targets = ids[:, start + 1 : start + 1 + length]
        logits, state = model(ids[:, start : start + targets.shape[1]], state)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum") / predictions
        loss.backward(retain_graph=True)
        mean += loss.item()
    return mean
