#!/usr/bin/env python3
"""Counts what is left of the old content of a drive with bad blocks, and whether the right blocks were named.

usage: leftovers.py ORIGINAL MEDIUM BAD NAMED

Shares no code with any program that is judged. BAD and NAMED have a range a line, FIRST COUNT, in blocks of 512
bytes. Prints five numbers: old blocks outside of the bad ones, old blocks within them, blocks named, good blocks
among the named, bad blocks not named.
"""
import sys

BLOCK = 512
CHUNK = 1 << 20


def blocks_of(path):
    with open(path) as lines:
        ranges = [tuple(map(int, line.split())) for line in lines]
    return {block for first, count in ranges for block in range(first, first + count)}


def old_blocks(original, medium):
    """Numbers of the blocks that hold what they held before."""
    position = 0
    with open(original, "rb") as before, open(medium, "rb") as now:
        while True:
            old, new = before.read(CHUNK), now.read(CHUNK)
            if len(old) != len(new):
                sys.exit("leftovers.py: the files are not of the same length")
            if not old:
                return
            for at in range(0, len(old), BLOCK):
                if old[at : at + BLOCK] == new[at : at + BLOCK]:
                    yield (position + at) // BLOCK
            position += len(old)


original, medium, bad, named = sys.argv[1:]
bad, named = blocks_of(bad), blocks_of(named)
outside = within = 0
for block in old_blocks(original, medium):
    if block in bad:
        within += 1
    else:
        outside += 1
print(outside, within, len(named), len(named - bad), len(bad - named))
