"""People in pictures: BlazePose on ai-edge-litert, nothing else; its networks come with `skedge pose fetch`."""

from edge_runtime.pose.blazepose import BlazePose

__all__ = ["BlazePose"]
