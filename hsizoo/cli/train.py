"""``hsizoo train``: train a segmenter with simulated clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hsizoo.cli.parameters import DataDir, Dataset, Device
from hsizoo.errors import OptionError
from hsizoo.zoo.lookup import check_components, find_dataset

if TYPE_CHECKING:
    from hsizoo.training.run import TrainResult


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
    limit_subjects: Annotated[
        int | None, typer.Option(metavar="N", help="Train on N subjects only.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(metavar="N", help="Divide the subjects into N folds.")
    ] = None,
    fold: Annotated[int | None, typer.Option(help="Index of the fold to hold out, from 0.")] = None,
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
            "--out", "-o", metavar="FOLDER", help="Run folder.  [default: hsizoo-runs/train/…]"
        ),
    ] = None,
    device: Device = "auto",
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

    After an interruption or crash, the same command resumes the training.
    """
    from hsizoo.cli.console import console, print_json
    from hsizoo.zoo.factory import with_data_dir

    given: dict[str, Any] = {
        "epochs": epochs,
        "lr": lr,
        "clicks": clicks,
        "seed": seed,
        "limit_subjects": limit_subjects,
        "folds": folds,
        "fold": fold,
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
    errors = console(stderr=True)
    with errors.status("loading …"):  # importing torch takes two seconds
        from hsizoo.cli.train_display import TrainDisplay
        from hsizoo.training import run as training

    display = TrainDisplay(errors)
    events = training.TrainEvents(
        display.prepared,
        display.planned,
        display.stepped,
        display.validated,
        display.saved,
        display.warned,
        display.stopping,
    )
    try:
        with display:
            result = training.train(
                component,
                dataset,
                out=out,
                device=device,
                fresh=fresh,
                checkpoint_steps=checkpoint_steps,
                state_memory=state_memory,
                events=events,
                **settings,
            )
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
