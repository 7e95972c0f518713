"""Style and script of report pages; nothing in them comes from outside.

Colours of series are Okabe and Ito's (2008), lightened for dark pages; dashes
and markers tell series apart without colour. On paper the page is light, and
what is folded is shown.
"""

from __future__ import annotations

from nat_tf import inline_drawing

_LIGHT = {
  'paper': '#ffffff',
  'text': '#1a1f24',
  'soft': '#4d5761',
  'rule': '#d4dae0',
  'panel': '#f4f6f8',
  'link': '#0b5cad',
  'focus': '#d55e00',
  'grid': '#e3e7eb',
  'grey': '#7a838c',
  'series0': '#0a5a94',
  'series1': '#c24f00',
  'series2': '#00795a',
  'series3': '#a3437c',
  'series4': '#6a4fb3',
  'series5': '#8a6500',
}
_DARK = {
  'paper': '#14181d',
  'text': '#e8ebee',
  'soft': '#a9b3bd',
  'rule': '#39424c',
  'panel': '#1d232a',
  'link': '#7cbcf5',
  'focus': '#ff9f5a',
  'grid': '#2b323a',
  'grey': '#8d97a1',
  'series0': '#63b3f0',
  'series1': '#ff9450',
  'series2': '#3ecfa4',
  'series3': '#e994c4',
  'series4': '#b6a3f2',
  'series5': '#e6be4d',
}
_DASHES = ('none', '7 3', '2 3', '9 3 2 3', '4 2', '1 2')


def colors(dark: bool) -> dict[str, str]:
  """Returns the page's colours by the names of its custom properties."""
  return {**(_DARK if dark else _LIGHT), **inline_drawing.colors(dark)}


def _properties(dark: bool) -> str:
  pairs = colors(dark).items()
  return ''.join(f'--{name}:{value};' for name, value in pairs)


def _looks() -> str:
  rules = []
  for number, dashes in enumerate(_DASHES):
    color = f'var(--series{number})'
    rules.append(f'.look{number}{{--own:{color};--dashes:{dashes}}}')
  return '\n'.join(rules)


STYLE = (
  f"""
:root{{color-scheme:light dark;{_properties(False)}}}
@media (prefers-color-scheme:dark){{:root{{{_properties(True)}}}}}
@media print{{:root{{color-scheme:light;{_properties(False)}}}}}
{_looks()}
"""
  + """
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--text);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",
sans-serif}
main{max-width:1080px;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.8rem;line-height:1.2;margin:.1rem 0 .6rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.6rem 0 .8rem;padding-top:.8rem;
border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:1.4rem 0 .4rem}
p{margin:.4rem 0 .8rem;max-width:46rem}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px}
.kind,.note,figcaption,.legend,footer{color:var(--soft);font-size:.9rem}
.kind{margin:0}
.note{margin:.2rem 0}
.lead{font-size:1.1rem}
.tiles{display:flex;flex-wrap:wrap;gap:.75rem;list-style:none;padding:0;
margin:1rem 0}
.tiles li{background:var(--panel);border:1px solid var(--rule);
border-radius:8px;padding:.6rem 1rem;min-width:9rem;flex:0 1 auto}
.tiles strong{display:block;font-size:1.5rem;line-height:1.3;
font-variant-numeric:tabular-nums}
.tiles span{color:var(--soft);font-size:.9rem}
.scroll{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;
font-size:.95rem}
th,td{padding:.35rem .9rem .35rem 0;text-align:right;vertical-align:top;
border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child{text-align:left}
thead th{color:var(--soft);font-weight:600}
tbody th{font-weight:500}
.texts td,.texts th{text-align:left}
.texts td{white-space:normal;overflow-wrap:anywhere}
.texts td:nth-child(2){min-width:min(12rem,30vw)}
.texts td:last-child{color:var(--soft);font-size:.9rem}
pre{background:var(--panel);border:1px solid var(--rule);border-radius:8px;
padding:.8rem 1rem;overflow-x:auto;white-space:pre-wrap;
overflow-wrap:anywhere;font-size:.9rem}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",
monospace}
figure{margin:0 0 1.2rem;min-width:0}
figcaption{margin-bottom:.3rem}
figcaption strong{color:var(--text);font-weight:600}
.charts{display:grid;gap:1.2rem 2rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr))}
.charts figure{max-width:40rem}
.chart{position:relative}
.chart svg{display:block;width:100%;height:auto;touch-action:pan-y;
border-radius:4px}
.chart text{font-size:12px;fill:var(--soft);paint-order:stroke;
stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.grid{stroke:var(--grid);fill:none}
.level{stroke:var(--grey);stroke-dasharray:6 4;fill:none}
.cross{stroke:var(--grey);fill:none;stroke-width:1}
.look{--own:var(--grey);--dashes:none}
.line{stroke:var(--own);stroke-dasharray:var(--dashes);fill:none;
stroke-width:2;stroke-linejoin:round}
.dot{fill:var(--own)}
.bar{stroke:var(--own);fill:none;stroke-width:1.5}
.band{fill:var(--own);opacity:.18}
.line.faint{stroke-width:1;stroke-dasharray:none;opacity:.5}
.dot.faint{opacity:.45}
.tip{position:absolute;top:0;left:0;pointer-events:none;z-index:1;
white-space:pre;background:var(--paper);color:var(--text);
border:1px solid var(--grey);border-radius:6px;padding:.3rem .6rem;
font-size:.85rem;line-height:1.35;font-variant-numeric:tabular-nums;
box-shadow:0 2px 8px rgb(0 0 0 / .25)}
.tip[hidden]{display:none}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;
padding:0;margin:.3rem 0 .4rem}
.legend svg{width:28px;height:12px;vertical-align:-1px}
details{margin:.3rem 0}
summary{cursor:pointer;color:var(--soft);font-size:.9rem}
.wide{overflow-x:auto}
.drawing{display:block;width:100%;min-width:44rem;height:auto;
fill:var(--text);stroke-linejoin:round;stroke-linecap:butt}
.tap{display:none}
.files{padding-left:1.2rem}
.files span{color:var(--soft)}
footer{margin-top:3rem}
@media (max-width:32rem){main{padding:1.2rem .9rem 3rem}
h1{font-size:1.45rem}.tiles li{flex:1 1 40%}.tiles strong{font-size:1.2rem}
th,td{padding-right:.5rem;font-size:.8rem}thead th{white-space:normal}
.wide:not(.large) .drawing{min-width:0}.tap{display:inline}}
@media print{body{font-size:10pt;line-height:1.4}main{max-width:none;padding:0}
h2{margin-top:1.4rem}
a{color:inherit}.drawing{min-width:0}.wide,.scroll{overflow:visible}
h2,h3,figcaption,summary,thead,tr:nth-child(-n+3){break-after:avoid}
figure,.tiles,tr,pre,.files{break-inside:avoid}.tap{display:none}
footer{margin-top:.6rem;break-before:avoid}
.charts{grid-template-columns:1fr 1fr}.charts details{display:none}
.tip,.cross{display:none}}
"""
)

