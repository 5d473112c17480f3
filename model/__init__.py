"""Everything about learning, nothing about the web or the page.

Read in this order: ``diagnosis`` and ``patient`` (what goes out and in), ``image`` (the one
preprocessing), ``dataset`` → ``duplicates`` → ``split`` (what is learned from), ``cache`` →
``batches`` → ``augment`` (how it is fed), ``backbones`` and ``network`` (what learns), ``train`` →
``packaging`` (what is set on held-out images), ``bundle`` (what is kept), ``predictor`` (what
answers). Judging begins with ``metrics`` → ``intervals`` → ``outcome`` → ``evaluate``.

The predictor side (``diagnosis``, ``patient``, ``image``, ``views``, ``prediction_sets``,
``unknown``, ``bundle``, ``predictor``) imports neither training code nor the Archive's client.
"""
