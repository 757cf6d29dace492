"""Outliers in tables (a masked, denoising autoencoder of columns, and distances to neighbours) and in time series (`series`)."""
