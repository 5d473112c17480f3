"""How components and events of this page are declared."""

from functools import partial

import gradio as gr

PRIVATE = {"api_visibility": "private"}
"""Of events: none of them is an endpoint for programs."""
QUIET = PRIVATE | {"show_progress": "hidden"}
LATEST = QUIET | {"trigger_mode": "always_last"}
"""Of events that come faster than they are answered."""

styled_html = partial(gr.HTML, apply_default_css=False)
"""Builds a component of HTML that looks as the page's own style says."""

compact_radio = partial(gr.Radio, elem_classes="compact")
"""Builds a choice whose options stand close together."""
