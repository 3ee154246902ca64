/**
 * The page's style sheet. Colors are variables, so that light and dark are one table each; node-0 to node-7 are the lab's nodes.
 */
const LIGHT = {
  ground: "#fdfdfb",
  panel: "#ffffff",
  ink: "#1b1f24",
  quiet: "#5a6270",
  rule: "#dcdfe4",
  alarm: "#b3261e",
  hatch: "#f3c6c2",
  band: "#e9ecf1",
  "on-cell": "#ffffff",
  "node-0": "#1f5fa8",
  "node-1": "#96500a",
  "node-2": "#1b7447",
  "node-3": "#7a3e9d",
  "node-4": "#746000",
  "node-5": "#006b77",
  "node-6": "#a8325e",
  "node-7": "#555f6b",
};

const DARK: typeof LIGHT = {
  ground: "#15181c",
  panel: "#1b1f24",
  ink: "#e8eaed",
  quiet: "#a3abb8",
  rule: "#343a43",
  alarm: "#ff938a",
  hatch: "#5a2b29",
  band: "#2b313a",
  "on-cell": "#111418",
  "node-0": "#86b4ee",
  "node-1": "#ecac6e",
  "node-2": "#7ccda0",
  "node-3": "#cba2e6",
  "node-4": "#d8c65a",
  "node-5": "#6cc8d4",
  "node-6": "#f09ab6",
  "node-7": "#b3bcc7",
};

export type ColorName = keyof typeof LIGHT;

/** A color as charts name it: which one it is, light or dark, is found out where the page is looked at. */
export const paint = (name: ColorName): string => `var(--${name})`;

export const NODE_COLORS = 8;
export const nodePaint = (index: number): string => paint(`node-${index % NODE_COLORS}` as ColorName);

const variables = (colors: typeof LIGHT): string =>
  `:root{${Object.entries(colors)
    .map(([name, value]) => `--${name}:${value};`)
    .join("")}}`;

const nodes = Array.from({ length: 8 }, (_, index) => `.node-${index}{fill:var(--node-${index})}`).join("\n");

export const STYLE = `${variables(LIGHT)}
@media (prefers-color-scheme:dark){${variables(DARK)}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1160px;margin:0 auto;padding:40px 24px 64px}
h1,h2,h3,p,figure,dl,ul{margin:0}
h1{font-size:clamp(24px,3.4vw,36px);line-height:1.2;letter-spacing:-.015em;font-weight:650;max-width:26em;text-wrap:balance}
h2{font-size:21px;line-height:1.3;font-weight:650;letter-spacing:-.01em;margin-bottom:16px}
h3{font-size:15px;font-weight:600;margin-bottom:12px}
section{margin-top:52px}
.kicker{color:var(--quiet);font-size:14px;margin-bottom:8px}
.lead{color:var(--quiet);font-size:17px;margin-top:12px;max-width:46em}
.verdict{margin-top:20px;font-weight:600}
.verdict.alarm,td.alarm{color:var(--alarm);font-weight:600}
.note,figcaption{color:var(--quiet);font-size:13.5px;line-height:1.5;margin-top:12px;max-width:62em}
.note+.figures{margin-top:16px}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,420px),1fr));gap:20px}
figure{background:var(--panel);border:1px solid var(--rule);border-radius:8px;padding:20px;min-width:0}
svg{display:block;width:100%;height:auto;overflow:visible;font-size:13px}
.patterns{position:absolute;width:0;height:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14.5px}
th,td{text-align:left;padding:8px 14px 8px 0;border-bottom:1px solid var(--rule);white-space:nowrap}
thead th{color:var(--quiet);font-weight:500;font-size:13px;white-space:normal;vertical-align:bottom}
tbody th{font-weight:inherit;white-space:normal;min-width:8em}
.many{font-size:13px}
.many th,.many td{padding-right:9px}
th:last-child,td:last-child{padding-right:0}
.prose{white-space:normal;min-width:11em}
.number{text-align:right}
dl{display:grid;grid-template-columns:minmax(7em,max-content) minmax(0,1fr);gap:6px 24px;font-size:14.5px}
dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere}
.differences{padding-left:1.2em;font-size:14.5px;overflow-wrap:anywhere}
footer{margin-top:52px;padding-top:20px;border-top:1px solid var(--rule);color:var(--quiet);font-size:14.5px}
a{color:var(--node-0)}
text:not([fill]){fill:var(--ink)}
.strong{font-weight:600}
text.quiet{fill:var(--quiet)}
text.alarm{fill:var(--alarm);font-weight:600}
text.on-cell{fill:var(--on-cell);font-weight:600}
${nodes}
.hatch-ground{fill:var(--hatch)}
.hatch-line{fill:var(--alarm)}
.cell{stroke:var(--panel);stroke-width:.6}
.nobody{fill:var(--band)}
.lit{fill:var(--alarm)}
.unlit{fill:var(--band)}
`;
