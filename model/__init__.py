"""Everything about learning, nothing about the web or the page.

Read in this order: ``diagnosis`` and ``patient`` (what goes out and in), ``image`` (the one
preprocessing), ``dataset`` → ``duplicates`` → ``split`` (what is learned from), ``cache`` →
``batches`` → ``augment`` (how it is fed), ``backbones`` and ``network`` (what learns), ``train``,
``bundle`` (what is kept), ``predictor`` (what answers).

The predictor side (``diagnosis``, ``patient``, ``image``, ``bundle``, ``predictor``) imports
neither training code nor the Archive's client.
"""
