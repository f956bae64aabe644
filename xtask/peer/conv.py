"""One convolution with or without its gradients."""

import torch


def prepare(case):
    inputs, outputs = case["channels"]
    kind = torch.nn.ConvTranspose2d if case["is_transposed"] else torch.nn.Conv2d
    layer = kind(
        inputs, outputs, case["kernel"], stride=case["stride"], padding=case["padding"]
    )
    x = torch.randn(case["batch"], inputs, case["size"], case["size"])
    if case["pass"] == "forward":

        def forward():
            with torch.no_grad():
                layer(x)

        return forward, None

    wanted = []
    if case["pass"] in ("input", "both"):
        wanted.append(x.requires_grad_())
    if case["pass"] in ("weight", "both"):
        wanted += layer.parameters()
    else:
        layer.requires_grad_(False)

    def both():
        y = layer(x)
        torch.autograd.grad(y, wanted, torch.ones_like(y))

    return both, None
