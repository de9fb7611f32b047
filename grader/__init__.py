"""Whiteboard's grader: it holds a submission to the properties of an exercise and says which mistake it looks like."""
