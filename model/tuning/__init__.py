"""Searching settings with Keras Tuner."""
