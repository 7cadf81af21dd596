/**
 * Tar archives of streams: created from bytes of any source, and listed without reading the content
 * of files.
 *
 * @module
 */

import { BadArchive } from "./bad_archive.ts";
import { BLOCK } from "./header.ts";
import { type TarMember, TarReader } from "./reader.ts";
import { encodeHeaders, END_MARKER, padded } from "./records.ts";

/** A file for a new archive. */
export interface StreamedMember {
  /** Its name: relative, with `/`. */
  readonly name: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Opens its content; a chunk is valid only until the next one is read. */
  open(): AsyncIterable<Uint8Array>;
}

/**
 * Creates an archive. The same members give the same bytes: times and owners are left out.
 *
 * @param members The files.
 * @returns The archive; a chunk is valid only until the next one is read.
 * @throws {BadArchive} If a member's content does not have the given size.
 */
export async function* tarStream(
  members: Iterable<StreamedMember>,
): AsyncGenerator<Uint8Array> {
  for (const { name, size, open } of members) {
    yield encodeHeaders({ name, size, path: "", type: "0", mode: 0o644, modified: 0, target: "" });
    let left = size;
    for await (const chunk of open()) {
      left -= chunk.length;
      if (left < 0) break;
      yield chunk;
    }
    if (left !== 0) throw new BadArchive(`its size changed (expected ${size} bytes)`, name);
    if (padded(size) > size) yield new Uint8Array(padded(size) - size);
  }
  yield new Uint8Array(END_MARKER);
}

/** A member of an archive, and the position of its content. */
export interface PlacedMember {
  /** The member. */
  readonly member: TarMember;
  /** The offset of its content in the archive, in bytes. */
  readonly offset: number;
}

/**
 * Lists the members of an archive that can be read from any position. Reads only headers.
 *
 * @param size The archive's size in bytes.
 * @param read Reads the bytes from `start` up to, but not including, `end`.
 * @returns The members, in archive order.
 * @throws {BadArchive} If it is not an archive, or incomplete.
 */
export async function* tarMembers(
  size: number,
  read: (start: number, end: number) => Promise<Uint8Array>,
): AsyncGenerator<PlacedMember> {
  let begun: TarMember | undefined;
  const reader = new TarReader({
    member: (member) => begun = member,
    data() {},
    hole() {},
    end() {},
  });
  for (let at = 0; at < size;) {
    const end = Math.min(at + BLOCK, size);
    reader.push(await read(at, end));
    at = end;
    if (begun === undefined) continue;
    const member: TarMember = begun;
    begun = undefined;
    if (member.sparse) throw new BadArchive("it is a sparse file", member.name);
    const offset = at;
    at += reader.skip();
    if (at > size) {
      throw new BadArchive("the archive ends in the middle of this member", member.name);
    }
    yield { member, offset };
  }
  reader.finish();
}
