"""How an older database becomes today's: one file in versions/ for each step, never changed once it is released.

A new step imports nothing of ``core``, names every constraint, and becomes ``HEAD``.
"""

HEAD = "0003"
"""The newest revision."""
