"""``hsizoo train``: teach a segmenter to use clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hsizoo.errors import OptionError

if TYPE_CHECKING:
    from hsizoo.training.run import TrainResult


def _show_settings(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from rich.markup import escape

    from hsizoo.cli.console import console, table
    from hsizoo.training import TrainingSettings
    from hsizoo.zoo.options import declared_options

    rows = table("setting", "default", "expects", "meaning")
    for option in declared_options(TrainingSettings).values():
        expects = escape(option.expects)
        rows.add_row(option.name, str(option.default), expects, escape(option.doc))
    console().print(rows)
    context.exit()


@click.command()
@click.argument("component")
@click.option(
    "--dataset",
    "-d",
    default="phantom",
    show_default=True,
    help="A dataset, with options if need be: phantom:height=256,width=256; or your own folder of "
    "cubes and masks: ./cubes/.",
)
@click.option("--data-dir", help="Folder of the dataset's files: its option data_dir.")
@click.option("--epochs", type=int, help="Passes over all training objects.  [default: 20]")
@click.option("--lr", type=float, help="Highest learning rate.  [default: 0.0001]")
@click.option("--clicks", "-k", type=int, help="Clicks per object.  [default: 5]")
@click.option("--seed", type=int, help="Of initial weights, order and clicks.  [default: 0]")
@click.option("--limit-subjects", type=int, help="Train on so few subjects only.")
@click.option("--folds", type=int, help="Divide the subjects into so many folds.")
@click.option("--fold", type=int, help="The fold to hold out, from 0.")
@click.option("--precision", help="float32, bfloat16 or float16.  [default: the component's own]")
@click.option(
    "--set",
    "more",
    multiple=True,
    metavar="KEY=VALUE",
    help="Any other setting; may be repeated.  --settings shows all.",
)
@click.option(
    "--settings",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_settings,
    help="Show all settings and exit.",
)
@click.option("--out", "-o", help="Run folder.  [default: hsizoo-runs/train/…]")
@click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:NUMBER or mps."
)
@click.option(
    "--checkpoint-steps",
    default=100,
    show_default=True,
    help="Steps between checkpoints; there is one after each epoch anyway.",
)
@click.option(
    "--state-memory",
    default=2048,
    show_default=True,
    help="MiB for scenes and their encodings; the others are opened anew in each epoch.  With many "
    "large scenes, set HSIZOO_EMBEDDINGS=disk to keep encodings in files.",
)
@click.option("--fresh", is_flag=True, help="Begin anew, whatever is in the run folder.")
@click.option("--json", is_flag=True, help="Print the card for machines.")
@click.pass_context
def train(
    context: click.Context,
    /,
    component: str,
    dataset: str,
    data_dir: str | None,
    more: tuple[str, ...],
    out: str | None,
    device: str,
    checkpoint_steps: int,
    state_memory: int,
    fresh: bool,
    json: bool,
    **given: Any,
) -> None:
    """Train COMPONENT with simulated clicks; `hsizoo bench COMPONENT` then uses the weights.

    A training that was stopped, however roughly, goes on with the same command.
    """
    from hsizoo.cli.console import console, print_json
    from hsizoo.zoo.factory import with_data_dir

    settings = {key: value for key, value in given.items() if value is not None}
    for pair in more:
        key, equals, value = pair.partition("=")
        if not equals:
            raise OptionError(f"--set {pair}: expected KEY=VALUE; --settings shows all")
        if key.strip() in settings:
            raise OptionError(f"--set {pair}: {key.strip()} is given twice")
        settings[key.strip()] = value.strip()
    if data_dir is not None:
        dataset = with_data_dir(dataset, data_dir)
    errors = console(stderr=True)
    with errors.status("loading …"):  # torch takes two seconds; an empty screen looks broken
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
        errors.print(
            f"\nstopped at step {display.done} of {display.total}; {display.safe} steps are kept; "
            "the same command goes on",
            style="yellow",
        )
        context.exit(130)
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


def _print_result(result: TrainResult) -> None:
    from rich.markup import escape

    from hsizoo.cli.console import console, table

    out, card = console(), result.card
    if result.trained_before:
        out.print("trained before; --fresh trains anew", style="dim")
    keys = [key for key in card["metrics"] if "@" in key]
    if keys:
        rows = table(f"validation, epoch {card['kept_epoch']}", *keys)
        rows.add_row(card["name"], *(f"{card['metrics'][key]:.4f}" for key in keys))
        out.print(rows)
    else:
        out.print("not validated: these are the weights of the last epoch", style="yellow")
    subjects = card["subjects"]
    print_path = escape(str(result.card_path))
    out.print(
        f"{card['trainable_parameters']:,} parameters, {len(subjects['train'])} training "
        f"subject(s), {card['hours'] * 60:.1f} minutes"
    )
    out.print(f"{print_path}  [dim]card; the weights lie beside it[/]", soft_wrap=True)
    for name, remark in (("log.jsonl", "a line per step"), ("curve.png", "loss and validation")):
        if (result.folder / name).exists():
            path = escape(str(result.folder / name))
            out.print(f"{path}  [dim]{remark}[/]", soft_wrap=True)
    if result.bench_command is None:
        out.print("no scene is left to evaluate on; --folds holds some out", style="yellow")
    else:  # whole on one line, to be copied
        out.print(f"next: {escape(result.bench_command)}", soft_wrap=True)
