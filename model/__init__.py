"""Everything about learning, nothing about the web or the page.

Read in this order: ``diagnosis`` and ``patient`` (what goes out and in), ``image`` (the one
preprocessing), ``data`` (``dataset`` → ``duplicates`` → ``split`` → ``cache``: what is learned
from), ``networks`` (what learns), ``training`` (``config`` → ``batches`` → ``train`` →
``packaging``), ``prediction`` (``bundle``: what is kept; ``examiner`` → ``study``: what answers),
``evaluation`` (``metrics`` → ``intervals`` → ``outcome`` → ``evaluate``: how good it is).

What answers imports neither training code nor the Archive's client.
"""
