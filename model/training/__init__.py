"""From a config to a bundle."""
