"""DF-GAN in both versions: hinge loss, the penalty on the gradient by double backward, and a step of
the generator on the same fake."""

import torch
from torch import nn
from torch.nn import functional as F

from parts import Clock, adam, count

SLOPE = 0.2
FIRST_SIDE = 4


def leaky(x):
    return F.leaky_relu(x, SLOPE)


class Affine(nn.Module):
    def __init__(self, condition, hidden, channels):
        super().__init__()
        self.scale, self.shift = (
            nn.Sequential(
                nn.Linear(condition, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels)
            )
            for _ in range(2)
        )

    def forward(self, x, condition):
        scale, shift = self.scale(condition), self.shift(condition)
        return scale[:, :, None, None] * x + shift[:, :, None, None]


class Block(nn.Module):
    def __init__(self, inputs, outputs, condition, hidden, has_gain):
        super().__init__()
        self.first, self.second = (
            nn.ModuleList(Affine(condition, hidden or channels, channels) for _ in range(2))
            for channels in (inputs, outputs)
        )
        self.convs = nn.ModuleList(
            [nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)]
        )
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.gain = nn.Parameter(torch.zeros(1)) if has_gain else None

    def forward(self, x, condition):
        h = x
        for affines, conv in zip((self.first, self.second), self.convs):
            for affine in affines:
                h = leaky(affine(h, condition))
            h = conv(h)
        if self.gain is not None:
            h = self.gain * h
        return self.shortcut(x) + h


class Generator(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.is_new = model["architecture"] == "df-gan-2022"
        width, noise, text = (
            model["generator_width"],
            model["noise_dim"],
            model["encoder"]["dim"],
        )
        doublings = (model["resolution"] // FIRST_SIDE).bit_length() - 1
        channels = [width * min(8, 2 ** (doublings - i)) for i in range(doublings + 1)]
        pairs = list(zip(channels, channels[1:]))
        if not self.is_new:
            pairs.insert(0, (channels[0], channels[0]))
        condition, hidden = (text + noise, None) if self.is_new else (text, text)
        self.stem = nn.Linear(noise, channels[0] * FIRST_SIDE**2)
        self.blocks = nn.ModuleList(
            Block(inputs, outputs, condition, hidden, not self.is_new) for inputs, outputs in pairs
        )
        self.head = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, noise, sentence):
        condition = torch.cat([noise, sentence], 1) if self.is_new else sentence
        h = self.stem(noise).view(len(noise), -1, FIRST_SIDE, FIRST_SIDE)
        for i, block in enumerate(self.blocks):
            if self.is_new or i > 0:
                h = F.interpolate(h, scale_factor=2)
            h = block(h, condition)
        return torch.tanh(self.head(leaky(h)))


class Halving(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.LeakyReLU(SLOPE, inplace=True),
        )
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return F.avg_pool2d(self.shortcut(x), 2) + self.gain * self.residual(x)


class Discriminator(nn.Module):
    def __init__(self, model):
        super().__init__()
        width = model["discriminator_width"]
        most = 8 if model["architecture"] == "df-gan-2022" else 16
        halvings = (model["resolution"] // FIRST_SIDE).bit_length() - 1
        channels = [width * min(most, 2**i) for i in range(halvings + 1)]
        self.trunk = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            *(Halving(inputs, outputs) for inputs, outputs in zip(channels, channels[1:])),
        )
        joined = channels[-1] + model["encoder"]["dim"]
        self.head = nn.Sequential(
            nn.Conv2d(joined, 2 * width, 3, padding=1, bias=False),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(2 * width, 1, FIRST_SIDE, bias=False),
        )

    def judge(self, features, sentence):
        tiled = sentence[:, :, None, None].expand(-1, -1, *features.shape[2:])
        return self.head(torch.cat([features, tiled], 1)).flatten()


def penalised(logits, images, sentence, settings):
    gradients = torch.autograd.grad(logits.sum(), (images, sentence), create_graph=True)
    flat = torch.cat([g.flatten(1) for g in gradients], 1)
    return settings["weight"] * flat.norm(2, 1).pow(settings["power"]).mean()


def prepare(case):
    model, batch = case["model"], case["batch"]
    penalty = model["penalty"]
    is_known = penalty.get("kind", "matching-aware") == "matching-aware"
    if model["damsm_weight"] != 0 or penalty["length"] != "joint" or not is_known:
        return None
    generator, discriminator = Generator(model), Discriminator(model)
    encoder = model["encoder"]
    words = nn.Embedding(model["vocabulary"], encoder["embedding_dim"])
    reader = nn.LSTM(
        encoder["embedding_dim"], encoder["dim"] // 2, batch_first=True, bidirectional=True
    )
    optimizers = dict(case["optimizers"])
    adam_g = adam(generator.parameters(), optimizers["g"])
    adam_d = adam(discriminator.parameters(), optimizers["d"])
    side = model["resolution"]
    real = torch.rand(batch, 3, side, side) * 2 - 1
    ids = torch.zeros(batch, 1, dtype=torch.long)
    is_joint = penalty["step"] == "joint"
    is_cyclic = model["mismatched"] == "cyclic"

    def step(optimizer, loss, clock, name):
        clock.lap(f"{name}, forward")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clock.lap(f"{name}, backward")
        optimizer.step()
        loss.item()
        clock.lap(f"{name}, optimiser")

    def call():
        clock = Clock()
        with torch.no_grad():
            state = reader(words(ids))[1][0]
            sentence = torch.cat([state[0], state[1]], 1)
        fake = generator(torch.randn(batch, model["noise_dim"]), sentence)
        clock.lap("shared")

        discriminator.requires_grad_(True)
        images, matching = real, sentence
        if is_joint:
            images, matching = real.clone().requires_grad_(), sentence.clone().requires_grad_()
        features = discriminator.trunk(images)
        logits = discriminator.judge(features, matching)
        if is_cyclic:
            wrong = discriminator.judge(features.roll(-1, 0), sentence)
        else:
            wrong = discriminator.judge(features[:-1], sentence[1:])
        painted = discriminator.judge(discriminator.trunk(fake.detach()), sentence)
        loss = F.relu(1 - logits).mean()
        loss = loss + (F.relu(1 + wrong).mean() + F.relu(1 + painted).mean()) / 2
        if is_joint:
            loss = loss + penalised(logits, images, matching, penalty)
        step(adam_d, loss, clock, "d")
        if not is_joint:
            images, matching = real.clone().requires_grad_(), sentence.clone().requires_grad_()
            logits = discriminator.judge(discriminator.trunk(images), matching)
            step(adam_d, penalised(logits, images, matching, penalty), clock, "penalty")

        # The judge's weights need no gradient in the generator's step.
        discriminator.requires_grad_(False)
        loss = -discriminator.judge(discriminator.trunk(fake), sentence).mean()
        step(adam_g, loss, clock, "g")
        return clock.sections

    frozen = count(words, reader)
    return call, {"trained": count(generator, discriminator) + frozen, "frozen": 0}
