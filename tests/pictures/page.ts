/**
 * Writes `docs/pictures/run.png`: the page of a run in Chromium, at its address in the bucket.
 *
 * @module
 */

import { join } from "node:path";
import { runs } from "../support/command_line.ts";
import { ROOT } from "../support/import_graph.ts";
import { tempDir } from "../support/temp_dir.ts";
import { makePictureBuild } from "./session.ts";

const BROWSERS = ["/usr/bin/chromium", "/usr/bin/google-chrome"];

/** The only time on the page, so that the picture changes only with the page. */
const TIME = "2026-11-20 12:00";

const RUN = ["--run-id", "12345678901", "--platform", "linux"];
const PREFIX = "12345678901-linux";
const BUCKET = "https://therock-ci-artifacts.s3.amazonaws.com";
const JOB: Readonly<Record<string, string>> = {
  SOURCE_DATE_EPOCH: "1700000000",
  GITHUB_REPOSITORY: "ROCm/TheRock",
  GITHUB_SHA: "4f2d1c0a9b8e7d6c5b4a39281706f5e4d3c2b1a0",
  GITHUB_REF_NAME: "main",
  GITHUB_RUN_ID: "12345678901",
  GITHUB_RUN_ATTEMPT: "1",
  GITHUB_WORKFLOW_REF: "ROCm/TheRock/.github/workflows/ci.yml@refs/heads/main",
};

if (import.meta.main) await takePicture(join(ROOT, "docs/pictures/run.png"));

async function takePicture(file: string): Promise<void> {
  await using dir = await tempDir();
  const [build, staging] = [join(dir.path, "build"), join(dir.path, "staging")];
  await makePictureBuild(build);
  const upload = ["upload", "build", "--artifact-group", "gfx94X-dcgpu", "--build-dir", build];
  const expected = ["--expect-parts", "build.gfx94X-dcgpu"];
  await runs(0, [...upload, ...expected, "--output-dir", staging, ...RUN], JOB);
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
      viewport: { width: 1000, height: 900 },
      timezoneId: "UTC",
      locale: "en-GB",
    });
    await page.route("**/*", async (route) => {
      const path = new URL(route.request().url()).pathname;
      const html = await Deno.readTextFile(join(staging, path));
      const body = html.replaceAll(/\b\d{4}-\d\d-\d\d \d\d:\d\d\b/g, TIME);
      return route.fulfill({ contentType: "text/html; charset=utf-8", body });
    });
    await page.goto(`${BUCKET}/${PREFIX}/index.html`);
    await page.screenshot({ path: file });
  } finally {
    await browser.close();
  }
}
