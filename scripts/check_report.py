"""make check-report: looks at an HTML report in headless Chromium, as on a desktop, a phone and paper.

    check_report.py [PAGE.html…]     without a page: made-up results, and what is in bench/results/

Pictures go to target/report/. Ends with 1 if a page logs an error, asks for another file, is wider than its screen, or
has words in its drawings that are cut off or lie on each other.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from chromium_pipe import Chromium, ChromiumFailed, find_chromium

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "target" / "report"


class Screen(NamedTuple):
    name: str
    width: int
    height: int
    dark: bool
    medium: str = ""


SCREENS = (
    Screen("desktop-light", 1280, 900, False),
    Screen("desktop-dark", 1280, 900, True),
    Screen("phone-light", 390, 844, False),
    Screen("phone-dark", 390, 844, True),
    Screen("narrow-phone", 320, 640, False),
    Screen("print", 794, 1123, True, "print"),
)
# In units of the screen; letters do not fill their boxes.
OVERLAP_PX, CUT_PX = 2, 1
FAULTS = """
(() => {
  const faults = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth + 1)
    faults.push(`the page is ${root.scrollWidth} wide on a screen of ${root.clientWidth}`);
  for (const entry of performance.getEntriesByType("resource")) faults.push(`it asks for ${entry.name}`);
  if (document.scripts.length) faults.push("it has a script");
  for (const figure of document.querySelectorAll("figure")) {
    const svg = figure.querySelector(":scope > svg");
    const title = svg.querySelector("title").textContent;
    const outer = svg.getBoundingClientRect();
    const boxes = [...svg.querySelectorAll("text")].map(
      text => [[...text.childNodes].filter(node => node.nodeType === 3).map(node => node.data).join(""),
               text.getBoundingClientRect()]);
    boxes.forEach(([words, box], number) => {
      if (box.left < outer.left - CUT || box.right > outer.right + CUT ||
          box.top < outer.top - CUT || box.bottom > outer.bottom + CUT)
        faults.push(`${title}: "${words}" is cut off`);
      for (const [others, other] of boxes.slice(number + 1))
        if (Math.min(box.right, other.right) - Math.max(box.left, other.left) > OVERLAP &&
            Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top) > OVERLAP)
          faults.push(`${title}: "${words}" lies on "${others}"`);
    });
  }
  return faults;
})()
""".replace("OVERLAP", str(OVERLAP_PX)).replace("CUT", str(CUT_PX))


def faults_of(browser: Chromium, page: Path, folder: Path) -> list[str]:
    """One line for each fault, with the screen that shows it."""
    found = []
    for screen in SCREENS:
        browser.errors.clear()
        browser.screen(screen.width, screen.height, dark=screen.dark, medium=screen.medium)
        browser.open(page)
        seen = [*browser.evaluate(FAULTS), *browser.errors]
        found += [f"{screen.name}: {fault}" for fault in dict.fromkeys(seen)]
        browser.picture(folder / f"{screen.name}.png")
    return found


def pages(names: list[str], folder: Path) -> list[Path]:
    """The named pages; otherwise samples and the recorded ones."""
    if names:
        return [Path(name).resolve() for name in names]
    return [*samples(folder), *sorted((ROOT / "bench" / "results").glob("*/report.html"))]


def samples(folder: Path) -> list[Path]:
    """What a run on few cores may look like, and one on many."""
    sys.path.insert(0, str(ROOT / "tests/lab"))
    from report_samples import many_cores_results, sample_results
    from turbo_shard_lab.report import html

    made = []
    for results in (sample_results(), many_cores_results()):
        page = folder / f"{results.name}.html"
        page.write_text(html(results))
        made.append(page)
    return made


def main() -> int:
    program = find_chromium()
    if program is None:
        print("check-report: there is no chromium; make check-report installs it", file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    status = 0
    for page in pages(sys.argv[1:], PICTURES):
        folder = PICTURES / (page.stem if page.parent == PICTURES else page.parent.name)
        folder.mkdir(exist_ok=True)
        try:
            with Chromium(program) as browser:
                faults = faults_of(browser, page, folder)
        except ChromiumFailed as error:
            faults = [str(error)]
        for fault in faults:
            print(f"check-report: {page.name}: {fault}", file=sys.stderr)
        if faults:
            status = 1
        else:
            where = folder.relative_to(ROOT)
            print(
                f"check-report: {page.name} is well on {len(SCREENS)} screens; pictures in {where}/"
            )
    return status


if __name__ == "__main__":
    sys.exit(main())
