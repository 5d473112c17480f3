"""One file per tab of the page: its layout, its events and what they do."""
