"""About: intended use, classes and limits."""

from markupsafe import Markup

from demo.formatting import in_sentence
from demo.inputs import styled_html
from demo.services import Services
from demo.templates import Templates
from demo.texts import Texts
from model.inference.bundle import Manifest


def add_about(services: Services, templates: Templates) -> None:
    """Show each paragraph under its heading."""
    styled_html(about_html(services.manifest, templates), elem_id="about")


def about_html(manifest: Manifest, templates: Templates) -> Markup:
    """Everything the tab says."""
    classes = _classes_text(manifest, templates.texts)
    return templates.render("about", classes=classes, licence=manifest.licence)


def _classes_text(manifest: Manifest, texts: Texts) -> str:
    """The classes by name, what each takes in, and which of them count as malignant."""
    words, task = texts.about, manifest.task

    def named(codes: tuple[str, ...]) -> str:
        return ", ".join(in_sentence(manifest.classes[code]) for code in codes)

    sentences = [words.these.format(names=named(tuple(manifest.classes)))]
    sentences += [text for code, text in words.definitions.items() if code in manifest.classes]
    if task.malignant:
        sentences.append(words.malignant.format(names=named(task.malignant)))
    if task.malignant and task.precursors:
        sentences.append(words.precursors.format(names=named(task.precursors)))
    return " ".join(sentences)
