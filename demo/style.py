"""Theme and CSS. The colours pass WCAG AA contrast in light and dark mode."""

import gradio as gr

THEME = gr.themes.Default(primary_hue="teal").set(
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
)

CSS = """
.gradio-container { max-width: 1240px !important; margin: auto; padding-top: 0.5rem !important; }
.gradio-container .gap { gap: 0.75rem; }
#head h1 { margin: 0; font-size: 1.4rem; }
#head p { margin: 0; }
#notice { border-left: 4px solid var(--primary-700); padding: 0.3rem 0.75rem;
  background: var(--background-fill-secondary); font-size: 0.9rem; }
#notice p { margin: 0; }
#status p { margin: 0; font-size: 0.9rem; color: var(--body-text-color-subdued); }
table.bars { width: 100%; border-collapse: collapse; }
table.bars caption { text-align: left; padding-bottom: 0.5rem; font-weight: 600; }
table.bars thead { position: absolute; clip-path: inset(50%); }
table.bars tbody tr + tr { border-top: 1px solid var(--border-color-primary); }
table.bars th { text-align: left; font-weight: 500; padding: 0.55rem 0.75rem 0.55rem 0; }
table.bars abbr { color: var(--body-text-color-subdued); font-size: 0.8rem; }
table.bars .track { width: 58%; }
table.bars .bar { height: 1rem; min-width: 2px; border-radius: 3px;
  background: var(--primary-600); }
table.bars .value { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap;
  padding-left: 0.75rem; }
.scope, .empty { color: var(--body-text-color-subdued); font-size: 0.9rem; }
:focus-visible, label:has(input:focus-visible) { outline: 3px solid var(--primary-500) !important;
  outline-offset: 2px; }
@media (max-width: 640px) { table.bars .track { width: 40%; } }
"""
