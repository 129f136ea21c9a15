"""Protocols by which pretrained encoders are evaluated."""
