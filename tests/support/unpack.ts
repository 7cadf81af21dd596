/**
 * Reads archives back with other code than ours: Node's decoders and `tar-stream`.
 *
 * @module
 */

import { Readable } from "node:stream";
import zlib from "node:zlib";
import { extract } from "tar-stream";
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
  compression: "zst" | "gz",
): Promise<Unpacked[]> {
  const tar = compression === "zst" ? zlib.zstdDecompressSync(bytes) : zlib.gunzipSync(bytes);
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
