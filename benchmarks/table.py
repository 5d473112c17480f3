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
    ("predict", "everything_by_keras", "the same through Keras in place of LiteRT, p50 / p95, ms"),
    ("predict", "times_faster_by_keras", "times faster than EfficientNetB4's, through Keras"),
    ("batch_2_cores", "folder_images_per_s", "images/s from a folder, 2 cores"),
    ("batch_2_cores", "folder_to_network", "time beside the network's own forward pass, 2 cores"),
    ("batch_4_cores", "folder_images_per_s", "images/s from a folder, 4 cores"),
    ("batch_4_cores", "folder_to_network", "time beside the network's own forward pass, 4 cores"),
    ("feed", "cache_to_flow_from_dataframe", "feeding: times faster than flow_from_dataframe"),
    ("feed", "cache_to_tf_data", "feeding: times faster than a plain tf.data pipeline"),
    ("feed", "memory_of_many.build_own_memory_mb", "peak memory of building a cache, MB"),
    ("train", "feed_images_per_s", "batches for a training, images/s, nothing trained"),
    ("train", "training_images_per_s", "a training, batches of 32, images/s"),
    ("train", "waiting_percent", "share of a training that waits for its batches, %"),
    (
        "train",
        "training_to_plain_pipeline",
        "times faster than by image_dataset_from_directory",
    ),
    ("train", "bfloat16_to_float32", "a training in mixed_bfloat16 beside float32, ratio"),
    ("train", "batch_16_images_per_s", "a training, batches of 16, images/s"),
    ("train", "batch_64_images_per_s", "a training, batches of 64, images/s"),
    ("train", "batch_128_images_per_s", "a training, batches of 128, images/s"),
    (
        "train",
        "largest_batch_percent_of_matrix_rate",
        "its share of a matrix product's rate, %",
    ),
    ("train", "training_memory_mb", "peak memory of a training, MB"),
    ("train", "training_own_memory_mb", "of it beyond TensorFlow, Keras and the images, MB"),
    ("train_gpu", "training_images_per_s", "GPU: a training, batches of 32, images/s"),
    ("train_gpu", "waiting_percent", "GPU: share of a training that waits for its batches, %"),
    ("train_gpu", "bfloat16_to_float32", "GPU: mixed_bfloat16 beside float32, ratio"),
    ("train_gpu", "batch_128_step_ms", "GPU: a step of 128 images, ms"),
    ("train_gpu", "largest_batch_percent_of_matrix_rate", "GPU: share of the card's rate, %"),
    ("search", "hyperband_best", "Hyperband's best validation balanced accuracy, mean of 3 seeds"),
    ("search", "random_best", "that of random search, as many epochs, the same seeds"),
    ("search", "hyperband_overhead_percent", "time that a search adds to its trials' training, %"),
    ("download", "median_s", "a download of 2,000 images from the tests' fake Archive, s"),
    ("download", "memory_mb", "peak memory of a download of 2,000 images, MB"),
    ("load", "answer", "50 visitors at once: all that the page shows of an upload, p50 / p95, ms"),
    ("load", "errors", "50 visitors at once for two minutes: errors"),
    ("commands", "predict_s", "`predict` for 40 images, s"),
    ("commands", "evaluate_s", "`evaluate` of the validation part, s"),
    ("commands", "evaluate_to_plain", "the same beside one pass of the network"),
    ("commands", "calibrate_s", "`calibrate` on it and 2,000 training images, s"),
    ("commands", "calibrate_to_plain", "the same beside one pass of the network"),
    ("commands", "explore_s", "`explore` of all images, s"),
    ("commands", "explore_to_plain", "the same beside hashing them"),
    ("commands", "split_s", "`split` of all images, s"),
    ("commands", "split_to_plain", "the same beside scikit-learn's division of the table"),
    ("commands", "notebook_s", "notebook 02 on 1,200 images, s"),
    ("dicom", "beyond_jpeg_s", "a DICOM photograph of 12 megapixels, beyond its JPEG, s"),
    ("dicom", "jpeg_ls.to_pydicom", "the same in JPEG-LS, time beside pydicom's own decoding"),
    ("dicom", "jpeg_2000.to_pydicom", "the same in JPEG 2000, time beside pydicom's own"),
    ("soak", "growth_mb", "growth of memory from the 500th to the 5,000th prediction, MB"),
    ("suite", "fast_s", "`make test`, after lint, s"),
    ("suite", "slow_s", "`make test-slow`, s"),
    ("fuzz", "uncaught", "20,000 mutated images: uncaught exceptions or hangs"),
)


def results() -> str:
    """The table, as Markdown."""
    lines = ["| what | result | cores | measured |", "| --- | --- | --- | --- |"]
    for name, key, text in ROWS:
        path = FOLDER / f"{name}.json"
        report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if (value := found(report, key)) is not None:
            lines.append(f"| {text} | {shown(value)} | {report['cores']} | {report['date']} |")
    return "\n".join(lines)


def found(report: dict, key: str) -> object:
    """The value under a key, of which a dot leads inside; None where there is none."""
    *outer, last = key.split(".")
    for name in outer:
        report = report.get(name, {})
    return report.get(last)


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
