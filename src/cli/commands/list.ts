/**
 * `run-outputs list`
 *
 * @module
 */

import { withRunArgument } from "../run_argument.ts";
import { addresses } from "../addresses.ts";
import { otherPlace } from "../present_root.ts";
import { describeRoot } from "../run_root.ts";
import { checkKinds } from "../kinds.ts";
import { Command, Option } from "commander";
import { OUTPUT_KINDS, type OutputKind } from "../../layout/classify.ts";
import type { CompactOutputs } from "../../operations/manifest/compact_outputs.ts";
import type {
  MissingOutput,
  RemovedOutput,
  RunOutput,
} from "../../operations/manifest/list_outputs.ts";
import type { Context } from "../context.ts";
import { manifestJson, readRunManifest, reportUnfinished } from "../run_manifest.ts";
import { names, noManifest, type ReadCommandOptions, withReadOptions } from "../options.ts";
import { formatBytes, Output, plural } from "../terminal/output.ts";
import { runRoot } from "../run_root.ts";
import { openForReading, stagingDirOf } from "../storage.ts";

/** The values of the command's options. */
interface ListCommandOptions extends ReadCommandOptions {
  readonly kind?: readonly string[];
  /** `false` with `--no-manifest`. */
  readonly manifest: boolean;
}

/** Builds the command. */
export function listCommand(context: Context): Command {
  const command = new Command("list")
    .summary("list the outputs of a run")
    .description(
      "Lists the outputs of a run by kind, with their sizes. Reads the run's manifest if it is " +
        "complete; otherwise lists the storage and warns of files that are missing according to the " +
        "manifest or a checksum file.",
    )
    .addOption(
      new Option(
        "--kind <names>",
        `only these kinds (repeatable, or comma-separated): ${OUTPUT_KINDS.join(", ")}`,
      ).argParser(names),
    )
    .addOption(noManifest())
    .addHelpText(
      "after",
      `
Examples:
  run-outputs list --staging-dir ./staging --run-id 12345
  run-outputs list --staging-dir ./staging --run-id 12345 --kind artifact,log
  run-outputs list --staging-dir ./staging --run-id 12345 --json`,
    );
  return withReadOptions(withRunArgument(command)).action(
    async (_run, options: ListCommandOptions) => {
      const output = new Output(context.io, options);
      const signal = context.interruption();
      const kinds = checkKinds(options.kind);
      const onDisk = stagingDirOf(options, context.io) !== undefined;
      let looked: readonly string[] = [];
      let root = runRoot(options, { reading: true, onDisk }, context.io, output);
      using storage = await openForReading(options, context.io, output);
      const { listRun, noOutputs } = await import("../../operations/manifest/list_outputs.ts");
      const from = { storage, output, signal };
      let manifest = await readRunManifest(options, root, from);
      const unlisted: MissingOutput[] = [];
      const onMissing = (one: MissingOutput) => void unlisted.push(one);
      const removed: RemovedOutput[] = [];
      const onRemoved = (one: RemovedOutput) => void removed.push(one);
      const read = () => listRun(storage.backend, root, manifest, { signal, onMissing, onRemoved });
      const { CompactOutputs } = await import("../../operations/manifest/compact_outputs.ts");
      const readAll = async () => {
        const outputs = new CompactOutputs(root);
        for await (const one of read()) outputs.push(one);
        return outputs;
      };
      let all = await readAll();
      if (all.length === 0) {
        const place = await otherPlace(root, options, { ...from, io: context.io });
        looked = place.looked;
        if (place.other !== undefined) {
          root = place.other;
          manifest = await readRunManifest(options, root, from);
          all = await readAll();
        }
      }
      if (all.length === 0) {
        throw noOutputs(root, [storage.show(root.root()), ...looked].join(", "));
      }
      const { missingFiles } = await import("../../operations/verify/missing_files.ts");
      const isWanted = ({ kind }: { readonly kind: OutputKind }) => kinds?.has(kind) ?? true;
      const missing = missingFiles(all, unlisted).filter(isWanted);
      for (const { path, parts } of missing) {
        const who = parts.length === 0
          ? "only its checksum file exists"
          : `listed in manifest part ${parts[0]}`;
        output.warn(`${path} is missing: ${who}`);
      }
      await reportUnfinished(manifest, (message) => output.warn(message), { clear: true });
      const gone = removed.filter(isWanted);
      const { count, bytes } = all.totals(kinds);
      if (count > 0 && gone.length > 0) output.note(await lineOf(gone));
      if (count === 0) {
        const { RunOutputsError } = await import("../../errors/error.ts");
        throw new RunOutputsError(
          "not_found",
          `None of the ${all.length} outputs of run ${root.runId} has kind ` +
            [...kinds!].join(" or ") + (gone.length > 0 ? `: ${await lineOf(gone)}` : ""),
        );
      }
      output.result(
        () => ({
          schema: "run-outputs.list/1",
          ...describeRoot(root, storage),
          staging_dir: storage.dir,
          manifest: manifestJson(manifest),
          count,
          bytes,
          files: Iterator.from(all.of(kinds)).map((
            { path, kind, location, size, modified, etag, sha256, parts },
          ) => ({
            path,
            kind,
            size,
            modified: modified?.toISOString(),
            etag,
            sha256,
            parts: parts.length === 0 ? undefined : parts,
            ...addresses(storage, location),
          })),
          missing: missing.map(({ parts, ...one }) => ({
            ...one,
            parts: parts.length === 0 ? undefined : parts,
          })),
          removed: gone.length === 0
            ? undefined
            : gone.map(({ removal: { at, rule }, ...one }) => ({
              ...one,
              parts: one.parts.length === 0 ? undefined : one.parts,
              removed: { at, rule },
            })),
        }),
        function* () {
          yield* byKind(all, kinds, output);
          const where = storage.show(root.root());
          yield `${plural(count, "file")}, ${formatBytes(bytes)}, in ${where}`;
        },
      );
    },
  );
}

/** Removed files in one line. */
async function lineOf(removed: readonly RemovedOutput[]): Promise<string> {
  const { removedLine } = await import("../../operations/manifest/removed_files.ts");
  return removedLine(removed);
}

function* byKind(
  outputs: CompactOutputs,
  kinds: ReadonlySet<OutputKind> | undefined,
  output: Output,
): Generator<string> {
  for (const kind of OUTPUT_KINDS) {
    const { count, bytes } = outputs.totals([kind]);
    if (count === 0 || kinds?.has(kind) === false) continue;
    yield output.paint(`${kind}: ${plural(count, "file")}, ${formatBytes(bytes)}`, "bold");
    const some = outputs.of([kind]);
    const sizeOf = ({ size }: RunOutput) => size === undefined ? "" : `  ${formatBytes(size)}`;
    let width = 0;
    for (const one of some) width = Math.max(width, sizeOf(one).length);
    for (const one of some) yield `${sizeOf(one).padStart(width)}  ${one.path}`;
  }
}
