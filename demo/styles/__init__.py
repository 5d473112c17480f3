"""Theme and CSS; that of the bars apart, since reports need it too.

The colours pass WCAG AA contrast in light and dark mode.
"""

from pathlib import Path

import gradio as gr

_FOLDER = Path(__file__).parent

THEME = gr.themes.Default(
    primary_hue="teal",
    # Of the weights that travel with Gradio, the semi-bold one lacks most letters.
    font=(
        gr.themes.LocalFont("Source Sans Pro", weights=(400, 700)),
        "ui-sans-serif",
        "system-ui",
        "sans-serif",
    ),
).set(
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_800",
    button_primary_text_color="white",
    button_primary_text_color_dark="white",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_label_text_color="*neutral_700",
    block_label_text_color_dark="*neutral_200",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_300",
    checkbox_border_color="*neutral_500",
    checkbox_border_color_dark="*neutral_400",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
)

_STYLES = ("page.css", "bars.css", "cases.css", "lesions.css")
ICON = _FOLDER / "icon.svg"
CSS = "".join((_FOLDER / name).read_text(encoding="utf-8") for name in _STYLES)
