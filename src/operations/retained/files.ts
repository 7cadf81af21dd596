/**
 * Lists the files of a run, in pages.
 *
 * @module
 */

import { z } from "zod";
import { classify } from "../../layout/classify.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { uriEncodeKey } from "../../layout/output_location.ts";
import { hasReservedName } from "../../layout/reserved_names.ts";
import { formatRunKey } from "../../runs/retention/run_key.ts";
import { isCurrent, joinListing } from "../manifest/list_outputs.ts";
import { isUnusable, NO_MANIFEST, readOutputs, type RunManifest } from "../manifest/read.ts";
import type { RunFiles } from "./answers.ts";
import { formatCursor, parseCursor } from "./cursor.ts";
import { operation } from "./operation.ts";
import { filesAnswer, kindParam, runParams } from "./schemas.ts";

/** How many files a page has, unless another number is given. */
const PAGE = 1000;

/** Lists the files of a run. */
export const files = operation({
  summary: "list the files of a run",
  writes: false,
  params: z.strictObject({
    ...runParams,
    kind: kindParam.optional(),
    prefix: z.string().min(1).optional().meta({ description: "How their paths begin." }),
    limit: z.coerce.number("expected a whole number from 1 to 10000").int().min(1).max(10_000)
      .default(PAGE),
    cursor: z.string().min(1).optional(),
  }),
  answer: filesAnswer,
  async run(context, { run, kind, prefix = "", limit, cursor, ...choice }): Promise<RunFiles> {
    const { index, label = String, signal } = context;
    const root = index.root(await index.locate(run, choice, { signal }));
    const key = formatRunKey(root);
    const filters = { key, kind, prefix };
    const after = cursor === undefined
      ? undefined
      : parseCursor(label("cursor"), cursor, filters, (path) => path);
    const manifest = await readManifest();
    const rows: RunFiles["files"][number][] = [];
    let next: string | undefined;
    let exists = false;
    // A bare id can be that of several runs, so links use the key.
    const base = `${run === key ? "" : `../${uriEncodeKey(key)}/`}files/`;
    for await (
      const { path, listed, info } of joinListing(index.backend, root, manifest, { signal })
    ) {
      if (info === undefined) continue;
      exists = true;
      if (!path.startsWith(prefix)) continue;
      if (after !== undefined && compareKeys(path, after) <= 0) continue;
      const own = classify(path);
      if (kind !== undefined && own !== kind || hasReservedName(path)) continue;
      const last = rows.at(-1);
      if (rows.length === limit && last !== undefined) {
        next = formatCursor(last.path, filters);
        break;
      }
      const isListed = listed !== undefined && isCurrent(manifest, listed, info);
      rows.push({
        path,
        kind: own,
        size: info.size,
        sha256: info.sha256 ?? (isListed ? listed.file.sha256 : undefined),
        modified: info.modified.toISOString(),
        href: base + uriEncodeKey(path),
      });
    }
    // It says which runs there are.
    if (!exists) await index.find(run, choice, { signal });
    return { schema: "run-outputs.files/1", key, files: rows, next };

    async function readManifest(): Promise<RunManifest> {
      try {
        return await readOutputs(index.backend, root, { signal });
      } catch (error) {
        // The files exist nevertheless; 'manifest' reports what is wrong.
        if (isUnusable(error)) return NO_MANIFEST;
        throw error;
      }
    }
  },
});
