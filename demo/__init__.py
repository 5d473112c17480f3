"""Everything that the visitor sees. It takes callables and knows of no network.

``page`` builds the page from one file per tab in ``tabs``; HTML comes from ``templates``, words
from ``texts``, theme and CSS from ``styles``, scripts for the browser from ``scripts``.
``services`` says what a network offers to the page, and loads it in the background. ``rest`` and
``endpoint`` serve programs. What changes Gradio or leans on its inside is in ``gradio_patches``.
"""
