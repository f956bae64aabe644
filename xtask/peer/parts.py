"""What the training steps have in common."""

import time

import torch


def count(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


def adam(parameters, optimizer):
    if optimizer["kind"] != "adam":
        raise ValueError(f"no counterpart of the optimiser {optimizer}")
    return torch.optim.Adam(
        parameters, optimizer["lr"], tuple(optimizer["betas"]), optimizer["eps"]
    )


class Clock:
    """Books the time since the last call under a name."""

    def __init__(self):
        self.last = time.perf_counter()
        self.sections = []

    def lap(self, name):
        now = time.perf_counter()
        self.sections.append({"name": name, "seconds": now - self.last})
        self.last = now
