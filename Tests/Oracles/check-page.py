#!/usr/bin/env python3
"""Opens a page of `virt-bmap report` in a headless Chromium, and checks that names in it are only text.

   check-page.py PAGE JSON [DIRECTORY]

JSON has the figures of the same log. A name in it may try to set window.hacked. Prints what is wrong, and fails if
anything is. Screenshots go to DIRECTORY, if it is given: wide and narrow, light and dark, and a print-out.
"""
import json
import os
import re
import sys
import urllib.parse

from browser import Browser

problems = []


def expect(what, wanted, found):
    if wanted != found:
        problems.append(f"{what}: {str(wanted)[:300]} expected, {str(found)[:300]} found")


def octal(match):
    return "".join(f"\\{byte:03o}" for byte in match.group(0).encode())


def shown(row):
    """The name of an object on the page."""
    text = f"{row['device']} {row['path']}" if "path" in row else row["device"]
    return re.sub("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]", octal, text)


# All rows of a table, page by page.
ROWS = """(id => {
  const rows = [];
  for (;;) {
    for (const row of document.querySelectorAll(`#${id} tbody tr`)) rows.push([...row.cells].map(c => c.textContent));
    const next = document.querySelector(`#${id} .pager button:last-child`);
    if (!next || next.disabled) return rows;
    next.click();
  }
})"""

page = "file://" + urllib.parse.quote(os.path.abspath(sys.argv[1]))
figures = json.load(open(sys.argv[2], encoding="utf-8"))
directory = sys.argv[3] if len(sys.argv) > 3 else None


def safe(browser, when):
    expect(f"window.hacked {when}", None, browser.evaluate("window.hacked"))
    expect(f"elements {when}", [8, 0], browser.evaluate(
        "[document.scripts.length, document.querySelectorAll('img, iframe, object, embed, form, base, video, audio, "
        "link, [onerror], [onload], [onclick], a[href]:not([href^=\"#\"])').length]"))
    expect(f"messages {when}", [], browser.problems)


with Browser() as browser:
    browser.open(page)
    safe(browser, "after opening")
    rows = browser.evaluate(f"{ROWS}('objects')")
    expect("names", sorted(map(shown, figures["objects"])), sorted(row[0] for row in rows))
    expect("the title", True, browser.evaluate("document.title.endsWith(' - virt-bmap report')"))
    for name in ("directories", "devices", "kinds"):
        expect(f"rows of {name}", len(figures[name]), len(browser.evaluate(f"{ROWS}('{name}')")))
    # Sort by each column, search, zoom, hide a kind, and point at what is there.
    for table in ("objects", "directories", "devices", "kinds"):
        browser.evaluate(f"document.querySelectorAll('#{table} th button').forEach(b => {{ b.click(); b.click(); }})")
    browser.evaluate("document.querySelectorAll('#objects th button')[0].click()")
    first = browser.evaluate("document.querySelector('#objects tbody td').textContent")
    names = browser.evaluate("report.objects.kind.map((_, row) => objectName(row)).sort()")
    expect("sorted by name", True, first in (names[0], names[-1]))
    for text in [shown(row) for row in figures["objects"]][:40]:
        browser.evaluate(f"location.hash = '#' + encodeURIComponent({json.dumps(text)})")
        browser.evaluate("new Promise(resolve => setTimeout(resolve, 30))")
        expect("the chosen name", text, browser.evaluate("document.getElementById('chosen-name').textContent"))
        expect("how many are chosen", True, browser.evaluate("document.querySelectorAll('tr.chosen').length <= 1"))
    for odd in ("%", "%ff", "<img src=x onerror=window.hacked=1>", "__proto__", "/dev/sda1 /"):
        browser.evaluate(f"location.hash = {json.dumps('#' + odd)}")
        browser.evaluate("new Promise(resolve => setTimeout(resolve, 30))")
    browser.evaluate("""const search = document.querySelector('#objects input');
        search.value = '<'; search.dispatchEvent(new Event('input'));""")
    expect("found", sum("<" in shown(row) for row in figures["objects"]), len(browser.evaluate(f"{ROWS}('objects')")))
    browser.evaluate("document.getElementById('chosen-close').click()")
    expect("all rows again", len(rows), len(browser.evaluate(f"{ROWS}('objects')")))
    browser.evaluate("document.querySelectorAll('.zoom button, .legend button').forEach(b => { b.click(); b.click(); })")
    box = browser.evaluate("(b => [b.x, b.y, b.width, b.height])(document.querySelector('canvas').getBoundingClientRect())")
    tips = set()
    for step in range(200):
        x, y = box[0] + box[2] * (step % 20 + 0.5) / 20, box[1] + box[3] * (step // 20 + 0.5) / 10
        browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        tips.add(browser.evaluate("document.getElementById('tooltip').hidden ? '' : "
                                  "document.querySelector('#tooltip strong').textContent"))
    expect("a tooltip names an object", True, any(tip in names for tip in tips))
    browser.call("Input.dispatchMouseEvent", type="mouseWheel", x=box[0] + 100, y=box[1] + 50, deltaX=0, deltaY=-300)
    browser.evaluate("new Promise(resolve => setTimeout(resolve, 300))")
    safe(browser, "in the end")
    expect("the width", True, browser.evaluate("document.documentElement.scrollWidth <= 1400"))
    expect("a script of another page's", True, browser.evaluate("""new Promise(resolve => {
        const script = document.createElement('script');
        script.textContent = 'window.hacked = 1';
        document.body.append(script);
        resolve(window.hacked === undefined);
    })"""))

for width, mobile in ((1400, False), (400, True)):
    for dark in (False, True):
        with Browser(width, 900, mobile) as browser:
            browser.open(page, dark)
            safe(browser, f"at {width}")
            expect(f"the width at {width}", True, browser.evaluate(f"document.documentElement.scrollWidth <= {width}"))
            if directory:
                browser.screenshot(f"{directory}/{width}-{'dark' if dark else 'light'}.png")
                if width == 1400:
                    browser.pdf(f"{directory}/{'dark' if dark else 'light'}.pdf")

print(f"{len(rows)} names, {len(tips)} tooltips")
for problem in problems:
    print(problem, file=sys.stderr)
sys.exit(bool(problems))
