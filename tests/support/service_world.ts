/**
 * Runs with all that a page of the service can show, among it names that are attacks.
 *
 * @module
 */

import type { StorageBackend } from "../../src/storage/backend.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { formatPin, PIN_SCHEMA } from "../../src/runs/retention/pin.ts";
import { putRun, rootOf, type TestRun } from "./retained.ts";

/** Markup, quotes, a change of direction, what means something in a URL, a long name. */
export const ATTACKS: readonly string[] = [
  "<script>alert(1)</script>.log",
  `a"onmouseover="alert(1)' x='.log`,
  "\u202egol.exe\u2066.log",
  "a?b#c%2e&amp;d=e+f g.log",
  `${"long ".repeat(40)}.log`,
];

const RUN = {
  repository: "ROCm/TheRock",
  commit: "4f2d1c0a".repeat(5),
  branch: "main",
  workflow: "ci.yml",
};

const RUNS: Readonly<Record<string, TestRun>> = {
  "300-linux": {
    parts: {
      "build-gfx94X": [
        "blas_lib_gfx942.tar.zst",
        "blas_lib_gfx942.tar.zst.sha256sum",
        "logs/gfx94X-dcgpu/build.log",
        "logs/gfx94X-dcgpu/report.html",
        ...ATTACKS.map((name) => `logs/gfx94X-dcgpu/${name}`),
      ],
    },
    expected: ["build-gfx94X"],
    run: { ...RUN, run_attempt: 2 },
  },
  "299-linux": {
    parts: {
      "build-gfx94X": ["blas_lib_gfx942.tar.zst", "logs/gfx94X-dcgpu/build.log", "old.txt"],
    },
    run: { ...RUN, run_attempt: 1, commit: "0a1b2c3d".repeat(5) },
  },
  "301-windows": { parts: { a: ["logs/gfx1151/build.log"] }, expected: ["a", "b"], marked: ["b"] },
  "evil-repo~12-linux": {
    parts: { p: ["logs/g/x.log"] },
    run: {
      repository: `evil/"><img src=x onerror=alert(1)>`,
      commit: "<b>no hash</b>",
      branch: `"><script>alert(4)</script>`,
      workflow: `${"w".repeat(4096)}'"><script>alert(2)</script>`,
    },
  },
  "7-linux": { files: ["logs/g/legacy.log", "image.bin"] },
};

/** A log with colours, times, groups, problems and a long line. */
export const LOG: string = [
  "2026-11-20T12:00:00.0000000Z ##[group]Configure",
  ...Array.from({ length: 40 }, (_, i) => `2026-11-20T12:00:01.0000000Z -- Looking for part ${i}`),
  "2026-11-20T12:00:02.0000000Z ##[endgroup]",
  "\x1b[32m[1/3]\x1b[0m Building \x1b[1mblas\x1b[0m <script>alert(3)</script>",
  "\x1b[38;5;208mwarning:\x1b[0m unused variable 'x'",
  `long ${"0123456789".repeat(2000)}`,
  ...Array.from({ length: 600 }, (_, i) => `[${i + 1}/600] Building object ${i + 1}.o`),
  "FAILED: blas.o",
  "\x1b[31mblas.cpp:12:3: error: no member named 'gemm'\x1b[0m",
  "ninja: build stopped: subcommand failed.",
  ...Array.from({ length: 30 }, (_, i) => `cleaning up ${i}`),
  "##[error]Process completed with exit code 1.",
  "",
].join("\n");

/** A report that loads its own data, as many do. */
const REPORT = `<!doctype html><meta charset="utf-8"><title>Report</title>
<h1>Test report</h1><p id="data">loading</p>
<script>document.getElementById("data").textContent = "12 tests passed, origin " + self.origin;</script>
`;

/** Puts the runs into a storage. */
export async function putServiceWorld(backend: StorageBackend): Promise<void> {
  for (const [key, run] of Object.entries(RUNS)) await putRun(backend, key, run);
  const root = rootOf("300-linux");
  await backend.write(root.file("logs/gfx94X-dcgpu/build.log"), bytesSource(LOG));
  await backend.write(root.file("logs/gfx94X-dcgpu/report.html"), bytesSource(REPORT));
  await backend.write(root.file("logs/gfx94X-dcgpu/empty.log"), bytesSource(""));
  const pin = formatPin({
    schema: PIN_SCHEMA,
    name: "release",
    reason: "release 7.1 <candidate>",
    by: "lab",
    created_at: "2026-11-21T00:00:00.000Z",
  });
  await backend.write(root.retentionPin("release"), bytesSource(pin));
}
