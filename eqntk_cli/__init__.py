"""Check, on real data, that augmented and equivariant ensembles share one mean."""

__version__ = "0.1.0"
