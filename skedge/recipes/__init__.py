"""Recipes: one YAML file per experiment, and the dataclasses that say what can stand in it."""

from pathlib import Path

RECIPES = Path(__file__).parent
