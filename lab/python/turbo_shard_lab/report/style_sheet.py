"""The style sheet of the HTML report: light, dark, narrow, printed. Knows nothing of what is reported."""

from __future__ import annotations

from collections.abc import Sequence

from .palette import DARK, LIGHT


def style_sheet() -> str:
    arms = "".join(f".arm{number}{{--arm:var(--arm{number})}}\n" for number in range(len(LIGHT)))
    return (
        f":root{{{LIGHT_PAGE}{colours(LIGHT)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{DARK_PAGE}{colours(DARK)}}}}}\n"
        # Paper is white, whatever the screen.
        f"@media print{{:root{{{LIGHT_PAGE}{colours(LIGHT)}}}}}\n{arms}{RULES}"
    )


def colours(palette: Sequence[str]) -> str:
    return "".join(f"--arm{number}:{colour};" for number, colour in enumerate(palette))


LIGHT_PAGE = (
    "color-scheme:light;--page:#fff;--raised:#f6f7f9;--ink:#1b1f24;--soft:#57606a;--rule:#d8dde3;"
    "--grid:#e6e9ed;--win:#00704f;--loss:#b03a00;--note:#7a5500;--shade:#e3f3ec;--link:#005a9c;"
)
DARK_PAGE = (
    "color-scheme:dark;--page:#14171b;--raised:#1d2127;--ink:#e7eaee;--soft:#a2abb5;--rule:#363c45;"
    "--grid:#2b3038;--win:#4fd6a8;--loss:#ff9d66;--note:#ecc04a;--shade:#17332a;--link:#7fc1ff;"
)
RULES = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;padding:1.5rem clamp(.9rem,3vw,2.5rem) 4rem;max-width:76rem;background:var(--page);color:var(--ink);
 font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
h1{font-size:clamp(1.45rem,4vw,2.1rem);line-height:1.2;margin:.2em 0}
h2{font-size:1.45rem;line-height:1.25;margin:3rem 0 .6rem;padding-top:1rem;border-top:1px solid var(--rule)}
h3{font-size:1.12rem;margin:2rem 0 .4rem}
h4{font-size:1rem;margin:1.3rem 0 .2rem}
p{margin:.5rem 0;max-width:48rem}
header p{color:var(--soft)}
a{color:var(--link)}
.question{font-size:1.12rem;color:var(--soft);font-style:italic}
nav ol{columns:17rem;column-gap:2rem;margin:1rem 0;padding:.8rem 1rem .8rem 2.4rem;
 background:var(--raised);border-radius:.5rem}
nav li{break-inside:avoid;padding:.12rem 0}
main>ul{margin:.5rem 0;padding:0;list-style:none;max-width:60rem}
main>ul.plain{list-style:disc;padding-left:1.3rem}
main>ul>li{margin:.5rem 0}
main>ul ul{margin:.2rem 0 .3rem;padding-left:1.2rem;list-style:disc}
main>ul:not(.plain,.legend)>li{padding:.25rem 0 .25rem .8rem;border-left:4px solid var(--soft)}
main>ul.win:not(.plain)>li{border-color:var(--win)}
main>ul.loss:not(.plain)>li{border-color:var(--loss)}
main>ul.doubt:not(.plain)>li{border-color:var(--note)}
.sign{display:inline-block;font-size:.78rem;font-weight:600;text-transform:uppercase;letter-spacing:.03em;color:var(--soft);
 margin-right:.25rem}
.win .sign{color:var(--win)}
.loss .sign{color:var(--loss)}
.doubt .sign{color:var(--note)}
.scrolled{overflow-x:auto;margin:1rem 0;max-width:100%}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;line-height:1.35}
caption{text-align:left;color:var(--soft);padding:.2rem 0 .4rem;font-size:.9rem}
th,td{padding:.34rem .7rem;border-bottom:1px solid var(--grid);text-align:right;vertical-align:top}
td{white-space:nowrap}
th{font-weight:600}
thead th{border-bottom:2px solid var(--rule);vertical-align:bottom}
th:first-child{text-align:left;padding-left:0;min-width:8rem}
.words th,.words td{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:6.5rem}
pre{background:var(--raised);padding:.8rem 1rem;border-radius:.5rem;overflow-x:auto;font-size:.84rem;line-height:1.5}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
main>ul.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.3rem;margin:1.4rem 0 .6rem;max-width:none}
main>ul.legend li{display:flex;align-items:center;gap:.45rem;margin:0;padding:0;border:0;font-size:.92rem}
.legend svg{flex:none}
.charts{display:grid;
 grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.1rem;align-items:start;margin:0 0 1.5rem}
figure{margin:0;padding:.9rem 1rem 1rem;border:1px solid var(--rule);border-radius:.6rem;min-width:0;max-width:46rem}
figure p{font-size:.86rem;color:var(--soft);margin:.5rem 0 0;line-height:1.4}
figure>svg{display:block;width:100%;height:auto;margin-top:.5rem}
figcaption{font-size:.98rem}
details{margin-top:.6rem;font-size:.9rem}
summary{cursor:pointer;color:var(--link)}
svg text{font-family:inherit;font-size:11.5px;fill:var(--ink)}
svg .tick{fill:var(--soft);font-variant-numeric:tabular-nums}
svg .name,svg .side{fill:var(--soft)}
svg .lane-heading{font-weight:600}
.grid{stroke:var(--grid);stroke-width:1}
.axis{stroke:var(--soft);stroke-width:1}
.one,.mean{stroke:var(--ink);stroke-width:1.2}
.mean{stroke-dasharray:3 2}
.better{fill:var(--shade)}
.lane{fill:var(--raised)}
.line{fill:none;stroke:var(--arm);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.band{fill:var(--arm);fill-opacity:.14}
.load{fill:var(--arm);fill-opacity:.4}
.edge{fill:none;stroke:var(--arm);stroke-width:1.2}
.bar{fill:var(--arm);fill-opacity:.75}
.whisker{stroke:var(--arm);stroke-width:1.2;stroke-opacity:.6}
.interval{stroke:var(--arm);stroke-width:1.7}
.mark{fill:var(--arm);stroke:var(--page);stroke-width:1}
.hollow{fill:var(--page);stroke:var(--arm);stroke-width:1.7}
@media print{
 body{max-width:none;padding:0;font-size:10pt}
 nav,details{display:none}
 figure,tr,li,pre{break-inside:avoid}
 h2,h3,h4{break-after:avoid}
 .scrolled{overflow:visible}
 table{font-size:7pt}
 th,td{padding:2px 4px;overflow-wrap:anywhere}
 td,thead th{white-space:normal}
 pre{white-space:pre-wrap}
 .charts{grid-template-columns:1fr 1fr}
}
"""
