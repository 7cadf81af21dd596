/**
 * The style sheet of the pages: light and dark, wide and narrow.
 *
 * @module
 */

import { paletteColor } from "../../operations/logs/ansi.ts";
import { COLORS } from "../../operations/index_pages/style.ts";

/** The terminal's own sixteen colours, readable on the page. */
const LIGHT =
  "#24292f #c0181f #116329 #7d4e00 #0a5bc4 #8250df #0f6674 #59636e #57606a #a40e26 #1a7f37 #633c01 #218bff #a475f9 #3192aa #6e7781"
    .split(" ");
const DARK =
  "#8b949e #ff7b72 #3fb950 #d29922 #58a6ff #bc8cff #39c5cf #c9d1d9 #9aa4af #ffa198 #56d364 #e3b341 #79c0ff #d2a8ff #56d4dd #ffffff"
    .split(" ");

const variables = (colors: readonly string[]) =>
  colors.map((color, i) => `--a${i}:${color}`).join(";");

const palette = Array.from({ length: 256 }, (_, i) => {
  const color = i < 16 ? `var(--a${i})` : paletteColor(i);
  return `.ansi-fg-${i}{--f:${color}}.ansi-bg-${i}{--b:${color}}`;
}).join("\n");

/** The style sheet. */
export const STYLE: string = `${COLORS}
:root{--good:#116329;--bad:#b3151c;--warn:#7d4e00;--soft-good:#dafbe1;--soft-bad:#ffebe9;
--soft-warn:#fff3c4;--hit:#fff0b8;--low:0;--high:.5;${variables(LIGHT)}}
@media(prefers-color-scheme:dark){:root{--good:#56d364;--bad:#ff938a;--warn:#e3b341;
--soft-good:#0f2a17;--soft-bad:#3a1416;--soft-warn:#322709;--hit:#423409;--low:.68;--high:1;${
  variables(DARK)
}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:84rem;padding:1rem 1.5rem 3rem;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
dd a,p a,li a{text-decoration:underline;text-decoration-color:var(--line);text-underline-offset:.2em}
a.button,a.chip{text-decoration:none}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
.skip{position:absolute;left:-99rem}
.skip:focus{left:.5rem;top:.5rem;z-index:3;padding:.4rem .7rem;background:var(--bg)}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
header{position:relative}
nav{color:var(--dim);font-size:.9rem}
header nav{padding-right:5rem;overflow-wrap:anywhere}
nav i{font-style:normal;padding:0 .4em;opacity:.6}
.head{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;align-items:baseline;justify-content:space-between;
padding-right:5rem}
.keys{position:absolute;top:0;right:0;font-size:.8rem;color:var(--dim)}
h1{font-size:1.45rem;line-height:1.25;margin:.3rem 0;overflow-wrap:anywhere;min-width:0}
h2{font-size:1.08rem;margin:1.7rem 0 .5rem;overflow-wrap:anywhere}
h3{font-size:.9rem;font-weight:600;color:var(--dim);margin:.8rem 0 .2rem}
.sum{color:var(--dim);margin:.2rem 0;overflow-wrap:anywhere}
.none{color:var(--dim);padding:1.2rem .3rem}
button,.button,input,select{font:inherit;font-size:.92rem;color:inherit;background:var(--bg);
border:1px solid var(--line);border-radius:6px;padding:.3rem .7rem;min-height:2.1rem}
button,.button{cursor:pointer;color:var(--fg);display:inline-block;background:var(--row);white-space:nowrap;line-height:1.45}
button:hover,.button:hover{border-color:var(--dim);text-decoration:none}
button[aria-pressed=true]{border-color:var(--accent);box-shadow:inset 0 0 0 1px var(--accent)}
input,select{border-color:var(--dim)}
input::placeholder{color:var(--dim);opacity:1}
input[type=search],input[type=password]{flex:1;min-width:8rem}
input[type=checkbox]{min-height:0}
:root:not(.has-script) .js,[hidden]{display:none!important}
.search{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:.5rem 0}
.check{display:inline-flex;gap:.35rem;align-items:center;font-size:.9rem;white-space:nowrap}
.filters{margin:.8rem 0 1rem}
.filters details{margin-top:.5rem}
summary{cursor:pointer;color:var(--link);width:max-content;max-width:100%}
.fields{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:.6rem 1rem;padding:.6rem 0}
.fields label{font-size:.85rem;color:var(--dim)}
.fields input,.fields select{display:block;width:100%;color:var(--fg)}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600;font-size:.85rem;color:var(--dim);border-bottom:1px solid var(--line);
padding:.3rem .6rem;white-space:nowrap}
.sorts{all:unset;cursor:pointer}
.sorts:hover{text-decoration:underline}
.sorts::after{content:" \\2195";opacity:.55}
code.hash{display:inline-block;max-width:13ch;overflow:hidden;text-overflow:ellipsis;vertical-align:bottom;
user-select:all}
.sorts:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
th[aria-sort] .sorts::after{content:" \\2191";opacity:1}
th[aria-sort=descending] .sorts::after{content:" \\2193"}
td{padding:.38rem .6rem;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
.main{width:34%;min-width:12rem}
.main a{font-weight:600}
.files .main{width:60%}
small,.n,.t,.h{color:var(--dim);font-size:.88rem}
.n,.t,.h{white-space:nowrap;overflow-wrap:normal}
.kinds{max-width:52rem}
.kinds .main{width:auto}
.share{width:50%}
.bar{display:block;fill:var(--accent);margin-top:.4rem}
tbody tr:hover,.current,.links li.current{background:var(--row)}
.current>td:first-child,li.current{box-shadow:inset 3px 0 var(--accent)}
.badge,.chip{display:inline-block;border-radius:1rem;padding:.02rem .55rem;font-size:.82rem;
border:1px solid var(--line);max-width:100%}
.badge{white-space:nowrap;font-weight:600}
.badge.good{color:var(--good);background:var(--soft-good);border-color:transparent}
.badge.bad{color:var(--bad);background:var(--soft-bad);border-color:transparent}
.badge.warn{color:var(--warn);background:var(--soft-warn);border-color:transparent}
.badge.plain{color:var(--dim)}
.chip{margin:.06rem 0;background:var(--row);color:var(--fg);max-width:min(100%,15rem);overflow:hidden;
white-space:nowrap;text-overflow:ellipsis;vertical-align:bottom}
.banner{border:1px solid var(--line);border-left-width:4px;border-radius:6px;padding:.55rem .9rem;margin:.7rem 0;
overflow-wrap:anywhere}
.banner.bad{border-color:var(--bad);background:var(--soft-bad)}
.banner.warn{border-color:var(--warn);background:var(--soft-warn)}
.banner ul{margin:.2rem 0 0;padding-left:1.2rem}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.25rem 1.2rem;margin:.8rem 0}
dt{color:var(--dim)}
dd{margin:0;overflow-wrap:anywhere}
.facts dd{max-height:7.5em;overflow:auto}
.links,.matches{list-style:none;margin:.3rem 0;padding:0}
.links li{padding:.2rem .4rem;overflow-wrap:anywhere}
.mark{display:inline-block;width:1.2rem;font-weight:700}
.mark.good{color:var(--good)}.mark.bad{color:var(--bad)}.mark.warn{color:var(--warn)}
code,pre,.log,.matches{font:.82rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.copy{position:relative}
.copy button{position:absolute;right:.35rem;bottom:.35rem}
pre{background:var(--row);border-radius:6px;padding:.65rem 5.4rem .65rem .8rem;margin:.2rem 0;white-space:pre-wrap;
overflow-wrap:anywhere;min-height:2.8rem}
.pages{display:flex;flex-wrap:wrap;gap:.6rem;align-items:center;margin:1rem 0}
.pages:empty{display:none}
.login{display:flex;flex-wrap:wrap;gap:.7rem;align-items:end;max-width:34rem}
.login label{flex:1;display:grid;gap:.3rem}
dialog{color:inherit;background:var(--bg);border:1px solid var(--line);border-radius:10px;padding:1rem 1.4rem;
max-width:min(32rem,94vw)}
dialog::backdrop{background:#0008}
dialog h2{margin-top:0}
dialog dl{display:grid;grid-template-columns:max-content 1fr;gap:.4rem 1rem}
kbd{border:1px solid var(--line);border-bottom-width:2px;border-radius:4px;padding:0 .4em;
font:.85em ui-monospace,Menlo,Consolas,monospace}
.matches li{border-bottom:1px solid var(--line)}
.matches a{display:flex;gap:1rem;padding:.2rem .4rem;color:var(--fg);text-decoration:none}
.matches a:hover{background:var(--row)}
.matches .ln{flex:none;min-width:5ch;text-align:right;color:var(--dim)}
.matches code{font-size:inherit;overflow-wrap:anywhere;white-space:pre-wrap}
mark{background:var(--hit);color:inherit;box-shadow:0 0 0 1px var(--warn);border-radius:2px}
.fills main{min-width:0}
.fills h1{font-size:1.1rem}
.bar.tools{display:flex;flex-wrap:wrap;gap:.4rem .8rem;align-items:center;margin:.4rem 0}
.tools .search{flex:1 1 22rem;margin:0}
.group{display:inline-flex;gap:.3rem}
.note{margin:.1rem 0;color:var(--dim);font-size:.88rem;min-height:1.3rem;overflow-wrap:anywhere}
.report{flex:1;display:block;width:100%;height:80vh;border:1px solid var(--line);border-radius:6px;background:#fff}
.log:focus-visible{outline-width:1px;outline-offset:0}
.log{border:1px solid var(--line);border-radius:6px;overflow:auto;overflow-anchor:none;position:relative}
#rows{min-width:max-content}
.row{display:flex;white-space:pre;tab-size:8}
.row:hover{background:var(--row)}
.row:target,.row.selected,.row:has(.ln:target){background:var(--hit)}
.row.selected .ln,.row.hit .ln,.row:target .ln{background:var(--hit)}
.row.hit{background:var(--hit);box-shadow:inset 3px 0 var(--accent)}
.row .ln{flex:none;min-width:9ch;padding:0 1.2ch 0 .6ch;text-align:right;color:var(--dim);user-select:none;
position:sticky;left:0;background:var(--bg)}
.ln::before{content:attr(data-n)}
.tx{padding-right:1rem}
.ts{display:none;color:var(--dim)}
.timed .ts{display:inline}
.wrapped #rows{min-width:0}
.wrapped .row{white-space:pre-wrap}
.wrapped .tx,.tx{min-width:0}
.wrapped .tx{overflow-wrap:anywhere}
.row[data-marker=group],.row[data-marker=section]{font-weight:700}
.row[data-marker=error] .tx{color:var(--bad);font-weight:700}
.row[data-marker=warning] .tx{color:var(--warn);font-weight:700}
.row[data-marker=notice] .tx,.row[data-marker=command] .tx{color:var(--link)}
.row[data-marker=debug] .tx,.row[data-marker=endgroup] .tx{color:var(--dim)}
.fold{all:unset;cursor:pointer;width:2ch;color:var(--dim)}
.fold:focus-visible{outline:2px solid var(--accent)}
.fold::before{content:"\\25be"}
.fold[aria-expanded=false]::before{content:"\\25b8"}
.more{display:inline}
.more summary{display:inline-block}
.more[open]{white-space:pre-wrap}
[class*=ansi-fg-]{color:var(--f);color:oklch(from var(--f) clamp(var(--low),l,var(--high)) c h)}
[class*=ansi-bg-]{background:var(--b);color:var(--f,var(--fg))}
.ansi-bold{font-weight:700}
.ansi-dim{color:var(--dim)}
.ansi-italic{font-style:italic}
.ansi-underline{text-decoration:underline}
.ansi-strike{text-decoration:line-through}
.ansi-underline.ansi-strike{text-decoration:underline line-through}
.ansi-inverse{color:var(--bg);background:var(--f,var(--fg))}
.has-script body.fills{height:100vh;height:100dvh;max-width:none;display:flex;flex-direction:column;padding:.6rem 1rem}
.has-script .fills main{flex:1;min-height:0;display:flex;flex-direction:column}
.has-script .log{flex:1;min-height:0}
.has-script .report{height:auto}
.has-script .no-script{display:none}
@media(max-width:46rem){
body{padding:.8rem .9rem 2rem}
.head{padding-right:0}
h1{font-size:1.25rem}
.list,.list thead,.list tbody{display:block}
.list thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.list tr{display:flex;flex-wrap:wrap;gap:.1rem .8rem;align-items:baseline;padding:.55rem .3rem;
border-bottom:1px solid var(--line)}
.list td{border:0;padding:0}
.list td:empty{display:none}
.list .main{order:-1;flex:0 0 100%;min-width:0}
.share{flex:0 0 100%}
.bar{margin:.15rem 0}
.current>td:first-child{box-shadow:none}
.list tr.current{box-shadow:inset 3px 0 var(--accent)}
.facts{grid-template-columns:minmax(0,1fr);gap:0}
.facts dd{margin-bottom:.4rem}
.keys,.has-script .tools .search button:not(.js,[formaction]){display:none}
header nav{padding:0}
.has-script body.fills{padding:.5rem}
.row .ln{min-width:6ch}
.fills header nav{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
pre{padding-bottom:3rem;padding-right:.8rem}
}
@media print{.tools,.filters,.keys,.copy button{display:none}}
${palette}
`;
