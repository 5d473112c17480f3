"""Theme and CSS; that of the bars apart, since reports need it too.

The colours pass WCAG AA contrast in light and dark mode.
"""

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

BARS_CSS = """
table.bars { width: 100%; border-collapse: collapse; }
table.bars caption { text-align: left; padding-bottom: 0.3rem; font-weight: 600; }
table.bars th, table.bars td { padding: 0.27rem 0; }
table.bars thead th { font-size: 0.8rem; font-weight: 500; }
table.bars tbody tr { border-top: 1px solid var(--border-color-primary, #ddd); }
table.bars tbody th { text-align: left; font-weight: 500; padding-right: 0.75rem; }
table.bars thead th { text-align: left; }
table.bars thead .number { text-align: right; padding-left: 0.75rem; }
table.bars abbr { font-size: 0.8rem; opacity: 0.85; text-decoration: none; }
table.bars td.track { width: 34%; position: relative; }
table.bars .bar { height: 0.9rem; min-width: 2px; border-radius: 3px;
  background: var(--primary-600, #0d9488); }
table.bars .alone-mark { position: absolute; top: 0.15rem; bottom: 0.15rem; width: 3px;
  background: currentColor; opacity: 0.75; }
table.bars .value, table.bars .alone, table.bars .change { text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; padding-left: 0.75rem; }
table.bars .value { font-weight: 600; }
"""

CSS = (
    """
.gradio-container { max-width: 1240px !important; margin: auto; padding-top: 0.4rem !important; }
.gradio-container .column, .gradio-container .row { gap: 0.6rem; }
.gradio-container .html-container { padding: 0 !important; }
.gradio-container .tabitem { padding-top: 0.6rem; }
#head { display: flex; gap: 1rem; align-items: baseline; flex-wrap: wrap; }
#head h1 { margin: 0; font-size: 1.3rem; display: inline; }
#head p { margin: 0; display: inline; padding-left: 0.75rem; }
#notice { border-left: 4px solid var(--primary-700); padding: 0.15rem 0.75rem;
  background: var(--background-fill-secondary); font-size: 0.85rem; }
#notice p { margin: 0; }
#status p { margin: 0; font-size: 0.85rem; color: var(--body-text-color-subdued); }
.headline { font-size: 1.05rem; margin: 0 0 0.3rem; }
.warning { margin: 0 0 0.3rem; padding: 0.25rem 0.75rem; border-left: 4px solid #d55e00;
  background: var(--background-fill-secondary); }
.scope, .empty { color: var(--body-text-color-subdued); font-size: 0.8rem; margin: 0.3rem 0 0; }
.chart { width: 100%; height: auto; font-size: 12px; fill: currentColor; }
.chart .grid { stroke-opacity: 0.15; }
.chart .thin { stroke-opacity: 0.5; stroke-dasharray: 3 3; }
.chart .mark { stroke-opacity: 0.8; stroke-width: 1.5; }
.chart .line { stroke-width: 2.2; }
.pair { display: flex; flex-wrap: wrap; gap: 1rem; }
.pair figure { flex: 1 1 300px; min-width: 0; margin: 0; }
.pair img { max-width: 100%; border-radius: 4px; }
.cases { list-style: none; padding: 0; display: grid; gap: 0.4rem 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); }
.cases img { height: 72px; margin-right: 0.5rem; vertical-align: middle; border-radius: 4px; }
.download { display: inline-block; padding: 0.4rem 0.9rem; margin-right: 0.5rem; border-radius: 6px;
  background: var(--primary-700); color: white !important; text-decoration: none; }
.gradio-container h2 { font-size: 1rem; margin: 0.6rem 0 0.3rem; }
.scroll { overflow-x: auto; max-width: calc(100vw - 4.5rem); }
#examples .grid-container {
  grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)) !important; }
table.plain { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
table.plain caption { text-align: left; font-weight: 600; padding-bottom: 0.3rem; }
table.plain th, table.plain td { text-align: left; padding: 0.3rem 0.75rem 0.3rem 0;
  border-bottom: 1px solid var(--border-color-primary); font-weight: 400; }
table.plain thead th { font-weight: 600; }
.key { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 0.3rem 1.5rem; }
.dot { display: inline-block; width: 0.8rem; height: 0.8rem; border-radius: 50%;
  margin-right: 0.4rem; border: 1px solid currentColor; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1rem; }
dd { margin: 0; font-weight: 600; }
.prose { max-width: 46rem; }
:focus-visible, label:has(input:focus-visible) { outline: 3px solid var(--primary-500) !important;
  outline-offset: 2px; }
@media (max-width: 640px) {
  table.bars td.track, table.bars thead th[colspan] { width: 12%; }
  table.bars .alone, table.bars .change, table.bars .value { padding-left: 0.4rem; }
  table.bars { font-size: 0.85rem; }
  table.bars abbr { display: none; }
}
"""
    + BARS_CSS
)
