"""GAN-INT-CLS with the authors' networks: a step of the discriminator, then one of the generator."""

import torch
from torch import nn
from torch.nn import functional as F

from parts import Clock, adam, count

SLOPE = 0.2


class Bottleneck(nn.Module):
    def __init__(self, channels, slope):
        super().__init__()
        inner = channels // 4
        self.body = nn.Sequential(
            nn.Conv2d(channels, inner, 1),
            nn.BatchNorm2d(inner),
            nn.LeakyReLU(slope, inplace=True),
            nn.Conv2d(inner, inner, 3, padding=1),
            nn.BatchNorm2d(inner),
            nn.LeakyReLU(slope, inplace=True),
            nn.Conv2d(inner, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
        )
        self.slope = slope

    def forward(self, x):
        return F.leaky_relu(x + self.body(x), self.slope, inplace=True)


class Generator(nn.Module):
    def __init__(self, model):
        super().__init__()
        n = model["generator_width"]
        channels = [model["noise_dim"] + model["projection_dim"], 8 * n, 4 * n, 2 * n, n, 3]
        self.text = nn.Linear(model["text_dim"], model["projection_dim"])
        layers = [nn.ConvTranspose2d(channels[0], channels[1], 4)]
        for i in range(1, 5):
            layers.append(nn.BatchNorm2d(channels[i]))
            layers.append(Bottleneck(channels[i], 0.0) if i < 3 else nn.ReLU(inplace=True))
            layers.append(nn.ConvTranspose2d(channels[i], channels[i + 1], 4, 2, 1))
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, text, noise):
        text = F.leaky_relu(self.text(text), SLOPE)
        return self.layers(torch.cat([noise, text], 1)[:, :, None, None])


class Discriminator(nn.Module):
    def __init__(self, model):
        super().__init__()
        n, projection = model["discriminator_width"], model["projection_dim"]
        top = 8 * n
        self.image = nn.Sequential(
            nn.Conv2d(3, n, 4, 2, 1),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(n, 2 * n, 4, 2, 1),
            nn.BatchNorm2d(2 * n),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(2 * n, 4 * n, 4, 2, 1),
            nn.BatchNorm2d(4 * n),
            nn.Conv2d(4 * n, top, 4, 2, 1),
            nn.BatchNorm2d(top),
            Bottleneck(top, SLOPE),
        )
        self.text = nn.Sequential(
            nn.Linear(model["text_dim"], projection),
            nn.BatchNorm1d(projection),
            nn.LeakyReLU(SLOPE, inplace=True),
        )
        self.head = nn.Sequential(
            nn.Conv2d(top + projection, top, 1),
            nn.BatchNorm2d(top),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(top, 1, 4),
        )

    def forward(self, image, text):
        h = self.image(image)
        text = self.text(text)[:, :, None, None].expand(-1, -1, *h.shape[2:])
        return self.head(torch.cat([h, text], 1)).flatten()


def judged(logits, target):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def zero_biases(module):
    """The authors set the biases of convolutions back to 0."""
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                layer.bias.zero_()


def prepare(case):
    model, batch = case["model"], case["batch"]
    if model["architecture"] != "reed" or model["variant"] != "int-cls":
        return None
    generator, discriminator = Generator(model), Discriminator(model)
    optimizers = dict(case["optimizers"])
    adam_g = adam(generator.parameters(), optimizers["generator"])
    adam_d = adam(discriminator.parameters(), optimizers["discriminator"])
    real, mismatched = (torch.rand(batch, 3, 64, 64) * 2 - 1 for _ in range(2))
    captions = torch.randn(batch, model["captions"], model["text_dim"])
    wrong = model["mismatched_weight"]

    def call():
        clock = Clock()
        text = captions.mean(1)
        with torch.no_grad():
            fake = generator(text, torch.randn(batch, model["noise_dim"]))
        clock.lap("shared")

        discriminator.requires_grad_(True)
        loss = judged(discriminator(real, text), model["real_label"])
        loss = loss + wrong * judged(discriminator(mismatched, text), 0.0)
        loss = loss + (1 - wrong) * judged(discriminator(fake, text), 0.0)
        clock.lap("d, forward")
        adam_d.zero_grad(set_to_none=True)
        loss.backward()
        clock.lap("d, backward")
        adam_d.step()
        zero_biases(discriminator)
        loss.item()
        clock.lap("d, optimiser")

        # The judge's weights need no gradient in the generator's step.
        discriminator.requires_grad_(False)
        half = batch // 2
        conditions = torch.cat([text, (text[:half] + text[half : 2 * half]) / 2])
        fake = generator(conditions, torch.randn(len(conditions), model["noise_dim"]))
        each = F.softplus(-discriminator(fake, conditions))
        share = model["interpolation_weight"]
        loss = (each[:batch].sum() + share * each[batch:].sum()) / len(conditions)
        clock.lap("g, forward")
        adam_g.zero_grad(set_to_none=True)
        loss.backward()
        clock.lap("g, backward")
        adam_g.step()
        zero_biases(generator)
        loss.item()
        clock.lap("g, optimiser")
        return clock.sections

    return call, {"trained": count(generator, discriminator), "frozen": 0}
