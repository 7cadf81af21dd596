/**
 * The style of index pages: one inline style sheet, light and dark, wide and narrow.
 *
 * @module
 */

/** The colours, light and dark. */
export const COLORS = `
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2128;--dim:#59636e;--line:#d8dee4;--row:#f3f5f7;
--link:#0a5bc4;--accent:#0a5bc4;--bad:#b42318;--warn:#8a5a00}
@media(prefers-color-scheme:dark){:root{--bg:#12151a;--fg:#e4e8ee;--dim:#98a3b1;--line:#2c333d;
--row:#1a1f27;--link:#7ab3ff;--accent:#7ab3ff;--bad:#ff8b80;--warn:#e8b84a}}`;

/** The style sheet. */
export const STYLE = `${COLORS}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1.25rem 1.5rem 3rem;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
nav{color:var(--dim);font-size:.9rem}
nav i{font-style:normal;padding:0 .4em;opacity:.6}
h1{font-size:1.5rem;line-height:1.25;margin:.35rem 0 .2rem;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:1.9rem 0 .35rem}
.sum{color:var(--dim);margin:0 0 1rem}
.tools{display:flex;gap:.75rem;align-items:center;margin:1rem 0 .5rem}
.tools[hidden]{display:none}
input{flex:1;max-width:26rem;min-width:0;padding:.45rem .7rem;font:inherit;color:inherit;
background:var(--bg);border:1px solid var(--line);border-radius:6px}
input::placeholder{color:var(--dim);opacity:1}
output{color:var(--dim);font-size:.9rem;white-space:nowrap}
output:empty{display:none}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th,th.n,th.h{text-align:left;font-weight:600;font-size:.85rem;color:var(--dim);
border-bottom:1px solid var(--line);padding:.3rem .6rem;white-space:nowrap}
th button{all:unset}
.js th button{cursor:pointer}
.js th button:hover{text-decoration:underline}
.js th button::after{content:" \\2195";opacity:.55}
th button:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
.js th[aria-sort] button::after{content:" \\2191";opacity:1}
.js th[aria-sort=descending] button::after{content:" \\2193"}
td{padding:.32rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
td:first-child,th:first-child{padding-left:.3rem}
td:last-child,th:last-child{padding-right:.3rem}
.h{min-width:7.6rem}
.t{min-width:8.6rem}
td:first-child{overflow-wrap:anywhere;width:100%}
tbody tr:hover{background:var(--row)}
.n,.t,.h{white-space:nowrap;color:var(--dim);font-size:.9rem}
.n,th.n{text-align:right}
.n{min-width:5.2rem}
.d td:first-child{font-weight:600}
.d small{font-weight:400;color:var(--dim);white-space:nowrap;font-size:.85rem}
code,pre{font:.85rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{background:var(--row);border-radius:6px;padding:.6rem .8rem;margin:.4rem 0;white-space:pre-wrap;overflow-wrap:anywhere}
.h code{display:inline-block;max-width:13ch;overflow:hidden;text-overflow:ellipsis;vertical-align:bottom;
user-select:all}
.h code+a{margin-left:.6em}
.js .h code{cursor:pointer}
.banner{border:1px solid var(--line);border-left:4px solid var(--dim);border-radius:6px;
padding:.5rem .8rem;margin:.5rem 0}
.banner.bad{border-left-color:var(--bad)}
.banner.bad strong{color:var(--bad)}
.banner.warn{border-left-color:var(--warn)}
.banner.warn strong{color:var(--warn)}
.banner ul{margin:.2rem 0 0;padding-left:1.2rem}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.8rem 0}
.facts dt{color:var(--dim)}
.facts dd{margin:0;overflow-wrap:anywhere}
.copy{display:flex;gap:.5rem;align-items:flex-start}
.copy pre{flex:1;min-width:0;margin:.4rem 0 0}
.copy button{font:inherit;font-size:.85rem;color:inherit;background:var(--bg);border:1px solid var(--line);
border-radius:6px;padding:.4rem .7rem;margin-top:.5rem;cursor:pointer}
.note{color:var(--dim);font-size:.85rem;margin:.3rem 0 0}
.none{color:var(--dim);padding:1.5rem .3rem}
footer{margin-top:2rem;color:var(--dim);font-size:.85rem}
@media(max-width:44rem){
body{padding:.9rem .9rem 2rem}
table,thead,tbody{display:block}
th,th.n,th:first-child{border:0;padding:.2rem 0;text-align:left;min-width:0}
th.h{display:none}
tr{display:flex;flex-wrap:wrap;gap:0 .9rem;padding:.5rem .2rem;border-bottom:1px solid var(--line)}
tr[hidden]{display:none}
td{border:0;padding:0}
td:first-child{flex:0 0 100%;padding:0}
td:empty{display:none}
.h code{max-width:none;display:inline;white-space:normal;overflow-wrap:anywhere}
.facts{grid-template-columns:1fr;gap:0}
.facts dd{margin-bottom:.35rem}
.copy{flex-wrap:wrap}
.copy pre{flex:1 0 100%}
thead tr{padding:.2rem}
.n{text-align:left}
.n,.t,.h{min-width:0}
input{max-width:none}
}
@media print{.tools,footer{display:none}}
`;
