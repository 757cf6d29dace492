"""Normalizing flows: invertible maps of codes with a known Jacobian determinant."""
