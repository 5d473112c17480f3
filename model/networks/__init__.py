"""The dual-branch network: backbones, fusions, and how it is described."""
