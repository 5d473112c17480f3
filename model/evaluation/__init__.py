"""How good a bundle is, for whom, how sure, and where it fails."""
