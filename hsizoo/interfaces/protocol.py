"""`Protocol`: evaluation of components, and interpretation of the stored results.

A protocol evaluates one component on one scene and returns plain values, which are stored.  Tables,
comparisons and figures are made from the stored records later, by the class alone: a record from
another machine can be read even where the component cannot run.

The runner, the store, the executors, the reports, the experiment file and the command line use this
interface only, and no protocol by name.  A plugin offers a protocol like any other component, with
``kind="protocol"``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from hsizoo.interfaces.component import Component

if TYPE_CHECKING:
    from hsizoo.cube import Scene
    from hsizoo.interfaces.dataset import SceneDataset
    from hsizoo.interfaces.figures import Figure, Overlay

__all__ = ["Column", "Observation", "Protocol", "Record", "View"]

Record = Mapping[str, Any]
"""A stored cell: ``status`` ("done" or "failed"), ``identity``, ``subject``, ``result`` (as
returned by `Protocol.run`), and the row that it belongs to: ``label``, ``conditions``,
``training_seed``."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a protocol's table, with everything that reports need.

    Parameters
    ----------
    name : str
        Key in rows and heading in CSV files.
    meaning : str
        One-line description for ``hsizoo bench --help`` and for reports.
    title : str, optional
        Heading in tables for people.  Default: `name`.
    unit : {"", "%", "×100", "s", "MB"}, default ""
        Values in "%" and "×100" are stored as fractions and shown times 100.
    digits : int, default 4
        Decimals in tables; seconds have two significant digits instead.
    better : {"higher", "lower", ""}, default "higher"
        Which direction is better; empty for a value unrelated to quality.
    average : {"mean", "median", "largest"}, default "mean"
        How the values of several observations or cells are combined.
    interval : bool, default False
        Whether the mean over observations gets a bootstrap interval.
    brief : bool, default False
        Whether tables in the terminal omit the interval to save width.
    compared : bool, default False
        Whether rows are compared by this column, in pairs and class by class.
    deviation : bool, default False
        Whether tables show ± the standard deviation over seeds.
    shown : bool, default True
        Whether tables for people show the column; CSV files have every column.
    optional : bool, default False
        Whether tables omit the column if no row has a value.
    leave_out : int, default 0
        Order in which a narrow terminal omits columns: 1 goes first, 0 is always shown.
    low, high : float, optional
        Range of a single value.  A cell with a value out of it has failed, and a stored one is
        computed anew.
    """

    name: str
    meaning: str
    title: str = ""
    unit: Literal["", "%", "×100", "s", "MB"] = ""
    digits: int = 4
    better: Literal["higher", "lower", ""] = "higher"
    average: Literal["mean", "median", "largest"] = "mean"
    interval: bool = False
    brief: bool = False
    compared: bool = False
    deviation: bool = False
    shown: bool = True
    optional: bool = False
    leave_out: int = 0
    low: float | None = None
    high: float | None = None

    @property
    def heading(self) -> str:
        """Heading in tables for people."""
        return self.title or self.name


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Values of one object of one cell: one class under clicks, or a whole classification.

    Parameters
    ----------
    label : hashable
        Identifies the object in its scene; equal labels in a scene pair the values of two rows.
    category : str, optional
        Name of the object's class.  If a protocol names classes, reports also average over them.
    values : mapping of str to float
        Values by column; NaN, or no entry, if not available.
    """

    label: Hashable
    category: str | None = None
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class View:
    """Files that a protocol adds to a run folder: curves, maps, confusion matrices.

    Parameters
    ----------
    name : str
        File, or folder of files, below the run folder.
    remark : str
        Short description of the content.
    files : callable
        Makes the files: pairs of a path below the run folder (with ``/``) and content, a long one
        in pieces.  If it makes none, the view is not mentioned; if it raises `MissingRequirement`,
        its message is shown.
    """

    name: str
    remark: str
    files: Callable[[], Iterable[tuple[str, bytes | Iterable[bytes]]]]


