"""Modules of the house that need themselves through others.

A module is a header with its source; NAME_part belongs to NAME. Circles have to
be those that docs/ARCHITECTURE.md states, as lines "- circle: `a b`", and no
others. Run by tests/test_layers.sh in the root of the tree.
"""

import collections
import os
import re
import sys

ELSEWHERE = ("tests", "bench", "fuzz", "examples", "build", ".")


def module(stem, headers):
    """The shortest header's stem that the name begins with, cut at a '_'."""
    folder, name = os.path.split(stem)
    words = name.split("_")
    for count in range(1, len(words)):
        shorter = os.path.join(folder, "_".join(words[:count]))
        if shorter in headers:
            return shorter
    return stem


def includes(paths):
    """The modules that each module includes."""
    stems = {os.path.splitext(path)[0] for path in paths}
    headers = {os.path.splitext(p)[0] for p in paths if p.endswith(".h")}
    needs = {module(stem, headers): set() for stem in stems}
    for path in paths:
        this = module(os.path.splitext(path)[0], headers)
        with open(path) as file:
            text = file.read()
        for name in re.findall(r'^\s*#\s*include "([^"]+)"', text, re.M):
            other = os.path.splitext(name)[0]
            if other in stems and module(other, headers) != this:
                needs[this].add(module(other, headers))
    return needs


def circles(needs):
    """The sets of modules that reach each other."""
    reached = {}
    for start in needs:
        seen, todo = set(), collections.deque(needs[start])
        while todo:
            one = todo.popleft()
            if one not in seen:
                seen.add(one)
                todo.extend(needs[one])
        reached[start] = seen
    return {
        tuple(sorted(o for o in seen if start in reached[o]))
        for start, seen in reached.items()
        if start in seen
    }


def sources():
    """The tree's own files; a copy of it need not be a git checkout."""
    paths = []
    for top in sorted(os.listdir(".")):
        if top.startswith(ELSEWHERE) or not os.path.isdir(top):
            continue
        for folder, _, names in os.walk(top):
            paths += [
                os.path.join(folder, name)
                for name in names
                if name.endswith((".c", ".h"))
            ]
    return paths


def main():
    paths = sources()
    if len(paths) < 100:
        sys.exit(f"only {len(paths)} files found: what was checked?")
    found = circles(includes(paths))
    with open("docs/ARCHITECTURE.md") as file:
        lines = re.findall(r"^- circle: `([^`]+)`", file.read(), re.M)
    stated = {tuple(sorted(line.split())) for line in lines}
    for circle in sorted(found - stated):
        print("a circle of modules:", *circle, file=sys.stderr)
    for circle in sorted(stated - found):
        print("stated, but no circle:", *circle, file=sys.stderr)
    return found != stated


sys.exit(main())
