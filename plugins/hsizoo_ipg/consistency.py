"""Loss and optimiser for training SAM's prompt encoder (IPG, section 2.3).

::

    (6) L = - 1 / sum g  sum g [ y log c + (1 - y) log (1 - c) ],   y = 1 within a class, else 0

over the labelled pixels a (seeds and pseudo labels that pass the gate g), the classes i and some
groups.  A loss on the output of the frozen image encoder would have no gradient in the prompt
encoder, so c is computed by the decoder.  INFERRED: the available text lacks the formula; this is
the loss of UPS (Rizve et al., arXiv:2101.06329), whose wording the paper uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

import hsizoo
from hsizoo_ipg.dense import Bundle, Decoding, DenseEngine
from hsizoo_ipg.options import ConsistencyForm, Trained
from hsizoo_ipg.prompts import Labelled
from hsizoo_ipg.voting import Thresholds

__all__ = ["Consistency"]

_MARGIN = 1e-4  # keeps logarithms finite


class Consistency:
    """Consistency loss of one run.

    Parameters
    ----------
    engine : DenseEngine
    form : {"features", "mask"}
        Definition of c: the mean cosine between the decoder's upscaled embeddings and those of
        the class's labels, scaled to [0, 1]; or the probability of the class's mask.
    trained : {"prompt-encoder", "prompt-encoder+layer", "layer"}
        Trained modules; the layer is the first one of the decoder's transformer.
    rate : float
        Learning rate of Adam.
    thresholds : Thresholds
        Pixels where a mask is undecided are excluded from the loss.
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
        """Make only the trained parameters trainable; restore the network on exit."""
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
        """Take one training step; return the loss, or None if no pixel has one.

        Parameters
        ----------
        prompts : sequence of Clicks, length K
        known : Labelled
            Labelled pixels (a) of the loss.
        reliable : Tensor of bool
            Gate g of each pixel.
        groups : sequence of int
            Groups on which the loss is computed, one after the other.
        """
        self._optimiser.zero_grad()
        total, parts = 0.0, 0
        with torch.inference_mode(False), torch.enable_grad():
            # All groups share the encoded prompts: one way back through them for all.
            encoded = list(self._engine.bundles(prompts))
            bundles = [replace(each, prompts=each.prompts.cut()) for each in encoded]
            for group in groups:
                loss = self._loss(bundles, known, reliable, [group])
                if loss is None:
                    continue
                loss.backward()  # type: ignore[no-untyped-call]
                total, parts = total + float(loss.detach()), parts + 1
            if not parts:
                return None
            for whole, bundle in zip(encoded, bundles, strict=True):
                whole.prompts.backward(bundle.prompts)
        self._optimiser.step()
        return total / parts

    def loss(
        self,
        prompts: Sequence[hsizoo.Clicks],
        known: Labelled,
        reliable: torch.Tensor,
        groups: Sequence[int],
    ) -> torch.Tensor | None:
        """Return the loss on some groups, with a graph; see `step`."""
        return self._loss(list(self._engine.bundles(prompts)), known, reliable, groups)

    def _loss(
        self,
        bundles: Sequence[Bundle],
        known: Labelled,
        reliable: torch.Tensor,
        groups: Sequence[int],
    ) -> torch.Tensor | None:
        engine = self._engine
        pixels = torch.as_tensor(known.pixels, device=engine.device)
        classes = torch.as_tensor(known.classes, device=engine.device)
        _, places = engine.pixel_order(pixels)
        sums, weights = [], []
        for found in engine.decode(bundles, groups, features=self._form == "features", at=places):
            own = classes == torch.as_tensor(found.classes, device=engine.device)[:, None]
            certainty = self._certainty(found, own)
            yes, no = self._thresholds.votes(found.logits.detach(), logits=True)
            weight = (reliable & (yes | no)).float()
            each = functional.binary_cross_entropy(
                certainty, own.float().expand_as(certainty), reduction="none"
            )
            sums.append((each * weight).sum())
            weights.append(weight.sum())
        count = torch.stack(weights).sum()
        return torch.stack(sums).sum() / count if bool(count > 0) else None

    def _certainty(self, found: Decoding, own: torch.Tensor) -> torch.Tensor:
        """Return c of (6) at the m labelled pixels, shape (G, n, m)."""
        if self._form == "mask":
            return found.logits.sigmoid().clamp(_MARGIN, 1 - _MARGIN)
        assert found.features is not None
        # The mean cosine with unit vectors is the product with their mean.
        units = functional.normalize(found.features.float(), dim=-1)
        share = own.float() / own.sum(dim=1, keepdim=True).clamp(min=1)
        mean = torch.einsum("nm,gnmc->gnc", share, units)
        cosine = torch.einsum("gnmc,gnc->gnm", units, mean)
        return ((1 + cosine) / 2).clamp(_MARGIN, 1 - _MARGIN)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return all state that training changes, as tensors on the CPU."""
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
