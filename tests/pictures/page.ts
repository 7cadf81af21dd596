/**
 * Writes `docs/pictures/run.png`: the page of a run, opened from disk by Chromium.
 *
 * @module
 */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runs } from "../support/command_line.ts";
import { ROOT } from "../support/import_graph.ts";
import { fileNames } from "../support/snapshot.ts";
import { tempDir } from "../support/temp_dir.ts";
import { makePictureBuild } from "./session.ts";

const BROWSERS = ["/usr/bin/chromium", "/usr/bin/google-chrome"];

/** When all files were written, so that the picture changes only with the page. */
const TIME = new Date("2026-11-20T12:00:00Z");

const RUN = ["--run-id", "12345678901", "--platform", "linux"];
const JOB: Readonly<Record<string, string>> = {
  SOURCE_DATE_EPOCH: "1700000000",
  GITHUB_REPOSITORY: "ROCm/TheRock",
  GITHUB_SHA: "4f2d1c0a9b8e7d6c5b4a39281706f5e4d3c2b1a0",
  GITHUB_REF_NAME: "main",
  GITHUB_RUN_ATTEMPT: "1",
  GITHUB_WORKFLOW_REF: "ROCm/TheRock/.github/workflows/ci.yml@refs/heads/main",
};

if (import.meta.main) await takePicture(join(ROOT, "docs/pictures/run.png"));

async function takePicture(file: string): Promise<void> {
  await using dir = await tempDir();
  const [build, staging] = [join(dir.path, "build"), join(dir.path, "staging")];
  await makePictureBuild(build);
  const upload = ["upload", "build", "--artifact-group", "gfx94X-dcgpu", "--build-dir", build];
  await runs(0, [...upload, "--output-dir", staging, ...RUN], JOB);
  for (const name of await fileNames(staging)) await Deno.utime(join(staging, name), TIME, TIME);
  await runs(0, ["index", "--staging-dir", staging, ...RUN], JOB);
  const url = pathToFileURL(join(staging, "12345678901-linux", "index.html")).href;
  const { chromium } = await import("playwright-core");
  const found = await Promise.all(
    BROWSERS.map((path) => Deno.stat(path).then(() => path, () => "")),
  );
  const browser = await chromium.launch({
    executablePath: found.find((path) => path !== ""),
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  try {
    const page = await browser.newPage({
      viewport: { width: 1000, height: 620 },
      timezoneId: "UTC",
      locale: "en-GB",
    });
    await page.goto(url);
    await page.screenshot({ path: file });
  } finally {
    await browser.close();
  }
}
