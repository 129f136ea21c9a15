"""Encoders, augmentation, masking, the self-supervised methods and their evaluation; everything
here runs on torch."""
