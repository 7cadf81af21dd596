/**
 * Which artifacts a run has, and where: in the typed layout's place, in the flat one's, or some in
 * each. Both places are listed; the run's manifest adds what it knows.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { Layout } from "../../layout/output_paths.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { MergedFile } from "../../runs/merge_parts.ts";
import type { CallOptions, StorageBackend } from "../../storage/backend.ts";
import { archiveOf, isArtifact, LAYOUTS, listLayout, ofBothLayouts } from "./listing.ts";
import { isCurrent } from "../manifest/list_outputs.ts";
import type { RunManifest } from "../manifest/read.ts";

/** An archive or the checksum beside it. */
export interface ArtifactObject {
  /** Its location. */
  readonly location: OutputLocation;
  /** Its size in bytes. */
  readonly size: number;
  /** Its SHA-256, if the manifest tells it. */
  readonly sha256?: string;
  /** The SHA-256 that it had when the manifest was written; something has been written since. */
  readonly formerSha256?: string;
  /** What the manifest tells of it, if that is so. */
  readonly told?: MergedFile;
}

/** An artifact of a run. */
export interface FoundArtifact {
  /** The archive's file name. */
  readonly name: string;
  /** The archive; nothing, if it is missing: there is only something that tells of it. */
  readonly archive?: ArtifactObject;
  /** The checksum beside the archive. */
  readonly sidecar?: ArtifactObject;
  /** An archive that is missing, what the manifest tells of it, and in which part. */
  readonly gone?: {
    readonly location: OutputLocation;
    readonly size: number;
    readonly part: string;
  };
}

/** What is in one place. */
interface Place {
  archive?: ArtifactObject;
  sidecar?: ArtifactObject;
}

/** What the two layouts' places have of one artifact, and what the manifest tells of it. */
interface Places {
  typed?: Place;
  flat?: Place;
  readonly told: MergedFile[];
}

/**
 * Finds the artifacts of a run. One that is in both places is taken from where the part of the
 * manifest that was written last tells of it; if none does, from the typed layout's place. Its
 * checksum is taken from the same place.
 *
 * @param backend The storage.
 * @param root The run; its `layout` is ignored.
 * @param manifest The run's manifest.
 * @param options A signal.
 * @returns The artifacts, by their archives' file names.
 */
export async function artifactsOfRun(
  backend: StorageBackend,
  root: RunOutputRoot,
  manifest: RunManifest,
  { signal }: CallOptions = {},
): Promise<Map<string, FoundArtifact>> {
  const found = new Map<string, Places>();
  const told = new Map<string, MergedFile>();
  for await (const file of manifest.files()) {
    const { path } = file.file;
    const name = path.startsWith("artifacts/") ? path.slice("artifacts/".length) : path;
    if (name.includes("/") || !isArtifact(name)) continue;
    told.set(path, file);
    const places = placesOf(found, name);
    if (name === archiveOf(name)) places.told.push(file);
  }
  // A complete manifest, too, does not know what another tool has put beside it.
  const there = await ofBothLayouts((layout) =>
    Array.fromAsync(listedObjects(backend, root, layout, { manifest, told, signal }))
  );
  for (const [i, objects] of there.entries()) {
    for (const object of objects) {
      const { name } = object.location;
      const place = placesOf(found, name)[LAYOUTS[i]] ??= {};
      if (name === archiveOf(name)) place.archive = object;
      else place.sidecar = object;
    }
  }
  return new Map([...found].map(([name, places]) => [name, choose(name, places, root)]));
}

/** What is in one layout's place, and what the manifest tells of that. */
async function* listedObjects(
  backend: StorageBackend,
  root: RunOutputRoot,
  layout: Layout,
  { manifest, told, signal }: CallOptions & {
    readonly manifest: RunManifest;
    readonly told: ReadonlyMap<string, MergedFile>;
  },
): AsyncGenerator<ArtifactObject> {
  for await (const info of listLayout(backend, root, layout, signal)) {
    const { location, size } = info;
    const file = told.get(location.relativeTo(root.root())!);
    yield file !== undefined && isCurrent(manifest, file, info)
      ? { location, size, sha256: file.file.sha256, told: file }
      : { location, size, formerSha256: file?.file.sha256 };
  }
}

/** Decides for one of the places. */
function choose(name: string, { typed, flat, told }: Places, root: RunOutputRoot): FoundArtifact {
  const isFlat = typed?.archive === undefined
    ? flat?.archive !== undefined || typed === undefined
    : flat?.archive !== undefined && isLater(flat.archive, typed.archive);
  const place = (isFlat ? flat : typed) ?? {};
  if (place.archive !== undefined || told.length === 0) return { name, ...place };
  const [{ file, parts }] = told;
  return {
    name,
    ...place,
    gone: { location: root.file(file.path), size: file.size, part: parts[0] },
  };
}

/** Whether the manifest tells of one, and tells of the other nothing or something older. */
function isLater(a: ArtifactObject, b: ArtifactObject): boolean {
  return a.told !== undefined && (b.told === undefined || a.told.written > b.told.written);
}

function placesOf(found: Map<string, Places>, name: string): Places {
  const archive = archiveOf(name);
  let places = found.get(archive);
  if (places === undefined) found.set(archive, places = { told: [] });
  return places;
}
