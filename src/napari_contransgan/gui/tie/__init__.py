"""Phase from a focus stack."""
