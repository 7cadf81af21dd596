/**
 * Decoding the blocks of one .xz file in several workers at once.
 *
 * The worker that unpacks (the consumer) needs the blocks in their order. It and its helpers take
 * the next block that nobody has taken, and decode it into a slot of shared memory; what the
 * consumer takes when its turn has come goes to the archive's reader directly. Nobody goes further
 * ahead than there are slots, so memory is bounded.
 *
 * Waiting is synchronous, like all else in these workers, and always ends after a moment: Deno
 * can't end a thread that waits for ever.
 *
 * @module
 */

import { BadArchive } from "../tar/bad_archive.ts";
import type { ByteSink, Lzma } from "./liblzma.ts";
import { blockFile, type XzBlock, type XzIndex } from "./xz_index.ts";

/** A file whose blocks are decoded together; it can be posted to workers. */
export interface SharedBlocks {
  /** Whether the file's hash is known to be right, so that the checks of blocks need no look. */
  readonly verified: boolean;
  /** The stream's header. */
  readonly header: Uint8Array;
  /** Its blocks. */
  readonly blocks: readonly XzBlock[];
  /** Counters. */
  readonly control: SharedArrayBuffer;
  /** Decoded blocks. */
  readonly slots: SharedArrayBuffer;
  /** The size of a slot. */
  readonly slotSize: number;
}

/** `xz -T` makes blocks of 24 MiB at its standard preset. */
const MAX_SLOT = 32 * 1024 * 1024;

/** With fewer blocks than this for each decoder, they end too far apart. */
const BLOCKS_EACH = 2;

const MAX_WAIT_MS = 100;

/** Where the counters are: the next block to take, the one the consumer needs, and so on. */
const NEXT = 0;
const NEEDED = 1;
const STOPPED = 2;
const EVENTS = 3;
/** From here, for each slot: 1 + the number of the block in it, negative if it can't be decoded. */
const READY = 4;

/**
 * Prepares the decoding.
 *
 * @param index The file's index.
 * @param decoders How many workers will decode, the consumer included.
 * @param verified Whether the file's hash is known to be right.
 * @returns What they share, or `undefined` if it would gain nothing or take too much memory.
 */
export function shareBlocks(
  { header, blocks }: XzIndex,
  decoders: number,
  verified: boolean,
): SharedBlocks | undefined {
  const slotSize = blocks.reduce((largest, { size }) => Math.max(largest, size), 0);
  if (blocks.length < BLOCKS_EACH * decoders || slotSize > MAX_SLOT) return undefined;
  const slotCount = decoders + 1;
  return {
    verified,
    header,
    blocks,
    control: new SharedArrayBuffer(4 * (READY + slotCount)),
    slots: new SharedArrayBuffer(slotCount * slotSize),
    slotSize,
  };
}

/**
 * Decodes the whole file, with whoever helps.
 *
 * @param file The open file.
 * @param shared What is shared with the helpers.
 * @param lzma liblzma.
 * @param sink Takes the bytes in their order.
 * @throws {BadArchive} If a block is broken.
 */
export function decodeShared(
  file: Deno.FsFile,
  shared: SharedBlocks,
  lzma: Lzma,
  sink: ByteSink,
): void {
  const board = new Board(shared);
  try {
    for (let needed = 0; needed < shared.blocks.length; needed++) {
      for (;;) {
        const events = board.events();
        const state = board.state(needed);
        if (state === "ready") {
          sink(board.slot(needed));
          break;
        }
        // Once more, for the error that a helper can't hand over.
        if (state === "failed") {
          decodeBlock(file, shared, needed, lzma, sink);
          break;
        }
        const taken = board.take();
        if (taken === needed) {
          decodeBlock(file, shared, needed, lzma, sink);
          break;
        }
        if (taken === undefined) board.wait(events);
        else decodeToSlot(file, shared, board, taken, lzma);
      }
      board.done(needed);
    }
  } finally {
    board.stop();
  }
}

/**
 * Decodes blocks for the consumer, until there are no more.
 *
 * @param file The open file.
 * @param shared What the consumer has, too.
 * @param lzma liblzma.
 */
