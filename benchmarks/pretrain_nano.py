"""Pretrain SAM 2.1 nano: promptable segmentation, learned from synthetic scenes alone.

    python benchmarks/pretrain_nano.py --out nano-run

writes ``nano.safetensors`` (all weights, bfloat16) and ``nano.json`` (their card) into the folder.
The same command resumes an interrupted training.  Every batch follows from the seed and its number;
on one machine with a fixed number of threads the result is reproducible up to the order of sums.

With ``--photos SHARE``, a share of the images are photographs with object masks (see
`nano_photos`).  With ``--start FILE``, it goes on from given weights.

Scenes are mosaics (`hsizoo_datasets.mosaics`, setting ``train``) and phantom scenes in pseudo-RGB
of random bands, with other seeds than the benchmarks.  An image is encoded once for several
objects, each clicked in three rounds.  Most steps use small images, the last ones the full size,
while the learning rate decays to zero.  The moving average of the weights is published.

Three things made it learn from the start.  The queries and keys that the mask decoder uses to find
the clicked place are initialised equal, so that attention is local from the beginning.
Cross-entropy weights both sides of an outline equally at first; without that, masks collapse to
empty.  Some prompts carry a map of colour similarity, which is an easy mask prompt.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hsizoo_sam2.building import build_sam21
from hsizoo_sam2.decoding import Projection, begin_decoding, decode_masks, project_features
from hsizoo_sam2.dense_prompt import encode_masks
from nano_batches import PHANTOM_SEED, Batches, Settings
from nano_photos import divided, index_digest, photo_folder
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader

from hsizoo.engine.provenance import git_revision

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Nano(nn.Module):
    """SAM 2.1 nano, decoding objects of several images at once."""

    def __init__(self, seed: int, start: str = "") -> None:
        super().__init__()
        model, _ = build_sam21("nano", start or "random")
        model.requires_grad_(True)
        self.model = model
        torch.manual_seed(seed)
        if not start:
            _start_local(model.sam_mask_decoder)

    def resize(self, side: int) -> None:
        """Set the image size."""
        prompts = self.model.sam_prompt_encoder
        prompts.input_image_size = (side, side)
        prompts.image_embedding_size = (side // 16, side // 16)
        prompts.mask_input_size = (side // 4, side // 4)

    def encode(self, images: torch.Tensor) -> Projection:
        """Encode images to the stacked inputs of the decoder."""
        mean, std = (images.new_tensor(each)[:, None, None] for each in (_MEAN, _STD))
        levels = self.model.image_encoder((images - mean) / std)["backbone_fpn"]
        fine, middle, coarse = levels
        coarse = coarse + self.model.no_mem_embed.view(1, -1, 1, 1)
        with torch.autocast("cpu", enabled=False):
            position = self.model.sam_prompt_encoder.get_dense_pe()
        each = [
            project_features(
                self.model.sam_mask_decoder, coarse[n : n + 1], middle[n : n + 1],
                fine[n : n + 1], position,
            )
            for n in range(len(images))
        ]  # fmt: skip
        return replace(
            each[0],
            tokens=torch.cat([one.tokens for one in each]),
            middle=torch.stack([one.middle for one in each]),
            fine=torch.stack([one.fine for one in each]),
        )

    def decode(
        self,
        image: Projection,
        points: torch.Tensor,
        labels: torch.Tensor,
        masks: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (N, 4, h, w) and quality (N, 4) of N objects, each on its own image."""
        prompts = self.model.sam_prompt_encoder
        with torch.autocast("cpu", enabled=False):
            sparse, _ = prompts(points=(points, labels), boxes=None, masks=None)
            dense = encode_masks(prompts, masks)
        decoder = self.model.sam_mask_decoder
        decoded = decode_masks(decoder, image, begin_decoding(decoder, sparse, dense))
        return decoded.logits.float(), decoded.quality.float()


