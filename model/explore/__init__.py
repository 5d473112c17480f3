"""A picture of what is in a data folder."""
