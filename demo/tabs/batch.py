"""Batch: many photographs, one table."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
import pandas as pd
from gradio.events import Dependency
from markupsafe import Markup

from demo.batch import (
    BatchResult,
    Item,
    boxes_of,
    collect,
    patients_of,
    predict_all,
    to_csv,
    to_lines,
)
from demo.formatting import ENGLISH, Numbers, jpeg_uri, most_probable
from demo.gradio_patches import user_error
from demo.inputs import PRIVATE, QUIET, shown_value, styled_html
from demo.photograph import photograph_into, user_errors
from demo.prediction import context_words, malignancy
from demo.services import Services
from demo.tabs.predict import MARK_OLD, ChosenBox, Form
from demo.templates import Templates
from demo.texts import Texts
from model.data.context import filled_patients
from model.frame import Box, box_text
from model.inference.bundle import Manifest
from model.inference.prediction_table import plain_cell
from model.patient import Field, Patient


def add_batch(services: Services, templates: Templates, form: Form) -> Dependency:
    """Build the tab and connect its events; gives the event that fills ``form`` from a row."""
    texts, manifest = templates.texts, services.manifest
    words = texts.batch
    columns = ", ".join(field.column for field in services.manifest.patient.fields)
    boxes = f" {words.boxes}" if manifest.image.frame_scales else ""
    intro = words.intro.format(columns=columns) + boxes
    styled_html(templates.render("batch_intro", intro=intro, names=services.manifest.classes))
    with gr.Row():
        images = gr.File(
            label=words.images,
            file_count="multiple",
            file_types=["image", ".dcm", ".zip"],
            height=150,
            elem_id="batch-images",
        )
        metadata = gr.File(
            label=words.metadata, file_types=[".csv"], height=150, elem_id="batch-metadata"
        )
    button = gr.Button(words.button, variant="primary", elem_id="batch-button")
    summary = styled_html(elem_id="batch-said")
    found = gr.Dataframe(
        headers=[words.photograph, *table_headers(manifest, templates.texts)],
        datatype=["html", *["str"] * len(table_headers(manifest, templates.texts))],
        interactive=False,
        visible=False,
        label=words.table,
        elem_id="batch-table",
    )

    def on_predict(files: list[str] | None, context: str | None, progress=gr.Progress()) -> tuple:  # noqa: ANN001, B008
        result = predict_uploads(
            files or [], context, services, texts=templates.texts, progress=progress.tqdm
        )
        frame = result_frame(result, manifest, templates.texts)
        pictures = [f'<img src="{jpeg_uri(row.thumbnail)}" alt="">' for row in result.rows.values()]
        pictured = result_frame(result, manifest, texts, texts.numbers)
        pictured.insert(0, words.photograph, pictures)
        shown = gr.Dataframe(pictured, visible=bool(result.rows))
        return summary_html(result, manifest.codes, frame, templates), shown

    def on_select(files: list[str] | None, context: str | None, event: gr.SelectData) -> list:
        name = event.row_value[1] if event.row_value else None
        with user_errors(templates.texts):
            uploads = read_uploads(files or [], context, manifest.patient.fields)
        for item, patient, box in zip(uploads.items, uploads.patients, uploads.boxes, strict=True):
            if plain_cell(item.name) == name:
                known = [shown_value(patient.get(f.key), f) for f in form.patient]
                path = photograph_into(form.image, item.content)
                return [path, *known, box and ChosenBox(path, box)]
        raise user_error(words.gone)

    button.click(on_predict, [images, metadata], [summary, found], **PRIVATE)
    filled = [*form.inputs, form.chosen]
    opened = found.select(on_select, [images, metadata], filled, **PRIVATE)
    opened.success(js=MARK_OLD, **QUIET)
    return opened


@dataclass(frozen=True)
class Uploads:
    """Photographs with what is known of each."""

    items: Sequence[Item]
    patients: Sequence[Patient]
    boxes: Sequence[Box | None]  # of the lesion; None where it is to be found
    notes: tuple[str, ...]  # how the table of context was joined


def read_uploads(files: list[str], context: str | None, fields: Sequence[Field]) -> Uploads:
    """Read uploaded photographs and the table of their context, if there is one.

    Raises:
        DataError: the table breaks a rule.
        ImageError: a zip file is damaged, or there are too many photographs.
    """
    items = collect(Path(file) for file in files)
    table = Path(context) if context else None
    names = [item.name for item in items]
    patients, notes = patients_of(table, names, fields)
    patients, _ = filled_patients(patients, [item.content for item in items], fields)
    return Uploads(items, patients, boxes_of(table, names), notes)


def predict_uploads(
    files: list[str],
    context: str | None,
    services: Services,
    *,
    texts: Texts,
    progress: Callable[[Iterable], Iterable],
) -> BatchResult:
    """Predict for uploaded files with the table of their context, if there is one.

    Raises:
        gr.Error: with a sentence for the visitor.
    """
    if not files:
        raise user_error(texts.batch.nothing)
    with user_errors(texts):
        fields = services.manifest.patient.fields
        read = read_uploads(files, context, fields)
        if not read.items:
            raise user_error(texts.batch.none_inside)
        result = predict_all(
            read.items, read.patients, services.study, boxes=read.boxes, progress=progress
        )
        return replace(result, notes=read.notes)


def table_headers(manifest: Manifest, texts: Texts) -> list[str]:
    """Headers of the table on the page, after the photograph's."""
    words = texts.batch
    malignant = [words.malignant] if manifest.task.malignant else []
    read = [words.context, words.warnings]
    looked_at = ["box", "frame"] if manifest.image.frame_scales else []
    return ["image", words.most_probable, *malignant, *read, *manifest.codes, *looked_at]


def result_frame(
    result: BatchResult, manifest: Manifest, texts: Texts, numbers: Numbers = ENGLISH
) -> pd.DataFrame:
    """One row per image: what is most probable, context and warnings, and all probabilities.

    Probabilities have 3 decimals, as texts of one length, which are sorted like the numbers.
    """
    rows, write = [], numbers.write
    looked_at = ["box", "frame"] if manifest.image.frame_scales else []
    for name, row in result.rows.items():
        found = malignancy(row.probabilities, manifest)
        figures = [row.probabilities[code] for code in manifest.codes]
        rows.append(
            [
                plain_cell(name),
                manifest.classes[most_probable(row.probabilities)],
                *([write(found.malignant, ".3f")] if found else []),
                context_words(row.patient, manifest.patient.fields, texts),
                ", ".join(getattr(texts.quality, key) for key in row.warnings),
                *(write(figure, ".3f") for figure in figures),
                *(box_text(row.record.get(name)) for name in looked_at),
            ]
        )
    return pd.DataFrame(rows, columns=table_headers(manifest, texts))


def summary_html(
    result: BatchResult, codes: list[str], frame: pd.DataFrame, templates: Templates
) -> Markup:
    """How many were predicted, the files to save, and what was refused and why.

    One file is in the challenge's format, the next is the ``frame`` that the page shows, and the
    last has a line of JSON for each.
    """
    rows = {name: row.probabilities for name, row in result.rows.items()}
    return templates.render(
        "batch",
        result=result,
        predictions=to_csv(rows, codes).encode(),
        warnings=frame.to_csv(index=False).encode(),
        lines=to_lines(result.rows).encode(),
    )
