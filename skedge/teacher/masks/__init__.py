"""Masks: everything that hides a part of a clip."""
