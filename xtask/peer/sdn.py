"""SDN: a mirrored VGG taught by the layers of a frozen one."""

import torch
from torch import nn
from torch.nn import functional as F

from parts import Clock, adam, count

CONVS = {16: [2, 2, 3, 3, 3], 19: [2, 2, 4, 4, 4]}


class Teacher(nn.Module):
    """Convolution stack; hands out the output of every layer by name."""

    def __init__(self, vgg):
        super().__init__()
        self.counts = CONVS[vgg["depth"]]
        self.pool = F.avg_pool2d if vgg["pooling"] == "average" else F.max_pool2d
        convs, inputs = [], 3
        for width, number in zip(vgg["widths"], self.counts):
            for _ in range(number):
                convs.append(nn.Conv2d(inputs, width, 3, padding=1))
                inputs = width
        self.convs = nn.ModuleList(convs)

    def forward(self, h):
        taps, convs = {}, iter(self.convs)
        for group, number in enumerate(self.counts, 1):
            for index in range(1, number + 1):
                h = F.relu(next(convs)(h))
                taps[f"conv{group}_{index}"] = h
            h = self.pool(h, 2)
            taps[f"pool{group}"] = h
        return taps


class Generator(nn.Module):
    """Three linear layers, then the stack turned around; hands out its maps under the names of the
    teacher's layers they are compared with."""

    def __init__(self, model):
        super().__init__()
        self.counts = CONVS[model["depth"]]
        self.base = model["base"]
        widths, fc = model["widths"], model["fc_width"]
        self.fc7 = nn.Linear(model["text_dim"], fc)
        self.fc6 = nn.Linear(fc, fc)
        self.pool5 = nn.Linear(fc, widths[-1] * self.base**2)
        convs = []
        for group in range(5, 0, -1):
            below = widths[group - 2] if group > 1 else 3
            for index in range(self.counts[group - 1], 0, -1):
                outputs = below if index == 1 else widths[group - 1]
                convs.append(nn.Conv2d(widths[group - 1], outputs, 3, padding=1))
        self.convs = nn.ModuleList(convs)

    def forward(self, text):
        h = F.relu(self.fc7(text))
        h = F.relu(self.fc6(h))
        h = F.relu(self.pool5(h))
        h = h.view(len(text), self.base, self.base, -1).permute(0, 3, 1, 2)
        maps, convs = {"pool5": h}, iter(self.convs)
        for group in range(5, 0, -1):
            number = self.counts[group - 1]
            h = F.interpolate(h, scale_factor=2, mode="nearest")
            maps[f"conv{group}_{number}"] = h
            for index in range(number, 0, -1):
                h = next(convs)(h)
                if (group, index) == (1, 1):
                    break
                h = F.relu(h)
                seen = f"pool{group - 1}" if index == 1 else f"conv{group}_{index - 1}"
                maps[seen] = h
        return maps, h


def difference(fakes, reals, weights):
    return sum(weights.get(name, 1.0) * F.l1_loss(fakes[name], reals[name]) for name in fakes)


def prepare(case):
    model = case["model"]
    if model["heads"] != 1 or model["taps"] != "conv-and-pool":
        return None
    if case["stage"] not in ("stage-1", "stage-2"):
        return None
    weights = model["weights"]
    generator, teacher = Generator(model), Teacher(case["vgg"]).requires_grad_(False)
    (_, optimizer), = case["optimizers"]
    optimizer = adam(generator.parameters(), optimizer)
    size = 32 * model["base"]
    real = torch.rand(case["batch"], 3, size, size) * 2 - 1
    text = torch.randn(case["batch"], model["text_dim"])
    is_normalised = model["preprocessing"]["image_space"] == "imagenet-norm"
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)

    def call():
        clock = Clock()
        target = ((real + 1) / 2 - mean) / std if is_normalised else real
        maps, image = generator(text * model["text_gain"])
        with torch.no_grad():
            taps = teacher(target)
        loss = weights.get("image", 1.0) * F.l1_loss(image, target)
        if case["stage"] == "stage-1":
            loss = loss + difference(maps, taps, weights)
        else:
            del maps
            loss = loss + difference(teacher(image), taps, {**weights, **model["feature_weights"]})
        clock.lap("g, forward")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clock.lap("g, backward")
        optimizer.step()
        loss.item()
        clock.lap("g, optimiser")
        return clock.sections

    return call, {"trained": count(generator), "frozen": count(teacher)}
