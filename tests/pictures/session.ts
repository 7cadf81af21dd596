/**
 * The session of the terminal's picture: a build is uploaded, fetched, damaged and verified. The
 * program runs in this process, whose directory is a temporary one. Times and paths of the machine
 * are replaced, so that each recording is the same.
 *
 * @module
 */

import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { noise } from "../support/bytes.ts";
import { FakeIo } from "../support/fake_io.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

/** A command line and what it printed, with the colours of a terminal. */
export interface Recorded {
  readonly command: string;
  readonly output: string;
}

const STORE = ["--staging-dir", "./staging", "--run-id", "12345"];
const GROUP = "gfx94X-dcgpu";
const DAMAGED = `staging/12345-linux/blas_lib_${GROUP}.tar.zst`;

/** The variables of the session: each archive has the same bytes everywhere. */
const ENV: Readonly<Record<string, string>> = {
  SOURCE_DATE_EPOCH: "1700000000",
  THEROCK_PLATFORM: "linux",
  GITHUB_REPOSITORY: "ROCm/TheRock",
};

/** Runs the session in this process, and prints it as JSON. */
async function run(): Promise<void> {
  await using dir = await tempDir();
  Deno.chdir(dir.path);
  await makePictureBuild("build");
  const recorded = [
    await record([
      ...["upload", "build", "--artifact-group", GROUP, "--build-dir", "build"],
      ...["--output-dir", "./staging", "--run-id", "12345"],
    ]),
    await record(["fetch", "*_lib_*", ...STORE, "--output-dir", "./artifacts"]),
    await damage(),
    await record(["verify", ...STORE]),
  ];
  console.log(JSON.stringify(recorded));
  Deno.chdir("/");
}

/**
 * Makes a build whose archives have sizes of libraries.
 *
 * @param dir The build directory.
 */
export async function makePictureBuild(dir: string): Promise<void> {
  const artifact = (name: string, stage: string, file: string, size: number) => ({
    [`artifacts/${name}/artifact_manifest.txt`]: `${stage}\n`,
    [`artifacts/${name}/${stage}/${file}`]: noise(size, size),
  });
  await writeTree(dir, {
    ...artifact("base_lib_generic", "base/stage", "lib/libbase.so", 764_000),
    ...artifact(`blas_lib_${GROUP}`, "math-libs/stage", "lib/libblas.so", 2_830_000),
    ...artifact(`blas_dev_${GROUP}`, "math-libs/stage", "include/blas.h", 34_600),
    ...artifact("rccl_test_gfx942", "comm-libs/stage", "bin/rccl-UnitTests", 336_000),
    "logs/therock-build.log": Array.from(
      { length: 420 },
      (_, at) => `[${at + 1}/420] Building CXX object blas_${at + 1}.o\n`,
    ).join(""),
    "base/aux-overlay/build/therock_manifest.json": `{"the_rock_commit":"${"0".repeat(40)}"}\n`,
  });
}

/** Standard output and standard error are one terminal, which shows no bars: they move. */
class TerminalIo extends FakeIo {
  override readonly stdoutIsTerminal = true;
  text = "";

  override stdout(text: string): void {
    this.text += text;
  }

  override stderr(text: string): void {
    this.text += text;
  }
}

async function record(args: readonly string[]): Promise<Recorded> {
  const io = new TerminalIo(ENV);
  await main([...args, "--color", "always"], io);
  const words = args.map((word) => /[*]/.test(word) ? `'${word}'` : word);
  return { command: `run-outputs ${words.join(" ")}`, output: stable(io.text) };
}

async function damage(): Promise<Recorded> {
  await Deno.writeTextFile(DAMAGED, "damage\n", { append: true });
  return { command: `echo damage >> ${DAMAGED}`, output: "" };
}

/** The text with one time, one speed and one directory for all machines. */
function stable(text: string): string {
  return text
    .replaceAll(Deno.realPathSync("."), "/home/me/rocm")
    .replaceAll(Deno.cwd(), "/home/me/rocm")
    .replaceAll(/\b\d+(?:\.\d+)? (?:ms|s)\b/g, "0.1 s")
    .replaceAll(/\b\d+(?:\.\d+)? [kMG]?B\/s/g, "36.0 MB/s");
}

/** Records the session in a process of its own, since it changes its directory. */
export async function recordSession(): Promise<Recorded[]> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--no-check", join(import.meta.dirname!, "session.ts")],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("the session has failed");
  return JSON.parse(new TextDecoder().decode(stdout));
}

if (import.meta.main) await run();
