"""Everything about the ISIC Archive, nothing about learning.

Import from the module that owns the name, e.g. ``from isic_api.client import IsicClient``;
this file imports nothing, so that reading the vocabulary does not load the HTTP client.
"""
