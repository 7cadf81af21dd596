/**
 * What `run-outputs fetch` records in its output directory, and says about earlier fetches.
 *
 * @module
 */

import type { FetchPlan } from "../../../operations/fetch/fetch.ts";
import type {
  FetchRecording,
  FetchSource,
  RemovedOld,
} from "../../../operations/fetch/recording.ts";
import type { RunManifest } from "../../../operations/manifest/read.ts";
import type { OpenStorage } from "../../storage.ts";
import { namedPaths } from "../../../runs/unfinished_part.ts";
import { type Output, plural } from "../../terminal/output.ts";
import type { FetchMode } from "./options.ts";
import type { PlannedFetch } from "./sources.ts";

/**
 * The runs of a fetch, as its output directory records them.
 *
 * @param planned The plan and its runs.
 * @param storage The storage of the runs.
 * @param repository The repository given by options; of a found run, GitHub says it.
 * @returns The runs.
 */
export function recordedSources(
  { roots, manifests, found }: PlannedFetch,
  storage: OpenStorage,
  repository: string | undefined,
): FetchSource[] {
  return roots.map((root, i) => {
    const heads = manifests[i]?.parts.map(({ head }) => head.run) ?? [];
    // Parts that were copied from another run say its commit.
    const ours = heads.filter(({ run_id }) => run_id === root.runId);
    const run = found?.sources[i].run;
    const facts = {
      repository: run?.repository ?? repository ?? firstOf(ours, "repository"),
      commit: found?.result.commit ?? firstOf(ours, "commit"),
    };
    return {
      root,
      run: {
        run_id: root.runId,
        platform: root.platform,
        prefix: root.prefix,
        source: storage.show(root.root()),
        ...facts,
        ...found !== undefined && { by_commit: true },
      },
    };
  });
}

function firstOf(
  runs: readonly RunManifest["parts"][number]["head"]["run"][],
  member: "repository" | "commit",
): string | undefined {
  return runs.find((run) => run[member] !== undefined)?.[member];
}

/**
 * Says what a fetch removed of earlier ones, and what stays.
 *
 * @param removed What was removed.
 * @param output Receives notes and warnings.
 */
export function reportRemoved(removed: RemovedOld, output: Output): void {
  const { files, changed, foreign, lost, replaced } = removed;
  if (files > 0) output.note(`removed ${plural(files, "file")} of ${earlier(removed)}`);
  if (changed.length > 0) {
    const stay = changed.length === 1
      ? "was changed since, and stays"
      : "were changed since, and stay";
    output.warn(
      `${plural(changed.length, "file")} of ${earlier(removed)} ${stay}: ${namedPaths(changed)}`,
    );
  }
  if (replaced.length > 0) {
    const were = replaced.length === 1
      ? "that was changed since the last fetch is"
      : "that were changed since the last fetch are";
    output.warn(`${plural(replaced.length, "file")} ${were} replaced: ${namedPaths(replaced)}`);
  }
  if (lost.length > 0) {
    const files = plural(lost.length, "changed or foreign file");
    output.warn(
      `${files} in replaced directories ${lost.length === 1 ? "is" : "are"} gone: ${
        namedPaths(lost)
      }`,
    );
  }
  if (foreign.length > 0) {
    output.note(`not from a fetch, and kept: ${namedPaths(foreign)}`);
  }
}

/**
 * Says what a fetch would remove.
 *
 * @param outputDir The output directory.
 * @param fetch The plan, and how it would be recorded.
 * @param output Receives the notes.
 */
export async function previewRemoved(
  outputDir: string,
  { items, mode, recording, keepArchives }: {
    readonly items: FetchPlan["items"];
    readonly mode: FetchMode;
    readonly recording: FetchRecording;
    readonly keepArchives?: boolean;
  },
  output: Output,
): Promise<void> {
  const { Recorder } = await import("../../../operations/fetch/recording.ts");
  const recorder = await Recorder.open({
    directory: outputDir,
    recording,
    mode,
    items,
    keepArchives,
  });
  if (recorder.isUpToDate()) return output.note(`${outputDir} is already up to date`);
  const removed = recorder.preview();
  if (removed.files > 0) {
    output.note(
      `would remove or replace ${plural(removed.files, "file")} of ${earlier(removed)}`,
    );
  }
}

function earlier({ runs }: RemovedOld): string {
  if (runs.length === 0) return "an earlier fetch";
  return `earlier fetches (run ${[...new Set(runs.map(({ run_id }) => run_id))].join(", ")})`;
}

/**
 * The removed files in the JSON form of a fetch.
 *
 * @param removed What was removed, if anything was.
 * @returns Its members.
 */
export function removedJson(removed: RemovedOld | undefined) {
  if (removed === undefined) return undefined;
  const { runs, ...what } = removed;
  return { runs: [...new Set(runs.map(({ run_id }) => run_id))], ...what };
}
