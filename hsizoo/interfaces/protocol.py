"""`Protocol`: how components are evaluated, and how the stored results are read.

A protocol drives one component over one scene and returns plain values, which are stored.  Tables,
comparisons and pictures are made from the stored records later, by the class alone: a record of
another machine can be read where the component cannot run.

The runner, the store, the executors, the reports, the experiment file and the command line know
this interface and no protocol by name.  A plugin offers a protocol as it offers any component, with
``kind="protocol"``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

if TYPE_CHECKING:
    from hsizoo.cube import Scene
    from hsizoo.interfaces.dataset import SceneDataset

__all__ = ["Column", "Observation", "Protocol", "Record", "View"]

Record = Mapping[str, Any]
"""A stored cell: ``status`` ("done" or "failed"), ``identity``, ``subject``, ``result`` (what
`Protocol.run` returned), and the row that it belongs to: ``label``, ``conditions``,
``training_seed``."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One figure of a protocol's table, with everything that a report needs to know of it.

    Parameters
    ----------
    name : str
        Its key in rows and its heading in CSV files.
    meaning : str
        One line for ``hsizoo bench --help`` and for reports.
    title : str, optional
        Its heading in tables for people.  Default: `name`.
    unit : {"", "%", "×100", "s", "MB"}, default ""
        Figures of "%" and "×100" are kept as shares and shown times 100.
    digits : int, default 4
        Decimals in tables; seconds have two significant digits instead.
    better : {"higher", "lower", ""}, default "higher"
        Which way is better; empty for a figure that says nothing about quality.
    average : {"mean", "median", "largest"}, default "mean"
        How the values of many observations, or of many cells, become one figure.
    interval : bool, default False
        Whether it is a mean over observations that gets a bootstrap interval.
    brief : bool, default False
        Whether tables in the terminal leave the interval out to save width.
    compared : bool, default False
        Whether rows are compared by it, in pairs and class by class.
    deviation : bool, default False
        Whether tables show it with ± its standard deviation over seeds.
    shown : bool, default True
        Whether tables for people have it; CSV files have every column.
    optional : bool, default False
        Whether tables leave it out where no row has a value.
    leave_out : int, default 0
        When a narrow terminal leaves it out: 1 is the first to go, 0 is never left out.
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

    @property
    def heading(self) -> str:
        """What tables for people call it."""
        return self.title or self.name


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What one object of one cell is worth: one class under clicks, or a whole classification.

    Parameters
    ----------
    label : hashable
        Tells the objects of a scene apart; equal labels of one scene make a pair between two rows.
    category : str, optional
        Name of its class.  Where a protocol names classes, reports also average over them.
    values : mapping of str to float
        By column; NaN, or no entry, for what it does not tell.
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
        The file, or the folder of the files, below the run folder.
    remark : str
        What it shows, in a few words.
    files : callable
        Makes the files: pairs of a path below the run folder (with ``/``) and its content.  If it
        makes none, the view is not mentioned; if it raises `MissingRequirement`, the user is told
        what to install.
    """

    name: str
    remark: str
    files: Callable[[], Iterable[tuple[str, bytes]]]


class Protocol(ABC):
    """One way to evaluate components, with all its settings.

    Settings are keyword parameters with defaults, declared as those of any component; subclasses
    are best frozen dataclasses (``@dataclass(frozen=True, kw_only=True)``).  ``hsizoo bench`` and
    experiment files offer them as options.  The module of the class is imported for
    ``hsizoo bench --help``: import NumPy and torch inside the methods that need them.

    Attributes
    ----------
    name : str
        What users type, and what records are kept under.
    version : str
        Raise it when the same component and scene give another result.
    kinds : tuple of str
        What it evaluates: ``"scorer"``, ``"segmenter"``, ``"classifier"``.  A scorer is wrapped as
        a segmenter if ``"segmenter"`` is there as well.
    default_for : tuple of str
        Kinds that are evaluated by this protocol unless ``--protocol`` says otherwise.
    columns : tuple of Column
        Its table, in order.
    headline : tuple of str
        The columns by which rows are put in order; the first that has values is taken.
    sweep_panels : tuple of tuple of str
        What the picture of a swept option shows: the columns of each of its panels, the first as a
        solid line, further ones dashed.  Default: the headline.
    count : {"samples", "seeds"}
        What the last column of tables counts.
    default_seeds : int
        How many seeds a run has that names none.
    fresh_components : bool
        Whether every cell gets a newly built component, since evaluating one changes it.
    folder_suffix : str
        Ending of the default run folder, after the dataset's name.
    short_options : mapping of str to str
        Options that ``hsizoo bench`` also takes by one letter, ``{"clicks": "-k"}``.
    legends : mapping of str to mapping
        Further lists at the end of the help of ``hsizoo bench``: what may be typed, and what it
        means, by heading.
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
        """The settings in a few words, for the heads of tables and pictures."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Every setting that a result depends on, as plain values: a part of a cell's key."""

    @classmethod
    @abstractmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Rebuild the protocol from what `config` returned."""

    def check(self, dataset: SceneDataset, index: int) -> None:  # noqa: B027 (may stay as it is)
        """Refuse what cannot be evaluated before anything is computed.

        Parameters
        ----------
        dataset : SceneDataset
        index : int
            The scene, which is not loaded.

        Raises
        ------
        ProtocolError
            The message says why, and what to do instead.
        """

    def check_component(self, component: Any) -> None:  # noqa: B027 (may stay as it is)
        """Refuse a component that the protocol cannot evaluate, before anything is computed.

        Parameters
        ----------
        component : object
            Of one of `kinds`, as it was built.

        Raises
        ------
        ProtocolError
        """

    def complete(self, scene: Scene, dataset: SceneDataset, index: int) -> Scene:
        """Add to a loaded scene what the protocol needs of its dataset; nothing by default."""
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
            Of one of `kinds`; it may have been used on other scenes before.
        scene : Scene
            As `complete` returned it, perturbed if the run asks for it.
        seed : int, default 0
            Of everything that is drawn at random.
        progress : callable, optional
            Called with (steps done, steps in all).

        Returns
        -------
        dict
            Plain values, as JSON holds them.  hsizoo adds ``megabytes``, the memory that was
            needed.

        Raises
        ------
        ProtocolError, ContractError, DataError
            The cell is kept as failed with this error.
        """

    @classmethod
    @abstractmethod
    def observe(cls, records: Sequence[Record]) -> list[list[Observation]]:
        """Read the observations of one row of the table.

        Parameters
        ----------
        records : sequence of mapping
            Finished cells of one component under one set of conditions.

        Returns
        -------
        list of list of Observation
            For each record, its observations.
        """

    @classmethod
    def measures(cls, record: Record) -> Mapping[str, float | None]:
        """Figures of a whole cell, such as seconds, by column; None for what is not known."""
        return {}

    @classmethod
    def views(cls, records: Sequence[Record], title: str) -> Iterable[View]:
        """Files to write beside the tables.

        Parameters
        ----------
        records : sequence of mapping
            All cells of a run, failed ones included, in the order of the table.
        title : str
            Title of the pictures.
        """
        return ()

    @classmethod
    def notes(cls, records: Sequence[Record]) -> list[str]:
        """What a reader of the table must know, one sentence each."""
        return []
