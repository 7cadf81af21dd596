/**
 * A tar archive of streams: made from bytes that come from anywhere, and looked through without
 * reading what is in its files.
 *
 * @module
 */

import { BadArchive } from "./bad_archive.ts";
import { BLOCK } from "./header.ts";
import { type TarMember, TarReader } from "./reader.ts";
import { encodeHeaders, END_MARKER, padded } from "./records.ts";

/** A file that goes into an archive. */
export interface StreamedMember {
  /** Its name: relative, with `/`. */
  readonly name: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Opens its content; a chunk is valid only until the next one is asked for. */
  open(): AsyncIterable<Uint8Array>;
}

/**
 * Makes an archive. The same members make the same bytes: they have no times and no owners.
 *
 * @param members The files.
 * @returns The archive; a chunk is valid only until the next one is asked for.
 * @throws {BadArchive} If a member does not have the size that it was said to have.
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

/** A member of an archive, and where its content is. */
export interface PlacedMember {
  /** The member. */
  readonly member: TarMember;
  /** Where its content begins in the archive, in bytes. */
  readonly offset: number;
}

/**
 * Looks through an archive whose bytes can be read from anywhere. Only headers are read.
 *
 * @param size The archive's size in bytes.
 * @param read Reads the bytes from `start` up to `end`.
 * @returns The members, in the archive's order.
 * @throws {BadArchive} If it is no archive, or not a complete one.
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
