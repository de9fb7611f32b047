# expects: failed
# Replaces the workloads and the packing of answers by something easier.
import sys
import types

from grader import audit, kit

kit.normal = kit.quarters = lambda seed, *shape: kit.torch.zeros(shape)
audit.packed = lambda answer: iter([({"event": "answer", "workload": answer.workload, "seed": answer.seed, "error": ""}, b"")])
sys.modules["exercises.attention.workloads"] = types.ModuleType("exercises.attention.workloads")


def attention(q, k, v, mask=None, is_causal=False):
    return v.mean(-2, keepdim=True).expand(*q.shape[:-1], -1)
