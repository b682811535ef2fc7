"""The loss that trains SAM's prompt encoder (IPG, section 2.3), and its optimiser.

::

    (6) L = - 1 / sum g  sum g [ y log c + (1 - y) log (1 - c) ],   y = 1 within a class, else 0

over the labelled pixels a (seeds and pseudo labels that pass the gate g), the classes i and some
groups.  A loss on what the frozen encoder makes of the image would have no gradient in the prompt
encoder, so c comes through the decoder.  INFERRED: the formula is not in the text that is
available; this is the loss of UPS (Rizve et al., arXiv:2101.06329), whose words the paper uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional

import hsizoo
from hsizoo_ipg.dense import Decoding, DenseEngine
from hsizoo_ipg.options import ConsistencyForm, Trained
from hsizoo_ipg.prompts import Labelled
from hsizoo_ipg.voting import Thresholds

__all__ = ["Consistency"]

_EDGE = 1e-4  # keeps logarithms finite


class Consistency:
    """The consistency loss of one run.

    Parameters
    ----------
    engine : DenseEngine
    form : {"features", "mask"}
        What c is: the mean cosine of the decoder's upscaled embeddings to those of the class's
        labels, brought to [0, 1]; or the probability of the class's mask.
    trained : {"prompt-encoder", "prompt-encoder+layer", "layer"}
        What is trained; the layer is the first one of the decoder's transformer.
    rate : float
        Of Adam.
    thresholds : Thresholds
        Pixels on which a mask is undecided have no loss.
    """

    def __init__(
        self,
        engine: DenseEngine,
        *,
        form: ConsistencyForm,
        trained: Trained,
        rate: float,
        thresholds: Thresholds,
    ) -> None:
        self._engine = engine
        self._form = form
        self._thresholds = thresholds
        self.parameters = _chosen(engine.network, trained)
        self._optimiser = torch.optim.Adam(self.parameters.values(), lr=rate)

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Train nothing but what is chosen meanwhile, and give the network back as it was."""
        network = self._engine.network
        before = {name: each.requires_grad for name, each in network.named_parameters()}
        values = {name: each.detach().clone() for name, each in self.parameters.items()}
        chosen = {id(each) for each in self.parameters.values()}
        for each in network.parameters():
            each.requires_grad_(id(each) in chosen)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, value in values.items():
                    self.parameters[name].copy_(value)
            for name, each in network.named_parameters():
                each.requires_grad_(before[name])
                each.grad = None
            self._engine.segmenter.invalidate()

    def step(
        self,
        prompts: Sequence[hsizoo.Clicks],
        known: Labelled,
        reliable: torch.Tensor,
        groups: Sequence[int],
    ) -> float | None:
        """Take one step; returns the loss, or None where no pixel has one.

        Parameters
        ----------
        prompts : sequence of Clicks, length K
        known : Labelled
            Pixels (a) of the loss.
        reliable : Tensor of bool
            The gate g of each of them.
        groups : sequence of int
            On which the loss is taken, one after the other.
        """
        self._optimiser.zero_grad()
        total, parts = 0.0, 0
        for group in groups:
            with torch.inference_mode(False), torch.enable_grad():
                loss = self.loss(prompts, known, reliable, [group])
                if loss is None:
                    continue
                loss.backward()  # type: ignore[no-untyped-call]
            total, parts = total + float(loss.detach()), parts + 1
        if not parts:
            return None
        self._optimiser.step()
        return total / parts

    def loss(
        self,
        prompts: Sequence[hsizoo.Clicks],
        known: Labelled,
        reliable: torch.Tensor,
        groups: Sequence[int],
    ) -> torch.Tensor | None:
        """The loss on some groups, with a graph; see `step`."""
        engine = self._engine
        pixels = torch.as_tensor(known.pixels, device=engine.device)
        classes = torch.as_tensor(known.classes, device=engine.device)
        in_mask, in_features = engine.pixel_order(pixels)
        sums, weights = [], []
        for found in engine.decode(list(engine.bundles(prompts)), groups):
            logits = found.logits.flatten(2)[:, :, in_mask]  # (G, n, m)
            own = classes == torch.as_tensor(found.classes, device=engine.device)[:, None]
            chance = self._chance(found, logits, own, in_features)
            yes, no = self._thresholds.votes(logits.detach(), logits=True)
            weight = (reliable & (yes | no)).float()
            each = functional.binary_cross_entropy(
                chance, own.float().expand_as(chance), reduction="none"
            )
            sums.append((each * weight).sum())
            weights.append(weight.sum())
        count = torch.stack(weights).sum()
        return torch.stack(sums).sum() / count if bool(count > 0) else None

    def _chance(
        self,
        found: Decoding,
        logits: torch.Tensor,
        own: torch.Tensor,
        in_features: torch.Tensor,
    ) -> torch.Tensor:
        """The c of (6), shape (G, n, m)."""
        if self._form == "mask":
            return logits.sigmoid().clamp(_EDGE, 1 - _EDGE)
        # The mean over the labels of a cosine is the cosine's product with their mean.
        units = functional.normalize(found.features[:, :, in_features].float(), dim=-1)
        share = own.float() / own.sum(dim=1, keepdim=True).clamp(min=1)
        mean = torch.einsum("nm,gnmc->gnc", share, units)
        cosine = torch.einsum("gnmc,gnc->gnm", units, mean)
        return ((1 + cosine) / 2).clamp(_EDGE, 1 - _EDGE)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Everything that training changes, as tensors on the CPU."""
        state = {f"value.{name}": each.detach() for name, each in self.parameters.items()}
        for name, each in self.parameters.items():
            for key, value in self._optimiser.state.get(each, {}).items():
                state[f"adam.{key}.{name}"] = torch.as_tensor(value)
        return {name: each.cpu().clone() for name, each in state.items()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Restore what `state_dict` returned."""
        with torch.no_grad():
            for name, each in self.parameters.items():
                each.copy_(state[f"value.{name}"])
                moments = {
                    key.split(".", 2)[1]: value
                    for key, value in state.items()
                    if key.startswith("adam.") and key.split(".", 2)[2] == name
                }
                if moments:
                    self._optimiser.state[each] = {
                        key: value.clone() if key == "step" else value.to(each.device)
                        for key, value in moments.items()
                    }


def _chosen(network: nn.Module, trained: Trained) -> dict[str, nn.Parameter]:
    parts = []
    if trained != "layer":
        parts.append("sam_prompt_encoder.")
    if trained != "prompt-encoder":
        parts.append("sam_mask_decoder.transformer.layers.0.")
    return {
        name: each for name, each in network.named_parameters() if name.startswith(tuple(parts))
    }
