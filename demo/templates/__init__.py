"""HTML from Jinja2 templates; all that is put into them is escaped."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from demo import charts, formatting
from demo.texts import Texts, load_texts

_FOLDER = Path(__file__).parent


@pass_context
def _percent(context: Context, share: float, *, decimals: int = 1) -> str:
    """In the language of the template."""
    return context["texts"].numbers.percent(share, decimals=decimals)


@pass_context
def _percent_interval(context: Context, figure: Mapping[str, float]) -> str:
    return context["texts"].numbers.percent_interval(figure)


_ENVIRONMENT = Environment(
    loader=FileSystemLoader([_FOLDER, _FOLDER.parent / "styles"]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "code_key": formatting.code_key,
    "data_uri": formatting.data_uri,
    "in_sentence": formatting.in_sentence,
    "jpeg_uri": formatting.jpeg_uri,
    "linked": formatting.linked,
    "number": "{:g}".format,
    "percent": _percent,
    "percent_interval": _percent_interval,
}
_ENVIRONMENT.globals |= {
    "bars": charts.bars,
    "heat": charts.heat,
    "lines": charts.lines,
    "people": charts.people,
}


class Templates:
    """The templates in one language, whose texts they know as ``texts``.

    ``beside`` are the English texts for what must be in English too, until a speaker has reviewed
    the translation; None where nothing must.
    """

    def __init__(self, texts: Texts) -> None:
        """Take the language's texts."""
        self.texts = texts
        self.beside = None if texts.language.reviewed else load_texts()

    def render(self, template: str, /, **values: object) -> Markup:
        """Fill a template with values; one that it uses and is not given is an error."""
        found = _ENVIRONMENT.get_template(f"{template}.html")
        return Markup(found.render(values, texts=self.texts, beside=self.beside))
