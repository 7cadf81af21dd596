/**
 * Archives as streams of bytes: pack artifacts, list members, unpack safely.
 *
 * @example Pack a directory
 * ```ts
 * import { listMembers, pack } from "@therock/run-outputs/archive";
 *
 * const dir = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${dir}/artifact_manifest.txt`, "share\n");
 * const members = await listMembers(dir, { first: "artifact_manifest.txt" });
 * const archive = await Array.fromAsync(pack(members, { compression: "zst" }));
 * console.assert(archive.length > 0);
 * await Deno.remove(dir, { recursive: true });
 * ```
 *
 * @module
 */

export type { PackCompression } from "./compression/format.ts";
export { pack, packedLength, type PackOptions } from "./pack/pack.ts";
export type { PathStyle } from "./tar/member_path.ts";
export {
  type ArchiveMember,
  ARTIFACT_MANIFEST,
  listMembers,
  type ListMembersOptions,
} from "./tar/list_members.ts";
export type {
  CommitAmendment,
  PathRemoval,
  PlacedArchive,
  PlacedEntry,
  TopFile,
} from "./unpack/placed.ts";
export {
  UNPACK_LIMITS,
  type Unpacked,
  Unpacker,
  type UnpackEvent,
  type UnpackJob,
  type UnpackLimits,
  type UnpackMode,
  type UnpackOptions,
} from "./unpack/unpack.ts";
