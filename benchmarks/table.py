"""Write the saved results into benchmarks/README.md, between its marker lines.

python benchmarks/table.py
"""

import json
from pathlib import Path

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"

ROWS = (
    ("start", "page_up_s", "page up after `python app.py`, s"),
    ("start", "first_answer_s", "first prediction answered, s"),
    ("start", "peak_memory_mb", "peak memory of the page, MB"),
    ("predict", "everything", "one prediction with all that the page shows, p50 / p95, ms"),
    ("predict", "times_faster", "times faster than EfficientNetB4's `predict` at 224 px"),
    ("batch_2_cores", "folder_images_per_s", "images/s from a folder, 2 cores"),
    ("batch_2_cores", "folder_to_network", "time beside the network's own forward pass, 2 cores"),
    ("batch_4_cores", "folder_images_per_s", "images/s from a folder, 4 cores"),
    ("feed", "cache_to_flow_from_dataframe", "feeding: times faster than flow_from_dataframe"),
    ("feed", "cache_to_tf_data", "feeding: times faster than a plain tf.data pipeline"),
    ("search", "hyperband_best", "Hyperband's best validation balanced accuracy, mean of 3 seeds"),
    ("search", "random_best", "that of random search, as many epochs, the same seeds"),
    ("search", "hyperband_overhead_percent", "time that a search adds to its trials' training, %"),
    ("download", "speed_ratio", "download: times faster than isic-cli"),
    ("download", "memory_mb", "peak memory of a download of 2,000 images, MB"),
    ("load", "answer", "50 visitors at once: all that the page shows of an upload, p50 / p95, ms"),
    ("load", "errors", "50 visitors at once for two minutes: errors"),
    ("soak", "growth_mb", "growth of memory from the 500th to the 5,000th prediction, MB"),
    ("fuzz", "uncaught", "20,000 mutated images: uncaught exceptions or hangs"),
)


def results() -> str:
    """The table, as Markdown."""
    lines = ["| what | result | cores | measured |", "| --- | --- | --- | --- |"]
    for name, key, text in ROWS:
        path = FOLDER / f"{name}.json"
        if path.exists() and key in (report := json.loads(path.read_text(encoding="utf-8"))):
            where = f"{report['cores']} | {report['date']}"
            lines.append(f"| {text} | {shown(report[key])} | {where} |")
    return "\n".join(lines)


def shown(value: object) -> str:
    """A number as it is; a spread as two."""
    return f"{value['p50_ms']} / {value['p95_ms']}" if isinstance(value, dict) else str(value)


def main() -> None:
    """Replace the table."""
    path = FOLDER / "README.md"
    before, rest = path.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n\n{results()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