class Protocol(Component):
    """One way to evaluate components, with all its settings.

    Settings are keyword parameters with defaults, declared as for any component; subclasses should
    be frozen dataclasses (``@dataclass(frozen=True, kw_only=True)``).  ``hsizoo bench`` and
    experiment files offer them as options.  The module of the class is imported for
    ``hsizoo bench --help``: import NumPy and torch inside the methods that need them.

    Attributes
    ----------
    name : str
        Name that users type and that records are stored under.
    version : str
        To be raised when the same component and scene give another result.
    kinds : tuple of str
        Kinds that it evaluates: ``"scorer"``, ``"segmenter"``, ``"classifier"``.  A scorer is
        wrapped as a segmenter if ``"segmenter"`` is listed as well.
    default_for : tuple of str
        Kinds that this protocol evaluates unless ``--protocol`` is given.
    columns : tuple of Column
        Columns of the table, in order.
    headline : tuple of str
        Columns for sorting rows; the first that has values is used.
    sweep_panels : tuple of tuple of str
        Columns shown in each panel of the figure of a swept option, the first as a solid line,
        further ones dashed.  Default: the headline.
    count : {"samples", "seeds"}
        Quantity counted in the last column of tables.
    default_seeds : int
        Number of seeds if a run names none.
    fresh_components : bool
        Whether every cell gets a newly built component, since evaluating one changes it.
    folder_suffix : str
        Ending of the default run folder, after the dataset's name.
    short_options : mapping of str to str
        One-letter forms of options of ``hsizoo bench``, such as ``{"clicks": "-k"}``.
    legends : mapping of str to mapping
        Lists at the end of the help of ``hsizoo bench``, by heading: allowed values and their
        meanings.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]
    default_for: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[Column, ...]]
    headline: ClassVar[tuple[str, ...]]
    sweep_panels: ClassVar[tuple[tuple[str, ...], ...]] = ()
    count: ClassVar[Literal["samples", "seeds"]] = "samples"
    default_seeds: ClassVar[int] = 1
    fresh_components: ClassVar[bool] = False
    folder_suffix: ClassVar[str]
    short_options: ClassVar[Mapping[str, str]] = {}
    legends: ClassVar[Mapping[str, Mapping[str, str]]] = {}

    @property
    @abstractmethod
    def title(self) -> str:
        """Short description of the settings, for titles of tables and figures."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return every setting that affects results, as plain values; part of a cell's key."""

    @classmethod
    @abstractmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Rebuild the protocol from the output of `config`."""

    def check(self, dataset: SceneDataset, index: int) -> None:
        """Refuse a scene that cannot be evaluated, before anything is computed.

        Parameters
        ----------
        dataset : SceneDataset
        index : int
            Index of the scene, which is not loaded.

        Raises
        ------
        ProtocolError
            The message gives the reason and an alternative.
        """

    def check_component(self, component: Any) -> None:
        """Refuse a component that the protocol cannot evaluate, before anything is computed.

        Parameters
        ----------
        component : object
            A component of one of `kinds`, as built.

        Raises
        ------
        ProtocolError
        """

    def predictions(self, objects: float) -> float:
        """Return how many predictions a cell makes; ``hsizoo bench --dry-run`` tells them.

        Parameters
        ----------
        objects : float
            Observations of a scene, as `observe` counts them; a mean need not be whole.

        Returns
        -------
        float
            Here one for each of `objects`.
        """
        return objects

    def complete(self, scene: Scene, dataset: SceneDataset, index: int) -> Scene:
        """Add data of its dataset that the protocol needs to a scene; nothing by default."""
        return scene

    @abstractmethod
    def run(
        self,
        component: Any,
        scene: Scene,
        *,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, Any]:
        """Evaluate a component on a scene.

        Parameters
        ----------
        component : object
            A component of one of `kinds`; it may have been used on other scenes before.
        scene : Scene
            As returned by `complete`, perturbed if the run asks for it.
        seed : int, default 0
            Seed of all random numbers.
        progress : callable, optional
            Called with (steps done, total steps).

        Returns
        -------
        dict
            Plain values that JSON can hold.  hsizoo adds ``megabytes``, the memory used.

        Raises
        ------
        ProtocolError, ContractError, DataError
            The cell is stored as failed with this error.
        """

    @classmethod
    @abstractmethod
    def observe(cls, records: Sequence[Record]) -> Sequence[Sequence[Observation]]:
        """Extract the observations of one row of the table.

        Parameters
        ----------
        records : sequence of mapping
            Finished cells of one component under one set of conditions.  Those of a large run are
            read while they are iterated over: go through them once, and keep no more than needed.

        Returns
        -------
        sequence of sequence of Observation
            Observations of each record.
        """

    @classmethod
    def measures(cls, record: Record) -> Mapping[str, float | None]:
        """Return values of a whole cell, such as seconds, by column; None if unknown."""
        return {}

    @classmethod
    def views(cls, records: Sequence[Record], title: str) -> Iterable[View]:
        """Return files to write beside the tables.

        Parameters
        ----------
        records : sequence of mapping
            All cells of a run, failed ones included, in the order of the table.
        title : str
            Title of the figures.
        """
        return ()

    @classmethod
    def figures(cls, records: Sequence[Record]) -> Iterable[Figure]:
        """Return what a report shows beside the table; nothing by default.

        Parameters
        ----------
        records : sequence of mapping
            All cells of the report, failed ones included, perhaps of several runs.
        """
        return ()

    @classmethod
    def overlays(cls, record: Record) -> Mapping[str, Overlay]:
        """Return what was given for each observation of a finished cell, by its label as text.

        A report draws it on the image, with the masks that `run` gave to `hsizoo.keep_mask`.
        """
        return {}

    @classmethod
    def notes(cls, records: Sequence[Record]) -> list[str]:
        """Return remarks that readers of the table need, one sentence each."""
        return []
