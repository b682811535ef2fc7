"""``hsizoo train``: train a segmenter with simulated clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hsizoo.cli.parameters import DataDir, Dataset, Device, ExecutorName, Jobs
from hsizoo.engine.executors import check_executor
from hsizoo.errors import OptionError
from hsizoo.zoo.lookup import check_components, find_dataset

if TYPE_CHECKING:
    from hsizoo.training.run import TrainResult


_DIVIDING = ("folds", "fold")


def _show_settings(wanted: bool) -> None:
    if not wanted:
        return
    from rich.markup import escape

    from hsizoo.cli.console import console, print_rows
    from hsizoo.training import TrainingSettings
    from hsizoo.zoo.options import declared_options

    rows = [
        (option.name, str(option.default), escape(option.expects), escape(option.doc))
        for option in declared_options(TrainingSettings).values()
    ]
    print_rows(console(), ("setting", "default", "expects", "meaning"), rows)
    raise typer.Exit


def train(
    component: Annotated[str, typer.Argument(metavar="COMPONENT", help="Trainable segmenter.")],
    dataset: Dataset = "phantom",
    data_dir: DataDir = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Number of passes over all training objects.  [default: 20]"
        ),
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate.  [default: 0.0001]")] = (
        None
    ),
    clicks: Annotated[
        int | None,
        typer.Option("--clicks", "-k", metavar="N", help="Clicks per object.  [default: 5]"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of initial weights, order and clicks.  [default: 0]"),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="N|LIST",
            help="Train with several seeds: their number, counted from 0, or a list such as 0,1,5.",
        ),
    ] = None,
    limit_subjects: Annotated[
        int | None, typer.Option(metavar="N", help="Train on N subjects only.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(metavar="N", help="Divide the subjects into N folds.")
    ] = None,
    fold: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|all",
            help="Index of the fold to hold out, from 0, or all of them in turn.  [default: 0; all "
            "with --seeds, --jobs or --executor]",
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="float32, bfloat16 or float16.  [default: the component's own]",
        ),
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set any other setting; may be repeated.  --settings lists all.",
        ),
    ] = None,
    _settings: Annotated[
        bool,
        typer.Option(
            "--settings",
            is_eager=True,
            callback=_show_settings,
            help="List all settings and exit.",
        ),
    ] = False,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Run folder; of several trainings, the folder of their run folders.  "
            "[default: hsizoo-runs/train/…]",
        ),
    ] = None,
    device: Device = "auto",
    jobs: Jobs = 1,
    executor: ExecutorName = "local",
    checkpoint_steps: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Write a checkpoint every N steps, in addition to one after each epoch.",
        ),
    ] = 100,
    state_memory: Annotated[
        int,
        typer.Option(
            metavar="MIB",
            help="Memory for scenes and their encodings; scenes that do not fit are opened again "
            "in each epoch.  With many large scenes, set HSIZOO_EMBEDDINGS=disk to keep encodings "
            "in files.",
        ),
    ] = 2048,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over, even if the run folder has a checkpoint.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Train COMPONENT with simulated clicks; `hsizoo bench COMPONENT` then uses the weights.

    With --seeds, or several folds, it is trained several times, each time in a folder of its own;
    --jobs trainings at once.  One that fails does not end the others, but exits with status 1.

    After an interruption or crash, the same command resumes the training.
    """
    from hsizoo.zoo.factory import with_data_dir

    check_executor(executor)
    is_several = seeds is not None or fold == "all" or jobs != 1 or executor != "local"
    given: dict[str, Any] = {
        "epochs": epochs,
        "lr": lr,
        "clicks": clicks,
        "seed": seed,
        "limit_subjects": limit_subjects,
        "folds": folds,
        "fold": _fold_number(fold),
        "precision": precision,
    }
    settings = {key: value for key, value in given.items() if value is not None}
    for pair in more or ():
        key, equals, value = pair.partition("=")
        if not equals:
            raise OptionError(f"--set {pair}: expected KEY=VALUE; --settings lists all settings")
        if key.strip() in settings:
            raise OptionError(f"--set {pair}: {key.strip()} is given twice")
        settings[key.strip()] = value.strip()
    check_components([component], ("segmenter", "scorer"))
    find_dataset(dataset)
    if data_dir is not None:
        dataset = with_data_dir(dataset, data_dir)
    how = {
        "out": out,
        "device": device,
        "fresh": fresh,
        "checkpoint_steps": checkpoint_steps,
        "state_memory": state_memory,
    }
    if is_several:
        settings |= {key: _whole(settings[key], key) for key in _DIVIDING if key in settings}
        several = {"seeds": _seeds(seeds, settings), "jobs": jobs, "executor": executor, **how}
        failed = _train_several(component, dataset, json, {**several, **settings})
        if failed:
            raise typer.Exit(1)
    else:
        _train_one(component, dataset, json, {**how, **settings})


def _fold_number(text: str | None) -> int | None:
    if text is None or text == "all":
        return None
    if not text.isdecimal():
        raise OptionError(f"--fold {text}: expected a number from 0, or all")
    return int(text)


