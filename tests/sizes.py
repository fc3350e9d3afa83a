"""Files and functions of the house that are too long to be read.

No C source, header, list or script has more than 600 lines, no function in C or
Python more than 60, from its first line to its last. Run by
tests/test_layers.sh in the root of the tree.
"""

import ast
import os
import re
import sys

FILE_LINES, FUNCTION_LINES = 600, 60
KINDS = (".c", ".h", ".inc", ".py", ".sh")


def files():
    """What is ours: no builds, and of hidden folders the CI's alone."""
    for folder, folders, names in os.walk("."):
        if "CMakeCache.txt" in names:
            folders.clear()
            continue
        folders[:] = sorted(f for f in folders if f == ".ci" or
                            not f.startswith((".", "__")))
        for name in sorted(names):
            if name.endswith(KINDS) or folder == "./.ci":
                yield os.path.relpath(os.path.join(folder, name))


def functions_of_c(lines):
    """(first line, lines) of each function: its braces stand in column one,
    its declaration goes up to what is no part of one."""
    for i, line in enumerate(lines):
        if line != "{":
            continue
        first = i
        while first and re.match(r"[A-Za-z]|\s+\S", lines[first - 1]) and \
                not re.match(r" \*", lines[first - 1]):
            first -= 1
        yield first, lines.index("}", i) - first + 1


def functions_of_python(lines):
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno - 1, node.end_lineno - node.lineno + 1


def functions_of(path, lines):
    if path.endswith(".py"):
        return functions_of_python(lines)
    return functions_of_c(lines) if path.endswith((".c", ".h")) else ()


def main():
    found, read, functions = [], 0, 0
    for path in files():
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        read += 1
        if len(lines) > FILE_LINES:
            found.append(f"{path}: {len(lines)} lines, at most {FILE_LINES}")
        for first, count in functions_of(path, lines):
            functions += 1
            if count > FUNCTION_LINES:
                found.append(f"{path}:{first + 1}: {count} lines of a "
                             f"function, at most {FUNCTION_LINES}")
    if read < 200 or functions < 2000:
        found.append(f"only {read} files and {functions} functions: what was "
                     "checked?")
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
