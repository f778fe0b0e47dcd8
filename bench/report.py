# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""Results of tools/bench --peers as Markdown and as a plot."""

import html

NAMES = {"bare": "bare", "bulkhead": "Bulkhead", "kvm": "KVM", "xen": "Xen"}
COLOURS = {"bulkhead": "#1b6ca8", "kvm": "#d1495b", "xen": "#8d8d8d"}
BEGIN, END = "<!-- begin: written by tools/bench --peers -->", "<!-- end -->"
WIDTH, LEFT, BAR, GAP = 760, 290, 14, 16

AGREEMENT = 100  # two runs' counts differ by less than one part in so many


def disagreements(results, rows):
    """What differs too much between two runs, a line each. `results`: system to two dictionaries of
    row to number or reason. Bytes are not counted by a clock, and may differ."""
    found = []
    for system, (first, second) in results.items():
        for name, _, unit, _ in rows:
            one, two = first[name], second[name]
            both = isinstance(one, int) and isinstance(two, int)
            same = abs(one - two) * AGREEMENT < max(one, two) or one == two if both else one == two
            if unit == "instructions" and not same:
                found.append(f"{system} {name}: {one} and {two}")
    return found


def cell(value, base, notes):
    """A number, with how many times the bare one it is; a reason becomes a note."""
    if isinstance(value, int):
        return f"{value:,}" + (f" ({value / base:.2f}×)" if isinstance(base, int) and base else "")
    if value not in notes:
        notes.append(value)
    return f"– [{notes.index(value) + 1}]"


def markdown(results, rows, not_measured, facts, plot):
    """`results`: system to row to number or reason; `facts`: lines that say when and with what."""
    systems = list(COLOURS)
    notes = []
    lines = ["| row | unit | bare | " + " | ".join(NAMES[system] for system in systems) + " |",
             "|---|---|---:|" + "---:|" * len(systems)]
    for name, title, unit, _ in rows:
        base = results["bare"][name]
        cells = [cell(base, None, notes)]
        cells += [cell(results[system][name], base, notes) for system in systems]
        lines.append(f"| {title} | {unit} | " + " | ".join(cells) + " |")
    lines += ["", *(f"[{number}] {note}." + "  " for number, note in enumerate(notes, 1)), "",
              *(f"* {title}: {why}." for _, title, why in not_measured), "", *facts, "",
              f"![the same rows as bars]({plot})"]
    return "\n".join(lines)


def replace_between(text, new):
    """`text` with what is between BEGIN and END replaced."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the document has no '{BEGIN}' and '{END}'")
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def svg(results, rows):
    """A group of bars for each row, as long as the share of the row's greatest value."""
    parts, y = [], GAP
    for name, title, unit, _ in rows:
        values = {system: results[system][name] for system in COLOURS}
        most = max((value for value in values.values() if isinstance(value, int)), default=1) or 1
        parts.append(f'<text x="{LEFT - 8}" y="{y + 2 * BAR}" text-anchor="end">'
                     f'{html.escape(title)}</text>')
        for system, value in values.items():
            known = isinstance(value, int)
            width = round((WIDTH - LEFT - 190) * value / most, 1) if known else 0
            label = f"{NAMES[system]} {value:,}" if known else f"{NAMES[system]}: none"
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{width}" height="{BAR - 2}" '
                         f'fill="{COLOURS[system]}"/>')
            parts.append(f'<text x="{LEFT + width + 5}" y="{y + BAR - 4}">{label}</text>')
            y += BAR
        y += GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
            'font-family="sans-serif" font-size="11">\n'
            f'<rect width="{WIDTH}" height="{y}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")
