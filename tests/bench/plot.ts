/**
 * docs/performance.svg: the speed of transfers by number and size of files, in two panels.
 *
 * @module
 */

import type { Section } from "./page.ts";
import type { Row } from "./report.ts";

/** The tools in the plot, each with its colour on white and on black, and its dashes. */
const TOOLS = [
  { tool: "run-outputs", light: "#c2185b", dark: "#ff6fa8", dash: "" },
  { tool: "aws", light: "#b26a00", dark: "#ffb74d", dash: "7 3" },
  { tool: "rclone", light: "#1565c0", dark: "#64b5f6", dash: "2 3" },
  { tool: "curl", light: "#2e7d32", dark: "#81c784", dash: "9 3 2 3" },
] as const;

const [WIDTH, HEIGHT, LEFT, TOP, PANEL, TALL] = [920, 420, 70, 76, 380, 250];

/**
 * Renders the plot.
 *
 * @param sections The results; those of `transfer` are drawn.
 * @returns An SVG image, readable on light and dark pages.
 */
export function renderPlot(sections: readonly Section[]): string {
  const rows = sections.find(({ benchmark }) => benchmark === "transfer")?.rows ?? [];
  const drawn = rows.filter(({ tool, value, transfer }) =>
    value !== undefined && transfer !== undefined && TOOLS.some((one) => one.tool === tool)
  );
  const sets = [...new Map(drawn.map(({ transfer }) => [setOf(transfer!), transfer!])).values()]
    .sort((a, b) => a.size - b.size || a.files - b.files);
  const exponents = drawn.map((row) => Math.log10(speedOf(row)));
  const [low, high] = [Math.floor(Math.min(...exponents)), Math.ceil(Math.max(...exponents))];
  const y = (speed: number) =>
    round(TOP + TALL - (Math.log10(speed) - low) / Math.max(1, high - low) * TALL);
  const x = (i: number) => round(PANEL * (i + 0.5) / sets.length);

  const panels = drawn.length === 0 ? [] : (["up", "down"] as const).map((way, panel) => {
    const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
      .flatMap((ten) => [1, 2, 5].map((n) => n * ten)).filter((n) => n <= 10 ** high);
    const lines = TOOLS.map(({ tool }, n) => {
      const points = sets.flatMap((set, i) => {
        const row = drawn.find((row) =>
          row.tool === tool && row.transfer!.way === way && setOf(row.transfer!) === setOf(set)
        );
        return row === undefined ? [] : [[x(i), y(speedOf(row))]];
      });
      const dots = points.map(([x, y]) =>
        `<circle class="t${n} dot" cx="${x}" cy="${y}" r="3.5"/>`
      );
      return `<polyline class="t${n}" points="${points.join(" ")}"/>${dots.join("")}`;
    });
    return [
      `<g transform="translate(${LEFT + panel * (PANEL + 60)} 0)">`,
      `<text class="head" x="${PANEL / 2}" y="${TOP - 12}">${
        way === "up" ? "Upload" : "Download"
      }</text>`,
      ...ticks.map((n) =>
        `<path class="grid" d="M0 ${y(n)}H${PANEL}"/>` +
        `<text class="tick" x="-6" y="${y(n) + 4}">${n.toLocaleString("en-US")}</text>`
      ),
      ...sets.map(({ files, size }, i) =>
        `<text x="${x(i)}" y="${TOP + TALL + 18}">${files.toLocaleString("en-US")} ×` +
        `<tspan x="${x(i)}" dy="15">${sizeText(size)}</tspan></text>`
      ),
      `<path class="axis" d="M0 ${TOP}V${TOP + TALL}H${PANEL}"/>`,
      ...lines,
      `<text x="${PANEL / 2}" y="${TOP + TALL + 58}">number × size of files</text>`,
      "</g>",
    ].join("\n");
  });
  const legend = TOOLS.map(({ tool }, n) =>
    `<g transform="translate(${LEFT + n * 150} 26)"><path class="t${n}" d="M0 0H34"/>` +
    `<circle class="t${n} dot" cx="17" cy="0" r="3.5"/>` +
    `<text class="legend" x="42" y="4">${tool}</text></g>`
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">
<title>Speed of uploads and downloads by number and size of files</title>
<style>${style()}</style>
<rect class="page" width="${WIDTH}" height="${HEIGHT}"/>
${legend.join("\n")}
<text transform="translate(18 ${TOP + TALL / 2}) rotate(-90)">MB/s (logarithmic)</text>
${
    panels.length === 0
      ? `<text x="${WIDTH / 2}" y="200">not measured yet</text>`
      : panels.join("\n")
  }
</svg>
`;
}

function style(): string {
  const colours = (theme: "light" | "dark") =>
    TOOLS.map((tool, n) => `.t${n}{stroke:${tool[theme]}}.t${n}.dot{fill:${tool[theme]}}`).join("");
  const dashes = TOOLS.map(({ dash }, n) => `.t${n}:not(.dot){stroke-dasharray:${dash || "none"}}`);
  return "text{font:13px sans-serif;fill:#24292f;text-anchor:middle}.legend{text-anchor:start}" +
    ".tick{text-anchor:end;font-size:12px}.head{font-weight:bold;font-size:15px}" +
    "polyline,path{fill:none;stroke-width:2}.page{fill:#fff}" +
    ".grid{stroke:#d0d7de;stroke-width:1}.axis{stroke:#57606a;stroke-width:1}" +
    dashes.join("") + colours("light") +
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117}" +
    `.grid{stroke:#30363d}.axis{stroke:#8b949e}${colours("dark")}}`;
}

const setOf = ({ files, size }: { files: number; size: number }) => `${files} ${size}`;
const speedOf = ({ value, transfer }: Row) => transfer!.files * transfer!.size / value! / 1e6;
const round = (n: number) => Math.round(n * 10) / 10;

function sizeText(bytes: number): string {
  const power = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  return `${bytes / 1024 ** power} ${["B", "KiB", "MiB", "GiB"][power]}`;
}
