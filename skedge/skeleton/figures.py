"""Figures as reports hold them."""


def rounded(number: float, digits: int) -> float:
    """The number to so many digits; what rounds to 0 has no minus."""
    return round(float(number), digits) + 0.0
