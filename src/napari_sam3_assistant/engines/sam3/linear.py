"""Products with oneDNN in place of torch's usual library: on some processors more than twice as fast."""

from __future__ import annotations

from typing import Any

import torch


class OneDnnLinear(torch.nn.Linear):  # type: ignore[misc]
    """``torch.nn.Linear``, computed by oneDNN with the bias in one go."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return ``input`` times the weights, plus the bias."""
        return product(input, self.weight, self.bias)


def product(tokens: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Return what ``torch.nn.functional.linear`` does, within rounding. On a CPU that has :func:`there` only."""
    made: torch.Tensor = torch.ops.mkldnn._linear_pointwise(tokens, weight, bias, "none", [], "")
    return made


def there() -> bool:
    """Return whether this build of torch has oneDNN's product on a CPU, and it gives the right answer."""
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return False
    tokens, weight, bias = torch.randn(2, 5, 8), torch.randn(6, 8), torch.randn(6)
    try:
        with torch.inference_mode():
            made = product(tokens, weight, bias)
    except RuntimeError:  # an operator that this processor does not have
        return False
    return bool(torch.allclose(made, torch.nn.functional.linear(tokens, weight, bias), atol=1e-4))


def use(net: Any) -> None:
    """Have all linear layers of a model computed by oneDNN."""
    for module in net.modules():
        if type(module) is torch.nn.Linear:
            module.__class__ = OneDnnLinear
