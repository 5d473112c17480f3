"""What a search leaves: leaderboard.csv, best.json and diagrams."""

import shutil
from pathlib import Path

from model.tuning.figures import draw_search_figures
from model.tuning.leaderboard import best_record, leaderboard, write_leaderboard
from model.tuning.search_plan import Plan
from model.tuning.trial_record import read_records
from model.tuning.tune import TRIALS_DIR

BEST_FILE = "best.json"


def write_results(plan: Plan, out: Path) -> dict:
    """Write all results of a search that ended, drop what only a trial needs, return the best.

    Raises:
        SearchError: no trial finished.
    """
    records = read_records(out / TRIALS_DIR)
    table = leaderboard(records)
    write_leaderboard(table, out)
    best = best_record(records)
    plan.config(best["settings"]).save(out / BEST_FILE)
    draw_search_figures(table, out, objective=plan.objective)
    for folder in (out / TRIALS_DIR).glob("trial_*/training/backup"):
        shutil.rmtree(folder)  # weights and optimiser state, to resume with
    return best
