"""People in pictures: `blazepose.BlazePose` on ai-edge-litert alone; its networks come with
`skedge pose fetch`."""
