/**
 * What the handlers of files share: the files, the hashes and the capabilities of one service.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { hasReservedName, isReservedName } from "../../layout/reserved_names.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { RemovedOutput } from "../../operations/manifest/list_outputs.ts";
import { removedFile } from "../../operations/manifest/removed_files.ts";
import { problem } from "../../operations/retained/problem.ts";
import { describeRemoval } from "../../runs/removed.ts";
import { formatRunKey } from "../../runs/retention/run_key.ts";
import type { Child, StorageBackend } from "../../storage/backend.ts";
import type { ServiceContext, ServiceRequest } from "../context.ts";
import { httpError } from "../problem.ts";
import { BackendFiles } from "./backend_files.ts";
import { Capabilities } from "./capability.ts";
import { DiskFiles } from "./disk_files.ts";
import { RunHashes } from "./run_hashes.ts";
import type { FileStore, StoredFile } from "./stored_file.ts";

/** The objects of one service. */
export interface Objects {
  /** The storage. */
  readonly backend: StorageBackend;
  /** The files. */
  readonly files: FileStore;
  /** Their hashes. */
  readonly hashes: RunHashes;
  /** The paths for documents. */
  readonly capabilities: Capabilities;
}

const known = new WeakMap<ServiceContext, Objects>();

/**
 * The objects of a service, made with its first request.
 *
 * @param context The service.
 * @returns Its objects.
 */
export function objectsOf(context: ServiceContext): Objects {
  let objects = known.get(context);
  if (objects === undefined) {
    const { backend, dir, now } = context;
    objects = {
      backend,
      files: dir === undefined ? new BackendFiles(backend) : new DiskFiles(backend, dir),
      hashes: new RunHashes(backend, { now }),
      capabilities: new Capabilities(),
    };
    known.set(context, objects);
  }
  return objects;
}

/** A place in a run that a request names. */
export interface RunPath {
  /** The run. */
  readonly root: RunOutputRoot;
  /** The run's key. */
  readonly key: string;
  /** The path in the run; empty for the run itself. */
  readonly path: string;
  /** The file or directory. */
  readonly location: OutputLocation;
}

/**
 * Finds the place that a request names by `{run}` and `{path*}`.
 *
 * @param request The request.
 * @param context The service.
 * @returns The place. Nothing is read for a run's key.
 * @throws {RunOutputsError} `not_found`, if the run is unknown, or the name is one of run-outputs' own
 * working files; `conflict`, if the run is ambiguous.
 */
export async function runPathOf(
  { params, query, signal }: ServiceRequest,
  { index }: ServiceContext,
): Promise<RunPath> {
  const { run, path = "" } = params;
  const choice = {
    platform: query.get("platform") ?? undefined,
    repo: query.get("repo") ?? undefined,
  };
  const root = index.root(await index.locate(run, choice, { signal }));
  const location = path === "" ? root.root() : root.root().join(path);
  const found = { root, key: formatRunKey(root), path, location };
  if (hasReservedName(location.key)) throw unknownFile(found);
  return found;
}

/**
 * Opens a file of a run.
 *
 * @param objects The service's objects.
 * @param found The place.
 * @param signal Aborts it.
 * @returns The file.
 * @throws {RunOutputsError} `not_found`, with the problem `unknown-run` or `not-found`.
 */
export async function openFile(
  objects: Objects,
  found: RunPath,
  signal: AbortSignal,
): Promise<StoredFile> {
  const file = await objects.files.open(found.location, { signal });
  return file ?? await refuse(objects, found, signal);
}

/**
 * Lists a directory of a run.
 *
 * @param objects The service's objects.
 * @param found The place.
 * @param signal Aborts it.
 * @returns What can be requested in it.
 * @throws {RunOutputsError} `not_found`, with the problem `unknown-run` or `not-found`.
 */
export async function listDirectory(
  objects: Objects,
  found: RunPath,
  signal: AbortSignal,
): Promise<readonly Child[]> {
  const children = await objects.files.list(found.location, { signal });
  const visible = children?.filter(({ location }) => !isReservedName(location.name));
  return visible ?? await refuse(objects, found, signal);
}

/**
 * Rejects a request for what does not exist.
 *
 * @param objects The service's objects.
 * @param found The place.
 * @param signal Aborts it.
 * @throws {RunOutputsError} `not_found`, with the problem `unknown-run`, `not-found`, or `removed` and
 * status 410 if retention has removed the file.
 */
export async function refuse(
  { backend, files }: Objects,
  found: RunPath,
  signal: AbortSignal,
): Promise<never> {
  const { root, key, path } = found;
  if (await files.isDirectory(root.root(), { signal })) {
    const removed = path === "" ? undefined : await removedFile(backend, root, path, { signal })
      .catch((error) => {
        // A record that can't be read says nothing of this file.
        if (error instanceof RunOutputsError && error.code === "integrity") return undefined;
        throw error;
      });
    throw removed === undefined ? unknownFile(found) : removedProblem(found, removed);
  }
  throw problem("not_found", "unknown-run", `No run '${key}'`, { run: key });
}

function removedProblem({ key, path }: RunPath, { removal, sha256, size }: RemovedOutput): Error {
  const { at, rule } = removal;
  return httpError(410, "removed", `Cannot read '${path}': ${describeRemoval(removal)}`, {
    details: { run: key, path, removed_at: at, rule, size, sha256 },
  });
}

function unknownFile({ key, path }: RunPath): Error {
  return httpError(404, "not-found", `Run ${key} has no file '${path}'`, {
    details: { run: key, path },
  });
}
