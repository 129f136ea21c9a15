"""A wave switches the light: skedge live --hook examples/light:on_event

The print stands in for the light: a relay on a pin, a request to a bridge, a message to a broker.
"""

from typing import Any

LEAST = 0.6
lit = False


def switch(on: bool) -> None:
    """Set the light; put your own line here."""
    print("light on" if on else "light off", flush=True)


def on_event(event: dict[str, Any]) -> None:
    """Called with every event, in a thread of its own."""
    global lit
    begins = event["event"] == "wave" and event["phase"] == "begun"
    if begins and event["confidence"] >= LEAST:
        lit = not lit
        switch(lit)
