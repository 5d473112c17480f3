"""Search settings for a training, and write the best to a file for train --config.

A trial trains on the training part of the split and is evaluated on the validation part; the test
part is never used. The folder given with --out gets leaderboard.csv, best.json and diagrams.
The same command resumes an interrupted run.

A setting given as an option, or with --config, is not searched; --epochs is the maximum for one
trial. With --features the backbone stays frozen and its features are computed once, without
augmentation, so that a trial takes seconds. docs/tuning.md: searching on several machines.

example: python -m model tune --data DIR --out runs/search --epochs 27
then: python -m model train --data DIR --config runs/search/best.json --out runs/tuned
"""

import argparse
import sys
from pathlib import Path

from model.cli.options import (
    SETTINGS,
    add_cache,
    add_choice,
    add_data_folders,
    add_number,
    add_out,
    add_settings,
    add_split,
    require_start,
    settings_of,
    split_of,
)
from model.data.dataset import Dataset, read_folders
from model.data.split import Split
from model.errors import ConfigError
from model.training.settings import TrainConfig
from model.tuning.cluster import is_distributed, is_worker, require_cluster
from model.tuning.search_space import (
    DEFAULT_SPACE,
    FEATURES_SPACE,
    METHODS,
    OBJECTIVES,
    Plan,
    claim_search,
    read_space,
    require_something,
    without,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_data_folders(parser)
    add_out(parser, "folder of this search")
    add_split(parser)
    add_cache(parser)
    parser.add_argument(
        "--space",
        type=Path,
        metavar="FILE",
        help="JSON file of the search space (default: one of model/tuning)",
    )
    add_choice(parser, "--tuner", METHODS)
    add_choice(parser, "--objective", OBJECTIVES)
    add_number(parser, "--trials", "number of trials, not for hyperband (default 20)")
    add_number(parser, "--factor", "of hyperband: one trial in N is promoted", default=3)
    add_number(parser, "--iterations", "of hyperband: complete runs of it", default=1)
    parser.add_argument(
        "--features",
        action="store_true",
        help="train heads only, on features of the frozen backbone",
    )
    add_number(parser, "--workers", "number of parallel processes on this machine")
    add_settings(parser, config="JSON file of settings that are not searched")


def run(options: argparse.Namespace) -> int:
    """Search, or start the workers."""
    plan = plan_of(options)
    require_cluster()
    if options.workers is not None and (options.workers < 1 or is_distributed()):
        raise ConfigError(
            f"--workers {options.workers} must be at least 1, and cannot be combined with Keras "
            "Tuner's environment variables. Leave it out or unset them."
        )
    for backbone in sorted(plan.backbones()):
        require_start(plan.base.with_(backbone=backbone))
    dataset = read_folders(options.data, task=plan.base.task, coarse=True)
    print(dataset.summary(plan.base.task), file=sys.stderr)
    has_class = dataset.task(plan.base.task).has_class(dataset.table["diagnosis"])
    split = split_of(dataset, options).held_out_with(dataset.table, has_class)
    claim_search(options.out, plan, [split.part(p, dataset.table) for p in ("train", "validation")])
    if options.workers:
        from model.tuning.cluster import run_workers

        run_workers(words(options), count=options.workers, logs=options.out / "logs")
        return 0
    _search(plan, dataset, split, options)
    return 0 if is_worker() else _report(plan, options.out)


def plan_of(options: argparse.Namespace) -> Plan:
    """Make a plan of the options.

    Raises:
        ConfigError: what is wrong with them, or nothing left to search.
    """
    given = settings_of(options)
    if options.trials is not None and options.tuner == "hyperband":
        raise ConfigError(
            "--trials does not fit hyperband, whose --epochs, --factor and --iterations say how "
            "many trials there are. Leave it out, or choose another --tuner."
        )
    base = TrainConfig(**given)
    if options.features:
        base = base.with_(head_epochs=base.epochs)
    where = options.space or (FEATURES_SPACE if options.features else DEFAULT_SPACE)
    space = without(read_space(where, base), given)
    require_something(space, f"{where} without the settings that are given")
    return Plan(
        space,
        base,
        method=options.tuner,
        objective=options.objective,
        trials=20 if options.trials is None else options.trials,
        factor=options.factor,
        iterations=options.iterations,
        features=options.features,
    )


def words(options: argparse.Namespace) -> list[str]:
    """Write the options as a command line again, without --workers."""
    line = ["tune"]
    for name, value in vars(options).items():
        flag = f"--{name.replace('_', '-')}"
        if value is None or name == "workers" or (name not in SETTINGS and value is False):
            continue
        if isinstance(value, bool):
            line.append(flag if value else flag.replace("--", "--no-", 1))
        elif isinstance(value, list):
            line += [flag, *map(str, value)]
        else:
            line += [flag, str(value)]
    return line


def _search(plan: Plan, dataset: Dataset, split: Split, options: argparse.Namespace) -> None:
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.tuning.trial_training import training_of
    from model.tuning.trials import leaderboard, progress_line, read_records, write_leaderboard
    from model.tuning.tune import TRIALS_DIR, Budget, search

    def on_trial_end(budget: Budget, trial: str) -> None:
        records = read_records(options.out / TRIALS_DIR)
        write_leaderboard(leaderboard(records), options.out)
        line = progress_line(
            records, trial, trials=budget.trials, epochs=budget.epochs, rounds=budget.rounds
        )
        print(line, file=sys.stderr, flush=True)

    training = training_of(plan, dataset, split, cache_dir=options.cache)
    search(plan, training, out=options.out, on_trial_end=on_trial_end)


def _report(plan: Plan, out: Path) -> int:
    from model.tuning.tune import write_results

    best = write_results(plan, out)
    print(
        f"best {plan.objective}: {best['objective']:.3f}, trial {best['trial']}, after "
        f"{best['best_epoch']} epochs\nwrote {out / 'best.json'}; try: python -m model train "
        f"--data DIR --config {out / 'best.json'} --out RUN"
    )
    return 0
