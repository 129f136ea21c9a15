"""Figures as reports hold them."""


def rounded(number: float, digits: int) -> float:
    """The number, rounded to `digits` decimal places; never -0.0."""
    return round(float(number), digits) + 0.0
