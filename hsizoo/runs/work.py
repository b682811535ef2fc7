"""`CellWork`: computes the cells of one run, and keeps what they share from cell to cell."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hsizoo.engine.embeddings import embedding_cache
from hsizoo.engine.memory import PeakMemory
from hsizoo.engine.provenance import provenance
from hsizoo.errors import ContractError, DataError
from hsizoo.interfaces import Protocol
from hsizoo.interfaces.keeping import keeping
from hsizoo.runs.choose import protocol_class
from hsizoo.runs.datasets import Datasets
from hsizoo.runs.dependencies import Dependencies, weights_of
from hsizoo.runs.held import HeldScene
from hsizoo.runs.kept import KeptImages, KeptMasks
from hsizoo.runs.plan import COMPONENTS_AT_A_TIME
from hsizoo.weights.files import require
from hsizoo.weights.sent import SentWeights
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.recipe import Recipe

__all__ = ["CellWork"]


class CellWork:
    """Computes cells from their jobs; see `hsizoo.engine.executors.Work`.

    It lives as long as one run: the components, datasets and the scene that it holds are shared by
    the cells of this run and by nothing else.  Pickled, for a worker process, it is empty.

    Parameters
    ----------
    datasets : Datasets, optional
        Those that the run was planned with.
    """

    def __init__(self, datasets: Datasets | None = None) -> None:
        self._datasets = datasets or Datasets()
        self._components: OrderedDict[tuple[str, str], tuple[Recipe, Any]] = OrderedDict()
        self._protocols: dict[str, Protocol] = {}
        self._held = HeldScene(self._datasets)
        self._images = KeptImages()
        self._made_with: dict[tuple[str, ...], dict[str, Any]] = {}

    def __reduce__(self) -> tuple[type[CellWork], tuple[()]]:
        return CellWork, ()

    def __call__(
        self, job: Mapping[str, Any], progress: Callable[[int, int], None]
    ) -> dict[str, Any]:
        """Compute one cell."""
        protocol = self._protocol(job)
        scene, digests = self._held.prepare(job, protocol)
        recipe, component = self._component(job)
        if protocol.fresh_components:  # what learns in a cell is built anew for the next one
            del self._components[_name_of(job)]
        memory = PeakMemory(job["device"])
        remarks = [*scene.cube.remarks, *scene.label_map.remarks]
        masks = KeptMasks()
        try:
            with (
                keeping(masks.add),
                self._held.guarded(job["row"]["label"]),
                embedding_cache().written_if(self._held.is_unchanged),
            ):
                result = protocol.run(component, scene, seed=job["seed"], progress=progress)
        finally:
            if self._held.is_empty:  # what was made from a scene that was changed is worth nothing
                self._components.clear()
                embedding_cache().clear_memory()
        return {
            "result": {**result, "megabytes": memory.megabytes()},
            "subject": scene.subject,
            "split": scene.split,
            "digests": digests,
            "provenance": self._provenance(job["device"], recipe.distributions),
            **({"remarks": remarks} if remarks else {}),
            "kept": {"image": self._images.of(scene), "masks": masks.to_json()},
        }

    def depends(self, jobs: Iterable[Mapping[str, Any]]) -> Dependencies:
        """What the jobs need on another machine; see `hsizoo.engine.executors.DependentWork`."""
        return Dependencies.of(jobs)

    def weights(self, jobs: Iterable[Mapping[str, Any]]) -> list[SentWeights]:
        """What another machine is sent; see `hsizoo.engine.executors.CarryingWork`."""
        return weights_of(jobs)

    def build_each(self, jobs: Iterable[Mapping[str, Any]], device: str) -> None:
        """Build every component once, so that a bad value is reported before computing anything.

        Raises
        ------
        MissingRequirement
            If files of the datasets, or of weights that cannot be downloaded, are missing.
        OptionError, DataError
            What a constructor raises of this kind.
        """
        jobs = list(jobs)
        for dataset in dict.fromkeys(job["dataset"] for job in jobs):
            self._datasets.get(dataset).place()
        once = {job["component"]: job for job in jobs}.values()
        recipes = [resolve(job["component"], job["kind"]) for job in once]
        require(dict.fromkeys(file for recipe in recipes for file in recipe.weight_files()))
        for job in once:
            try:
                _, component = self._component({**job, "device": device})
            except ContractError:  # its cells fail by this error, and other components run
                continue
            self._protocol(job).check_component(component)

    def _component(self, job: Mapping[str, Any]) -> tuple[Recipe, Any]:
        """Return the component with the identity that is part of the cell's key.

        Raises
        ------
        DataError
            If a file that it depends on has changed since the run was planned.
        """
        name = _name_of(job)
        if name not in self._components:
            recipe = resolve(job["component"], job["kind"])
            if _plain(recipe.identity()) != _plain(job["component_identity"]):
                raise DataError(
                    f"the weights or the code of {job['row']['label']} changed after this run was "
                    "planned; run the same command again"
                )
            while len(self._components) >= COMPONENTS_AT_A_TIME:
                self._components.popitem(last=False)
            self._components[name] = recipe, recipe.build(job["device"])
        self._components.move_to_end(name)
        return self._components[name]

    def _protocol(self, job: Mapping[str, Any]) -> Protocol:
        key = json.dumps([job["protocol"], job["settings"]], sort_keys=True)
        if key not in self._protocols:
            self._protocols[key] = protocol_class(job["protocol"]).from_config(job["settings"])
        return self._protocols[key]

    def _provenance(self, device: str, distributions: tuple[str, ...]) -> dict[str, Any]:
        """What cells are made with; to look up the versions takes longer than a small cell."""
        key = device, *distributions
        if key not in self._made_with:
            self._made_with[key] = provenance(device, distributions)
        return self._made_with[key]


def _name_of(job: Mapping[str, Any]) -> tuple[str, str]:
    """What a built component is kept under."""
    return job["component"], job["device"]


def _plain(identity: Mapping[str, Any]) -> str:
    return json.dumps(identity, sort_keys=True)
