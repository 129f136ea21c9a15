"""Everything that hides a part of a clip."""
