"""Everything about learning, nothing about the web or the page.

Read in this order: ``diagnosis`` and ``patient`` (what goes out and in), ``image`` (the one
preprocessing), ``data`` (``dataset`` → ``duplicates`` → ``split`` → ``cache``: what is learned
from), ``networks`` (what learns), ``training`` (``settings`` → ``batches`` → ``train`` →
``packaging``), ``inference`` (``bundle``: what is kept; ``predictor`` → ``study``: what predicts),
``evaluation`` (``metrics`` → ``intervals`` → ``outcome`` → ``evaluate``: how good it is).

``inference`` imports neither training code nor the Archive's client.
"""
