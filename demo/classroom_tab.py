"""The tab Classroom: a quiz on the examples, and what a threshold means for patients."""

from types import SimpleNamespace

import gradio as gr

from demo.quiz_tab import add_quiz
from demo.services import Services
from demo.threshold_tab import add_threshold


def add_classroom_tab(services: Services, texts: SimpleNamespace) -> None:
    """Lay both parts out."""
    with gr.Tabs(overflow_behavior="wrap"):
        with gr.Tab(texts.classroom.quiz):
            add_quiz(services, texts)
        with gr.Tab(texts.classroom.threshold):
            add_threshold(services, texts)
