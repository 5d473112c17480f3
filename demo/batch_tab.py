"""The tab Batch: many photographs, one table."""

from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pandas as pd

from demo.batch import Answers, answer_all, collect, patients_of, to_csv
from demo.events import PRIVATE
from demo.html import download, table
from demo.present import code_key, most_probable
from demo.refusal import refusal, refusing
from demo.services import Services
from demo.style import styled_html
from model.inference.answer_table import plain_cell


def add_batch_tab(services: Services, texts: SimpleNamespace) -> None:
    """Lay the tab out and connect it."""
    words = texts.batch
    codes_said = code_key(services.manifest.classes)
    columns = ", ".join(field.column for field in services.manifest.patient.fields)
    intro = words.intro.format(columns=columns)
    styled_html(f'<p class="prose">{escape(intro)}</p><p class="scope">{escape(codes_said)}</p>')
    with gr.Row():
        images = gr.File(
            label=words.images,
            file_count="multiple",
            file_types=["image", ".zip"],
            height=150,
            elem_id="batch-images",
        )
        metadata = gr.File(
            label=words.metadata, file_types=[".csv"], height=150, elem_id="batch-metadata"
        )
    button = gr.Button(words.button, variant="primary", elem_id="batch-button")
    said = styled_html(elem_id="batch-said")
    codes = services.manifest.codes
    headers = ["image", words.most_probable, words.doubts, *codes]
    found = gr.Dataframe(
        headers=headers,
        datatype="str",
        interactive=False,
        visible=False,
        label=words.table,
        elem_id="batch-table",
        pinned_columns=1,
    )

    def answer(files: list[str] | None, context: str | None, progress=gr.Progress()) -> tuple:  # noqa: ANN001, B008
        answers = answers_to(files or [], context, services, texts=texts, progress=progress.tqdm)
        frame = answer_frame(answers, headers, texts)
        shown = gr.Dataframe(frame, visible=bool(answers.rows))
        return summary(answers, codes, frame, texts), shown

    button.click(answer, [images, metadata], [said, found], **PRIVATE)


def answers_to(
    files: list[str],
    context: str | None,
    services: Services,
    *,
    texts: SimpleNamespace,
    progress: Callable[[Iterable], Iterable],
) -> Answers:
    """Answer for uploaded files with the table of their context, if there is one.

    Raises:
        gr.Error: with a sentence for the visitor.
    """
    if not files:
        raise refusal(texts.batch.nothing)
    with refusing(texts):
        items = collect(Path(file) for file in files)
        table, names = Path(context) if context else None, [item.name for item in items]
        patients = patients_of(table, names, services.manifest.patient.fields)
        if not items:
            raise refusal(texts.batch.none_inside)
        return answer_all(items, patients, services.study, progress=progress)


def answer_frame(answers: Answers, headers: list[str], texts: SimpleNamespace) -> pd.DataFrame:
    """One row an image: its most probable diagnosis, doubts, all probabilities, three decimals.

    ``headers`` are those of the image, of that diagnosis, of the doubts, and the class codes.
    As texts of one length, which are sorted like the numbers.
    """
    rows = []
    for name, row in answers.rows.items():
        doubts = ", ".join(getattr(texts.quality, doubt) for doubt in answers.doubts[name])
        figures = (f"{row[code]:.3f}" for code in headers[3:])
        rows.append([plain_cell(name), most_probable(row), doubts, *figures])
    return pd.DataFrame(rows, columns=headers)


def summary(answers: Answers, codes: list[str], frame: pd.DataFrame, texts: SimpleNamespace) -> str:
    """How many were answered, the files to save, and what was refused and why.

    One file is in the challenge's format; the other is the ``frame`` that the page shows.
    """
    words = texts.batch
    total = len(answers.rows) + len(answers.refused)
    done, known = len(answers.rows), answers.with_context
    text = f"<p>{escape(words.answered.format(done=done, total=total, known=known))}</p>"
    if answers.rows:
        files = {
            ("predictions.csv", words.save): to_csv(answers.rows, codes),
            ("predictions-with-doubts.csv", words.save_doubts): frame.to_csv(index=False),
        }
        links = [
            download(content.encode(), "text/csv", name=name, label=label)
            for (name, label), content in files.items()
        ]
        text += f"<p>{' '.join(links)}</p>"
    if answers.refused:
        rows = [list(row) for row in answers.refused]
        text += table(["image", words.reason], rows, caption=words.refused)
    return text
