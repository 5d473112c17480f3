"""From a photograph and a patient to probabilities and their reasons."""
