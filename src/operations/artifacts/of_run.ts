/**
 * Finds the artifacts of a run: in the typed layout, in the flat layout, or in both. Both are
 * listed; the run's manifest adds checksums.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { Layout } from "../../layout/output_paths.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { MergedFile } from "../../runs/merge_parts.ts";
import type { Removal } from "../../runs/removed.ts";
import type { CallOptions, StorageBackend } from "../../storage/backend.ts";
import { archiveOf, isArtifact, LAYOUTS, listLayout, ofBothLayouts } from "./listing.ts";
import { isCurrent } from "../manifest/list_outputs.ts";
import type { RunManifest } from "../manifest/read.ts";

/** An archive or its checksum file. */
export interface ArtifactObject {
  /** Its location. */
  readonly location: OutputLocation;
  /** Its size in bytes. */
  readonly size: number;
  /** Its SHA-256, if the manifest lists it. */
  readonly sha256?: string;
  /** The SHA-256 that it had when the manifest was written, if the file was replaced since. */
  readonly formerSha256?: string;
  /** Its entry in the manifest, if that is current. */
  readonly listed?: MergedFile;
}

/** An artifact of a run. */
export interface FoundArtifact {
  /** The archive's file name. */
  readonly name: string;
  /**
   * The archive; `undefined`, if it is missing but has a checksum file or is listed in the
   * manifest.
   */
  readonly archive?: ArtifactObject;
  /** The checksum file of the archive. */
  readonly sidecar?: ArtifactObject;
  /** A missing archive: its entry in the manifest. */
  readonly gone?: {
    readonly location: OutputLocation;
    readonly size: number;
    /** The part that lists it, if there is one. */
    readonly part?: string;
    /** Its removal, if retention has removed it. */
    readonly removal?: Removal;
  };
}

/** The artifacts in one layout. */
interface Place {
  archive?: ArtifactObject;
  sidecar?: ArtifactObject;
}

/** The objects of one artifact in both layouts, and its entries in the manifest. */
interface Places {
  typed?: Place;
  flat?: Place;
  readonly listed: MergedFile[];
  /** What retention has removed, if no part lists it. */
  removed?: FoundArtifact["gone"];
}

/**
 * Finds the artifacts of a run. If one is in both layouts, the layout of the latest manifest entry
 * is used; without an entry, the typed layout. Its checksum file is taken from the same layout.
 *
 * @param backend The storage.
 * @param root The run; its `layout` is ignored.
 * @param manifest The run's manifest.
 * @param options A signal.
 * @returns The artifacts, by the file names of their archives.
 */
export async function artifactsOfRun(
  backend: StorageBackend,
  root: RunOutputRoot,
  manifest: RunManifest,
  { signal }: CallOptions = {},
): Promise<Map<string, FoundArtifact>> {
  const found = new Map<string, Places>();
  const listed = new Map<string, MergedFile>();
  for await (const file of manifest.files()) {
    const { path } = file.file;
    const name = path.startsWith("artifacts/") ? path.slice("artifacts/".length) : path;
    if (name.includes("/") || !isArtifact(name)) continue;
    listed.set(path, file);
    const places = placesOf(found, name);
    if (name === archiveOf(name)) places.listed.push(file);
  }
  for (const [path, { size, removal }] of manifest.removed?.unlisted ?? []) {
    const name = path.replace(/^artifacts\//, "");
    if (name.includes("/") || !isArtifact(name) || name !== archiveOf(name)) continue;
    placesOf(found, name).removed = { location: root.file(path), size, removal };
  }
  // Even a complete manifest does not list archives that another tool added.
  const existing = await ofBothLayouts((layout) =>
    Array.fromAsync(listedObjects(backend, root, layout, { manifest, listed, signal }))
  );
  for (const [i, objects] of existing.entries()) {
    for (const object of objects) {
      const { name } = object.location;
      const place = placesOf(found, name)[LAYOUTS[i]] ??= {};
      if (name === archiveOf(name)) place.archive = object;
      else place.sidecar = object;
    }
  }
  return new Map([...found].map(([name, places]) => [name, choose(name, places, root)]));
}

/** The objects of one layout, with their entries in the manifest. */
async function* listedObjects(
  backend: StorageBackend,
  root: RunOutputRoot,
  layout: Layout,
  { manifest, listed, signal }: CallOptions & {
    readonly manifest: RunManifest;
    readonly listed: ReadonlyMap<string, MergedFile>;
  },
): AsyncGenerator<ArtifactObject> {
  for await (const info of listLayout(backend, root, layout, signal)) {
    const { location, size } = info;
    const file = listed.get(location.relativeTo(root.root())!);
    yield file !== undefined && isCurrent(manifest, file, info)
      ? { location, size, sha256: file.file.sha256, listed: file }
      : { location, size, formerSha256: file?.file.sha256 };
  }
}

/** Chooses one of the layouts. */
function choose(
  name: string,
  { typed, flat, listed, removed }: Places,
  root: RunOutputRoot,
): FoundArtifact {
  const isFlat = typed?.archive === undefined
    ? flat?.archive !== undefined || typed === undefined
    : flat?.archive !== undefined && isLater(flat.archive, typed.archive);
  const place = (isFlat ? flat : typed) ?? {};
  if (place.archive !== undefined) return { name, ...place };
  if (listed.length === 0) return { name, ...place, gone: removed };
  // If one is missing, that counts more.
  const { file, parts, removal } = listed.find(({ removal }) => removal === undefined) ?? listed[0];
  const gone = { location: root.file(file.path), size: file.size, part: parts[0], removal };
  return { name, ...place, gone };
}

/** Whether the manifest lists the first, and the second not or with an older entry. */
function isLater(a: ArtifactObject, b: ArtifactObject): boolean {
  return a.listed !== undefined && (b.listed === undefined || a.listed.written > b.listed.written);
}

function placesOf(found: Map<string, Places>, name: string): Places {
  const archive = archiveOf(name);
  let places = found.get(archive);
  if (places === undefined) found.set(archive, places = { listed: [] });
  return places;
}
