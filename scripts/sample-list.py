#!/usr/bin/env python3
"""Computes the list of blocks that a sampled verification reads, by the algorithm in docs/policy.md.

It shares no code with Expunge: the stream comes from `openssl enc -chacha20`. The test
`lists_are_those_of_another_program` holds the numbers that `--vectors` prints.

  sample-list.py SEED BLOCKS strata N                 one block in each of N strata
  sample-list.py SEED BLOCKS runs SUBSECTIONS RUN     two runs of RUN blocks in each subsection
  sample-list.py --vectors
"""
import hashlib
import subprocess
import sys


class Draw:
    """Numbers below a bound, from ChaCha20 with the seed as key."""

    def __init__(self, seed, size):
        command = ["openssl", "enc", "-chacha20", "-K", seed.hex(), "-iv", "0" * 32]
        self.stream = subprocess.run(command, input=bytes(size), stdout=subprocess.PIPE, check=True).stdout
        self.at = 0

    def __call__(self, bound):
        while True:
            piece = self.stream[self.at : self.at + 8]
            assert len(piece) == 8, "the stream is too short"
            self.at += 8
            number = int.from_bytes(piece, "little")
            if number < 2**64 - 2**64 % bound:
                return number % bound


def strata(seed, blocks, count):
    draw = Draw(seed, 32 * count + 4096)
    for i in range(count):
        first, end = i * blocks // count, (i + 1) * blocks // count
        yield first + draw(end - first), 1


def runs(seed, blocks, count, run):
    draw = Draw(seed, 64 * count + 4096)
    for i in range(count):
        first, end = i * blocks // count, (i + 1) * blocks // count
        free = end - first - 2 * run
        u, v = draw(free + 2), draw(free + 1)
        if v >= u:
            v += 1
        yield first + min(u, v), run
        yield first + max(u, v) - 1 + run, run


def merged(blocks, drawn):
    ranges = []
    for first, count in sorted([(0, 1), (blocks - 1, 1), *drawn]):
        if ranges and first <= sum(ranges[-1]):
            start, end = ranges[-1][0], max(sum(ranges[-1]), first + count)
            ranges[-1] = (start, end - start)
        else:
            ranges.append((first, count))
    return ranges


def canonical(ranges):
    return "[" + ",".join(f'{{"count":{count},"first":{first}}}' for first, count in ranges) + "]"


def vectors():
    seed = bytes(range(32))
    for blocks, drawn in [
        (1000, strata(seed, 1000, 7)),
        (39_062_500_001, strata(seed, 39_062_500_001, 4603)),
        (2001, runs(seed, 2001, 1000, 1)),
        (123_457, runs(seed, 123_457, 1000, 7)),
        (39_062_500_001, runs(seed, 39_062_500_001, 1000, 1_953_126)),
    ]:
        ranges = merged(blocks, drawn)
        digest = hashlib.sha256(canonical(ranges).encode()).hexdigest()
        print(blocks, len(ranges), sum(count for _, count in ranges), digest)


def main():
    if sys.argv[1:] == ["--vectors"]:
        return vectors()
    seed, blocks, kind, *numbers = sys.argv[1:]
    draw = {"strata": strata, "runs": runs}[kind]
    print(canonical(merged(int(blocks), draw(bytes.fromhex(seed), int(blocks), *map(int, numbers)))))


if __name__ == "__main__":
    main()