def _start_local(decoder: nn.Module) -> None:
    """Initialise attention so that tokens and pixels attend to similar positions."""
    transformer = decoder.transformer
    attentions = [transformer.final_attn_token_to_image]
    for layer in transformer.layers:
        attentions += [layer.cross_attn_token_to_image, layer.cross_attn_image_to_token]
    for attention in attentions:
        query, key = attention.q_proj, attention.k_proj
        with torch.no_grad():
            nn.init.orthogonal_(query.weight, 1.5)
            key.weight.copy_(query.weight)
            query.bias.zero_()
            key.bias.zero_()


def losses(
    logits: torch.Tensor, truth: torch.Tensor, balance: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return loss (N, M) and IoU (N, M) of M masks of N objects.

    Parameters
    ----------
    logits : Tensor, shape (N, M, h, w)
    truth : Tensor, shape (N, h, w)
        Fraction of each pixel that the object covers.
    balance : float
        Degree to which object and background are weighted equally, 0 to 1.
    """
    wanted = truth[:, None].expand_as(logits)
    plain = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    share = truth.mean((1, 2)).clamp(0.002, 0.998)[:, None, None, None]
    even = wanted * (0.5 / share) + (1 - wanted) * (0.5 / (1 - share))
    entropy = (plain * (balance * even + (1 - balance))).mean((2, 3))
    probability = logits.sigmoid()
    overlap = (probability * wanted).sum((2, 3))
    dice = 1 - (2 * overlap + 1) / (probability.sum((2, 3)) + wanted.sum((2, 3)) + 1)
    found, real = logits.detach() > 0, wanted > 0.5
    union = (found | real).sum((2, 3)).clamp(min=1)
    return entropy + dice, (found & real).sum((2, 3)) / union


def correct(
    logits: torch.Tensor, truth: torch.Tensor, number: int, rng: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw further clicks of each object, (N, number, 2) in image pixels, and their signs.

    A third of the objects is clicked as in the paper (positive, where the model is least certain),
    the others where the mask is wrong, half of these in the middle of the error.
    """
    count, _, width = truth.shape
    inside, probability = truth > 0.5, logits.sigmoid()
    wrong = (inside != (logits > 0)).float()
    deep = functional.avg_pool2d(wrong[:, None], 5, 1, 2)[:, 0] * wrong
    kind = torch.rand(count, generator=rng)
    paper, middle = kind < 0.33, (kind >= 0.33) & (kind < 0.66)
    points, signs = [], []
    for _ in range(number):
        jitter = torch.rand(truth.shape, generator=rng)
        rank = wrong * (1 + jitter)
        rank = torch.where(middle[:, None, None], deep * (1 + 0.2 * jitter) + 0.01 * rank, rank)
        least = inside * (1.01 - probability + 0.05 * jitter)
        right = wrong.sum((1, 2), keepdim=True) == 0
        rank = torch.where(paper[:, None, None] | right, least, rank)
        at = rank.flatten(1).argmax(1)
        row, col = at // width, at % width
        points.append(torch.stack([col, row], 1))
        signs.append(inside.flatten(1).gather(1, at[:, None])[:, 0])
        every = torch.arange(count)
        wrong[every, row, col] = deep[every, row, col] = 0
    where = torch.stack(points, 1).float() * 4 + 4 * torch.rand((count, number, 2), generator=rng)
    return where, torch.stack(signs, 1).to(torch.int32)


def similarity(
    images: torch.Tensor, owner: torch.Tensor, clicks: torch.Tensor, width: torch.Tensor
) -> torch.Tensor:
    """Mask prompts (N, 1, h, w) by colour similarity to any click, from -10 to +10."""
    small = functional.avg_pool2d(images, 4)[owner]
    at = (clicks / 4).long().clamp(0, small.shape[-1] - 1)
    every = torch.arange(len(owner))
    best = None
    for n in range(clicks.shape[1]):
        colour = small[every, :, at[:, n, 1], at[:, n, 0]]
        far = (small - colour[:, :, None, None]).square().sum(1)
        near = torch.exp(-far / (2 * width[:, None, None] ** 2))
        best = near if best is None else torch.maximum(best, near)
    assert best is not None
    return (20 * best - 10)[:, None]


def learn(
    nano: Nano,
    batch: dict[str, torch.Tensor],
    balance: float,
    rng: torch.Generator,
    clicks: int = 6,
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the loss of a batch, and the IoU after each round; the last has up to `clicks`."""
    images, count = batch["images"], len(batch["masks"])
    truth = functional.avg_pool2d(batch["masks"].float()[:, None], 4)[:, 0]
    owner = torch.arange(len(images)).repeat_interleave(count // len(images))
    # With few tokens per window, plain attention is faster than the backward pass of the fused one.
    with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
        each = nano.encode(images)
        features = replace(
            each, tokens=each.tokens[owner], middle=each.middle[owner], fine=each.fine[owner]
        )
        points = batch["clicks"][:, None]
        labels = torch.ones((count, 1), dtype=torch.int32)
        total = torch.zeros(())
        seen: dict[str, float] = {}
        before = None
        for turn in range(3):
            masks = None
            kind = torch.rand((), generator=rng).item()
            if kind < 0.3:
                width = 0.05 + 0.25 * torch.rand(count, generator=rng)
                masks = similarity(images, owner, points, width)
            elif kind < 0.6 and before is not None:
                masks = before[:, None].clamp(-20, 20)
            logits, quality = nano.decode(features, points, labels, masks)
            loss, iou = losses(logits, truth, balance)
            best = loss[:, 1:].detach().argmin(1, keepdim=True)
            ambiguous = loss[:, 1:].gather(1, best)[:, 0]
            total = total + loss[:, 0].mean() + functional.mse_loss(quality, iou)
            if turn == 0:
                total = total + ambiguous.mean()
                seen["best"] = iou[:, 1:].gather(1, best).mean().item()
            seen[f"iou{turn}"] = iou[:, 0].mean().item()
            if turn < 2:
                before = logits[:, 0].detach()
                number = 1 if turn == 0 else int(torch.randint(1, clicks - 1, (), generator=rng))
                more, signs = correct(before, truth, number, rng)
                points, labels = torch.cat([points, more], 1), torch.cat([labels, signs], 1)
    return total, seen


class Training:
    """Weights, their moving average, the optimizer, and their checkpoint."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.nano = Nano(settings.seed, settings.start)
        self.average = {k: v.clone() for k, v in self.nano.model.state_dict().items()}
        matrices = [each for each in self.nano.parameters() if each.ndim > 1]
        others = [each for each in self.nano.parameters() if each.ndim < 2]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": settings.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            betas=(0.9, 0.98),
            fused=True,
        )
        self.step = 0
        self.seconds = 0.0
        if self._state.is_file():
            self._resume()

    @property
    def _state(self) -> Path:
        return self.folder / "state.pt"

    def _resume(self) -> None:
        state = torch.load(self._state, weights_only=True)
        self.nano.model.load_state_dict(state["weights"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        print(f"resuming from step {self.step}")

    def save(self) -> None:
        """Write the checkpoint atomically."""
        state = {
            "weights": self.nano.model.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        torch.save(state, self._state.with_suffix(".tmp"))
        self._state.with_suffix(".tmp").replace(self._state)

    def run(self, until: int | None = None) -> None:
        """Run the remaining steps, or those before `until`; write the result after the last."""
        settings = self.settings
        last = settings.steps if until is None else min(until, settings.steps)
        loader = DataLoader(
            Batches(settings),
            batch_size=None,
            sampler=range(self.step, last),
            num_workers=1,
            prefetch_factor=8,
        )
        sums: dict[str, float] = {}
        began = time.monotonic()
        for batch in loader:
            step = self.step
            self.nano.resize(settings.shape(step)[1])
            rate = settings.rate(step)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            balance = 0.1 if settings.start else max(0.1, 1 - step / 3000)
            rng = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
            loss, seen = learn(self.nano, batch, balance, rng, settings.clicks)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(self.nano.parameters(), settings.clip).item()
            if np.isfinite(norm):
                self.optimizer.step()
            keep = min(settings.average, (1 + step) / (10 + step))
            with torch.no_grad():
                for name, value in self.nano.model.state_dict().items():
                    self.average[name].lerp_(value, 1 - keep)
            self.step += 1
            for key, value in {"loss": loss.item(), "norm": norm, **seen}.items():
                sums[key] = sums.get(key, 0) + value
            now = time.monotonic()
            self.seconds, began = self.seconds + now - began, now
            if self.step % 50 == 0:
                line = {key: round(value / 50, 4) for key, value in sums.items()}
                about = {"step": self.step, "seconds": round(self.seconds), "lr": rate, **line}
                with (self.folder / "log.jsonl").open("a") as log:
                    log.write(json.dumps(about) + "\n")
                print(about, flush=True)
                sums = {}
            if self.step % 250 == 0 or self.step == last:
                self.save()
        if last == settings.steps:
            self.publish()

    def publish(self) -> None:
        """Write the averaged weights in bfloat16, with a card."""
        path = self.folder / "nano.safetensors"
        save_file({k: v.to(torch.bfloat16) for k, v in self.average.items()}, path)
        card = {
            "name": "sam2.1-nano",
            "digest": hashlib.sha256(path.read_bytes()).hexdigest(),
            "stored": "bfloat16",
            "licence": "Apache-2.0",
            "data": self._data(),
            "limits": ("" if self.settings.photos else "Trained without real images.  ")
            + "Less accurate for thin objects and for objects that differ only in texture; see "
            "benchmarks/results/nano.md.",
            "command": self._command(),
            "settings": asdict(self.settings),
            "seed": self.settings.seed,
            "steps": self.step,
            "hours": round(self.seconds / 3600, 2),
            "machine": f"{torch.get_num_threads()} CPU threads, torch {torch.__version__}",
            "commit": git_revision(),
            "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        (self.folder / "nano.json").write_text(json.dumps(card, indent=1) + "\n")

    def _data(self) -> str:
        computed = f"mosaics (setting train) and phantom pseudo-RGB, seeds {PHANTOM_SEED} and up; "
        if not self.settings.photos:
            return f"synthetic: {computed}no real image"
        folder = photo_folder()
        shown = ", ".join(f"{len(n)} {name}" for name, n in divided(folder, "train").items())
        apart = ", ".join(f"{len(n)} {name}" for name, n in divided(folder, "held-out").items())
        return (
            f"{computed}photographs: {shown}; held out: {apart} (nuclei: BBBC038, CC0; aerial: "
            "Humans in the Loop's Dubai set, announced as CC0, no licence file in the copy; coco: "
            "COCO 2017, images under CC BY 2.0, CC BY-SA 2.0 or without known restrictions, masks "
            f"CC BY 4.0; sha256 of the index {index_digest(folder)})"
        )

    def _command(self) -> str:
        usual = asdict(Settings())
        changed = {k: v for k, v in asdict(self.settings).items() if v != usual[k]}
        options = "".join(f" --{k.replace('_', '-')} {v}" for k, v in changed.items())
        return f"python benchmarks/pretrain_nano.py --out nano-run{options}"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--until", type=int, help="stop after this step, to resume later")
    usual: dict[str, Any] = asdict(Settings())
    for name, value in usual.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    chosen = vars(parser.parse_args())
    folder, threads, until = (chosen.pop(name) for name in ("out", "threads", "until"))
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads)
    Training(Settings(**chosen), folder).run(until)


if __name__ == "__main__":
    main()
