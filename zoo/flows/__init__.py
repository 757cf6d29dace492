"""Normalizing flows: invertible maps of codes that know how much they stretch space; one idea a file."""
