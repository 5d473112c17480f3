"""Everything about learning, nothing about the web or the page.

Read in this order: ``diagnosis`` and ``patient`` (output and metadata), ``image`` (the one
preprocessing), ``data`` (``dataset`` → ``duplicates`` → ``split`` → ``cache``), ``networks``,
``training`` (``settings`` → ``batches`` → ``train`` → ``packaging``), ``inference`` (``bundle`` →
``predictor`` → ``study``), ``evaluation`` (``metrics`` → ``intervals`` → ``outcome`` →
``evaluate``), ``cli`` (one file per command).

Inference imports neither training code nor the Archive's client.
"""