export function helpDecode(file: Deno.FsFile, shared: SharedBlocks, lzma: Lzma): void {
  const board = new Board(shared);
  while (!board.finished()) {
    const events = board.events();
    const taken = board.take();
    if (taken === undefined) board.wait(events);
    else decodeToSlot(file, shared, board, taken, lzma);
  }
}

function decodeToSlot(
  file: Deno.FsFile,
  shared: SharedBlocks,
  board: Board,
  block: number,
  lzma: Lzma,
): void {
  const slot = board.slot(block);
  let at = 0;
  try {
    decodeBlock(file, shared, block, lzma, (bytes) => {
      slot.set(bytes, at);
      at += bytes.length;
    });
    board.publish(block, true);
  } catch {
    // The consumer finds out why: it decodes the block once more.
    board.publish(block, false);
  }
}

function decodeBlock(
  file: Deno.FsFile,
  { header, blocks, verified }: SharedBlocks,
  block: number,
  lzma: Lzma,
  sink: ByteSink,
): void {
  const { offset, size } = blocks[block];
  const { before, length, after } = blockFile(header, blocks[block]);
  let decoded = 0;
  const bounded: ByteSink = (bytes) => {
    decoded += bytes.length;
    if (decoded > size) throw new BadArchive("its xz data does not match its index");
    sink(bytes);
  };
  using decoder = lzma.decoder({ ignoreCheck: verified });
  decoder.push(before, bounded);
  file.seekSync(offset, Deno.SeekMode.Start);
  const buffer = new Uint8Array(256 * 1024);
  for (let left = length; left > 0;) {
    const count = file.readSync(buffer.subarray(0, Math.min(left, buffer.length)));
    if (count === null) throw new BadArchive("its xz data is truncated");
    decoder.push(buffer.subarray(0, count), bounded);
    left -= count;
  }
  decoder.push(after, bounded);
  decoder.finish(bounded);
}

/** The counters that all see. */
class Board {
  readonly #control: Int32Array;
  readonly #shared: SharedBlocks;
  readonly #slotCount: number;

  constructor(shared: SharedBlocks) {
    this.#shared = shared;
    this.#control = new Int32Array(shared.control);
    this.#slotCount = this.#control.length - READY;
  }

  /** Takes the next block, if there is a slot for it. */
  take(): number | undefined {
    for (;;) {
      const next = Atomics.load(this.#control, NEXT);
      if (next >= this.#shared.blocks.length) return undefined;
      if (next >= Atomics.load(this.#control, NEEDED) + this.#slotCount) return undefined;
      if (Atomics.compareExchange(this.#control, NEXT, next, next + 1) === next) return next;
    }
  }

  /** Whether nothing is left to take. */
  finished(): boolean {
    return Atomics.load(this.#control, STOPPED) !== 0 ||
      Atomics.load(this.#control, NEXT) >= this.#shared.blocks.length;
  }

  state(block: number): "ready" | "failed" | undefined {
    const value = Atomics.load(this.#control, READY + block % this.#slotCount);
    return value === block + 1 ? "ready" : value === -(block + 1) ? "failed" : undefined;
  }

  slot(block: number): Uint8Array {
    const { slots, slotSize, blocks } = this.#shared;
    return new Uint8Array(slots, block % this.#slotCount * slotSize, blocks[block].size);
  }

  publish(block: number, ok: boolean): void {
    const value = ok ? block + 1 : -(block + 1);
    Atomics.store(this.#control, READY + block % this.#slotCount, value);
    this.#tell();
  }

  done(block: number): void {
    Atomics.store(this.#control, NEEDED, block + 1);
    this.#tell();
  }

  stop(): void {
    Atomics.store(this.#control, STOPPED, 1);
    this.#tell();
  }

  /** How often something has changed; {@linkcode wait} ends when it has again. */
  events(): number {
    return Atomics.load(this.#control, EVENTS);
  }

  wait(events: number): void {
    Atomics.wait(this.#control, EVENTS, events, MAX_WAIT_MS);
  }

  #tell(): void {
    Atomics.add(this.#control, EVENTS, 1);
    Atomics.notify(this.#control, EVENTS);
  }
}
