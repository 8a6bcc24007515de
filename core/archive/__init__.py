"""Projects as things that are sent, copied and removed; what comes in from anyone is judged file by file, row by row.

``zipped`` is the zip; ``ledger`` is what of the database goes along, as lines of JSON; ``rows`` says what each of these
lines may hold.
"""

from core.archive.zipped import copy, members, pack, remove, unpack

__all__ = ["copy", "members", "pack", "remove", "unpack"]
