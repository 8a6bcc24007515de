"""From labelled ground to weights."""
