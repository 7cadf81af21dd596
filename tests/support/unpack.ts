/**
 * Reads archives back with other code than what packs: Node's decoders, liblzma's own and
 * `tar-stream`.
 *
 * @module
 */

import { Readable } from "node:stream";
import zlib from "node:zlib";
import { extract } from "tar-stream";
import { compileLzma, Lzma } from "../../src/archive/compression/liblzma.ts";
import type { PackCompression } from "../../src/archive/compression/format.ts";
import { concat } from "./bytes.ts";

/** One member of an archive, as it stands there. */
export interface Unpacked {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly mtime: Date;
  readonly uid: number;
  readonly gid: number;
  readonly target?: string;
  readonly content: Uint8Array;
}

/** Decodes an archive to its end and lists its members. Broken bytes throw. */
export async function unpack(
  bytes: Uint8Array,
  compression: PackCompression,
): Promise<Unpacked[]> {
  return await untar(await decode(bytes, compression));
}

/** Decodes what is in a compressed file. */
export async function decode(
  bytes: Uint8Array,
  compression: PackCompression,
): Promise<Uint8Array> {
  if (compression === "zst") return zlib.zstdDecompressSync(bytes);
  if (compression === "gz") return zlib.gunzipSync(bytes);
  const parts: Uint8Array[] = [];
  const lzma = await Lzma.load(await compileLzma());
  using decoder = lzma.decoder();
  decoder.push(bytes, (part) => parts.push(part.slice()));
  decoder.finish((part) => parts.push(part.slice()));
  return concat(parts);
}

/** Lists the members of a tar archive. */
export async function untar(tar: Uint8Array): Promise<Unpacked[]> {
  const members: Unpacked[] = [];
  const stream = Readable.from([tar]).pipe(extract());
  for await (const entry of stream) {
    const parts: Uint8Array[] = [];
    for await (const chunk of entry) parts.push(chunk as Uint8Array);
    const { name, type, mode, mtime, uid, gid, linkname } = entry.header;
    members.push({
      name,
      type: type ?? "",
      mode: mode ?? 0,
      mtime: mtime ?? new Date(0),
      uid: uid ?? -1,
      gid: gid ?? -1,
      target: linkname ?? undefined,
      content: concat(parts),
    });
  }
  return members;
}
