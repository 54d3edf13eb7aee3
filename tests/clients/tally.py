"""Counts what the stories told and judges it.

Arguments: rows.txt, then for each library its name and the file with its rows, which is missing if
the library was left out. Ends with 1 if a row failed that is expected to pass, or passed though it
is marked as not there yet.
"""

import sys
from pathlib import Path


def expectations(path):
    """Each row with the libraries in which it is not there yet: `None` for all, else their names."""
    rows = {}
    for line in Path(path).read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        mark, _, rest = line.partition(" ")
        name, _, libraries = (part.strip() for part in rest.partition("|"))
        if mark == "+":
            rows[name] = ()
        elif mark == "-":
            rows[name] = tuple(libraries.split(", ")) if libraries else None
        else:
            sys.exit(f"{path}: no mark in `{line}`")
    return rows


def told(path):
    """Each row that a story told: its result and why."""
    rows = {}
    for line in Path(path).read_text().splitlines():
        name, result, reason = line.split("\t")
        rows[name] = (result, reason)
    return rows


def main():
    expected = expectations(sys.argv[1])
    given = dict(zip(sys.argv[2::2], sys.argv[3::2], strict=True))
    libraries = {name: path for name, path in given.items() if Path(path).exists()}
    left_out = [name for name in given if name not in libraries]
    faults, table, passed_in_all = [], [], 0
    for library, path in libraries.items():
        rows = told(path)
        for stranger in sorted(rows.keys() - expected.keys()):
            faults.append(f"{library}: {stranger} is not in {sys.argv[1]}")
        failing, absent, passed = [], [], 0
        for name, missing in expected.items():
            result, reason = rows.get(name, ("failed", "it was not reached"))
            is_absent = missing is None or library in missing
            if result == "passed":
                passed += 1
                if is_absent:
                    faults.append(f"{library}: {name} passes now: take its mark off")
            elif is_absent:
                absent.append(name)
            else:
                failing.append(name)
                faults.append(f"{library}: {name}: {reason}")
        passed_in_all += passed
        table.append((library, passed, len(expected), failing, absent))
    print(f"\n{'library':<20} {'rows passing':>13}")
    for library, passed, of, failing, absent in table:
        print(f"{library:<20} {passed:>6} of {of:>3}")
        if failing:
            print(f"  failing: {', '.join(failing)}")
        if absent:
            print(f"  not there yet: {', '.join(absent)}")
    if faults:
        print("\nwhat must be mended:")
        print("\n".join(f"- {fault}" for fault in faults))
    without = f"; left out: {', '.join(left_out)}" if left_out else ""
    print(f"\n{passed_in_all} of {len(expected) * len(libraries)} rows pass, "
          f"{len(expected)} in each of {len(libraries)} libraries{without}")
    sys.exit(1 if faults else 0)


main()