SCRIPT = """
'use strict';
for (const chart of document.querySelectorAll('.chart')) {
  const svg = chart.querySelector('svg');
  const tip = chart.querySelector('.tip');
  const cross = chart.querySelector('.cross');
  const stops = JSON.parse(chart.dataset.stops);
  const shared = chart.dataset.shared === 'true';
  const [width, height] = chart.dataset.size.split(' ').map(Number);
  let at = -1;
  const show = (index) => {
    at = Math.max(0, Math.min(stops.length - 1, index));
    const [x, heights, text] = stops[at];
    let way = shared ? `M${x},12V${height - 42}` : '';
    for (const y of heights) {
      way += `M${x - 6},${y}a6,6 0 1,0 12,0a6,6 0 1,0 -12,0z`;
    }
    cross.setAttribute('d', way);
    tip.textContent = text;
    tip.hidden = false;
    const scale = chart.clientWidth / width;
    const right = x * scale + 14;
    const over = right + tip.offsetWidth > chart.clientWidth;
    const left = over ? x * scale - 14 - tip.offsetWidth : right;
    tip.style.left = `${Math.max(0, left)}px`;
    const top = Math.min(...heights) * scale - tip.offsetHeight / 2;
    const most = svg.clientHeight - tip.offsetHeight;
    tip.style.top = `${Math.max(0, Math.min(most, top))}px`;
  };
  const hide = () => {
    tip.hidden = true;
    cross.removeAttribute('d');
  };
  const nearest = (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * width;
    const y = (event.clientY - box.top) / box.height * height;
    let best = 0;
    let least = Infinity;
    stops.forEach(([sx, [sy]], i) => {
      const far = (sx - x) ** 2 + (shared ? 0 : (sy - y) ** 2);
      if (far < least) {
        least = far;
        best = i;
      }
    });
    show(best);
  };
  svg.addEventListener('pointermove', nearest);
  svg.addEventListener('pointerdown', nearest);
  svg.addEventListener('pointerleave', hide);
  svg.addEventListener('focus', () => {
    if (svg.matches(':focus-visible')) show(Math.max(at, 0));
  });
  svg.addEventListener('blur', hide);
  svg.addEventListener('keydown', (event) => {
    const steps = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: stops.length - 1,
    };
    if (event.key === 'Escape') {
      hide();
    } else if (event.key in steps) {
      show(steps[event.key]);
      event.preventDefault();
    }
  });
}
for (const wide of document.querySelectorAll('.wide')) {
  wide.addEventListener('click', () => wide.classList.toggle('large'));
}
const unfold = (open) => {
  for (const one of document.querySelectorAll('section > details')) {
    one.open = open;
  }
};
addEventListener('beforeprint', () => unfold(true));
addEventListener('afterprint', () => unfold(false));
"""
