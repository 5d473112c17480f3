"""The tab About: intended use, the classes, limits, privacy, licences, citation."""

from html import escape
from types import SimpleNamespace

from demo.present import in_sentence
from demo.services import Services
from demo.style import styled_html
from model.inference.bundle import Manifest


def add_about_tab(services: Services, texts: SimpleNamespace) -> None:
    """Show each paragraph under its heading."""
    styled_html(about_page(services.manifest, texts), elem_id="about")


def about_page(manifest: Manifest, texts: SimpleNamespace) -> str:
    """Everything the tab says."""
    told = {"classes": classes_said(manifest, texts), "licence": manifest.licence}
    content = "".join(
        f"<h2>{escape(part['title'])}</h2><p>{escape(part['text'].format(**told))}</p>"
        for part in texts.about.parts
    )
    return f'<div class="prose">{content}</div>'


def classes_said(manifest: Manifest, texts: SimpleNamespace) -> str:
    """The classes by name, what each takes in, and which of them count as malignant."""
    words, task = texts.about, manifest.task

    def named(codes: tuple[str, ...]) -> str:
        return ", ".join(in_sentence(manifest.classes[code]) for code in codes)

    said = [words.these.format(names=named(tuple(manifest.classes)))]
    said += [text for code, text in words.definitions.items() if code in manifest.classes]
    if task.malignant:
        said.append(words.malignant.format(names=named(task.malignant)))
    if task.malignant and task.precursors:
        said.append(words.precursors.format(names=named(task.precursors)))
    return " ".join(said)
