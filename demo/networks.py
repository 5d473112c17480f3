"""The networks that a page offers; the visitor chooses one of several beside the title."""

from collections.abc import Iterator, Sequence

import gradio as gr

from demo.components import QUIET, compact_radio
from demo.services import Services, names_of


class Networks:
    """Lays out what belongs to each network, of which only the chosen one's is seen."""

    def __init__(self, offered: Sequence[Services]) -> None:
        """Take the networks, of which the first is chosen at first."""
        self.offered = offered
        self.chooser: gr.Radio | None = None
        self._panels: list[tuple[int, gr.Column]] = []

    def add_chooser(self, label: str) -> None:
        """Show the names of the networks to choose from, if there are several."""
        if len(self.offered) > 1:
            choices = [(name, number) for number, name in enumerate(names_of(self.offered))]
            self.chooser = compact_radio(choices, value=0, label=label, elem_id="network")

    def each(self) -> Iterator[Services]:
        """Give each network inside a column of its own."""
        if len(self.offered) == 1:
            yield self.offered[0]
            return
        for number, services in enumerate(self.offered):
            with gr.Column(visible=number == 0) as panel:
                self._panels.append((number, panel))
                yield services

    def connect(self) -> None:
        """Let the chooser change what is seen; call it when everything is laid out."""
        if self.chooser:
            panels = [panel for _, panel in self._panels]
            self.chooser.input(self._seen, self.chooser, panels, queue=False, **QUIET)

    def _seen(self, chosen: int) -> list[gr.Column]:
        return [gr.Column(visible=number == chosen) for number, _ in self._panels]