def _seeds(text: str | None, settings: dict[str, Any]) -> int | list[int]:
    """The seeds of several trainings, as `hsizoo.train_several` takes them."""
    one = settings.pop("seed", None)
    if text is None:
        return [0] if one is None else [_whole(one, "seed")]
    if one is not None:
        raise OptionError("--seed and --seeds: use one of them")
    if "," not in text:
        return _whole(text, "--seeds")
    return [_whole(word, "--seeds") for word in text.split(",") if word.strip()]


def _whole(text: int | str, what: str) -> int:
    if isinstance(text, int):
        return text
    if not text.strip().isdecimal():
        raise OptionError(f"{what} {text}: expected a whole number, or for --seeds several: 0,1,5")
    return int(text)


def _train_one(component: str, dataset: str, json: bool, options: dict[str, Any]) -> None:
    from hsizoo.cli.console import console, print_json

    errors = console(stderr=True)
    with errors.status("loading …"):  # importing torch takes two seconds
        from hsizoo.cli.train_display import TrainDisplay
        from hsizoo.training import run as training

    display = TrainDisplay(errors)
    try:
        with display:
            result = training.train(component, dataset, events=display.events, **options)
    except KeyboardInterrupt:
        begun = f"at step {display.done} of {display.total}; {display.safe} steps are saved"
        errors.print(
            f"\nstopped {begun if display.total else 'before the first step'}; resume with:",
            style="yellow",
        )
        errors.print(_command_that_resumes(), markup=False, soft_wrap=True)
        raise typer.Exit(130) from None
    if json:
        print_json(
            {
                "folder": str(result.folder),
                "weights": str(result.weights),
                "trained_before": result.trained_before,
                "bench": result.bench_command,
                "card": result.card,
            }
        )
    else:
        _print_result(result)


def _train_several(component: str, dataset: str, json: bool, options: dict[str, Any]) -> bool:
    """Do several trainings and print their table; return whether one failed."""
    import contextlib
    import sys

    from hsizoo.cli.console import console

    errors = console(stderr=True)
    with errors.status("loading …"):  # importing torch takes two seconds
        from hsizoo.cli.train_display import show_training
        from hsizoo.cli.trainings_display import TrainingsDisplay
        from hsizoo.cli.trainings_table import print_trainings
        from hsizoo.runs.trainings import TrainingsEvents, train_several

    display = TrainingsDisplay(errors)
    events = TrainingsEvents(
        training=lambda what, number, total: show_training(errors, what, number, total),
        failed=display.failed,
        trained=display.trained,
        progress=display.progress,
        reading=display.reading,
    )
    try:
        # Nobody but the table may write to stdout: Ray's notices go there too.
        with display, contextlib.redirect_stdout(sys.stderr):
            found = train_several(component, dataset, events=events, **options)
    except KeyboardInterrupt:
        errors.print(
            "\nstopped: finished trainings, and the last checkpoint of each, are stored; resume "
            "with:",
            style="yellow",
        )
        errors.print(_command_that_resumes(), markup=False, soft_wrap=True)
        raise typer.Exit(130) from None
    return print_trainings(found, json)


def _command_that_resumes() -> str:
    """The command that was typed, without what would start over."""
    import shlex
    import sys

    return shlex.join(["hsizoo", *(word for word in sys.argv[1:] if word != "--fresh")])


def _print_result(result: TrainResult) -> None:
    from rich.markup import escape

    from hsizoo.cli.console import console, print_rows

    out, card = console(), result.card
    if result.trained_before:
        out.print("already trained; use --fresh to train again", style="dim")
    keys = [key for key in card["metrics"] if "@" in key]
    if keys:
        figures = (f"{card['metrics'][key]:.4f}" for key in keys)
        head = (f"validation, epoch {card['kept_epoch']}", *keys)
        print_rows(out, head, [(escape(card["name"]), *figures)])
        if card["metrics"]["score"] == 0:
            out.print(
                "no pixel of an object is above 0.5: a network trained from scratch often needs a "
                f"larger --lr than {card['settings']['lr']:g}, or more --epochs",
                style="yellow",
            )
    else:
        out.print("not validated: these are the weights of the last epoch", style="yellow")
    subjects = card["subjects"]
    card_path = escape(str(result.card_path))
    out.print(
        f"{card['trainable_parameters']:,} parameters, {len(subjects['train'])} training "
        f"subject(s), {card['hours'] * 60:.1f} minutes"
    )
    out.print(f"{card_path}  [dim]card; the weights are in the same folder[/]", soft_wrap=True)
    for name, remark in (("log.jsonl", "a line per step"), ("curve.png", "loss and validation")):
        if (result.folder / name).exists():
            path = escape(str(result.folder / name))
            out.print(f"{path}  [dim]{remark}[/]", soft_wrap=True)
    if result.bench_command is None:
        out.print("no scenes are left for evaluation; use --folds to hold some out", style="yellow")
    else:  # on one line, for copying
        out.print(f"next: {escape(result.bench_command)}", soft_wrap=True)
