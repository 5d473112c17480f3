"""A data folder: its table, duplicates, splits and the cache of prepared images."""
