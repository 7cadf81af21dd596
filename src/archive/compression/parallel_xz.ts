/**
 * Decodes the blocks of one .xz file in several workers at once.
 *
 * The worker that unpacks (the consumer) needs the blocks in order. The consumer and its helpers
 * each take the next free block and decode it into a slot of shared memory. If the consumer takes
 * the block that it needs next, it decodes it directly to the archive's reader. The number of slots
 * limits how far helpers get ahead, so memory is bounded.
 *
 * Waits are synchronous, like everything in these workers, and have short timeouts: Deno cannot end
 * a thread that waits forever.
 *
 * @module
 */

import { BadArchive } from "../tar/bad_archive.ts";
import type { ByteSink, Lzma } from "./liblzma.ts";
import { blockFile, type XzBlock, type XzIndex } from "./xz_index.ts";

/** A file that several workers decode; it can be posted to workers. */
export interface SharedBlocks {
  /** Whether the file's hash has been verified, so that the checks of blocks can be skipped. */
  readonly verified: boolean;
  /** The stream's header. */
  readonly header: Uint8Array;
  /** Its blocks. */
  readonly blocks: readonly XzBlock[];
  /** Atomic counters. */
  readonly control: SharedArrayBuffer;
  /** Decoded blocks. */
  readonly slots: SharedArrayBuffer;
  /** The size of a slot. */
  readonly slotSize: number;
}

/** The block size of `xz -T` at its default preset is 24 MiB. */
const MAX_SLOT = 32 * 1024 * 1024;

/** With fewer blocks per decoder than this, the decoders finish at too different times. */
const BLOCKS_EACH = 2;

const MAX_WAIT_MS = 100;

/**
 * Indexes of the counters: the next block to take, the block that the consumer needs, and so on.
 */
const NEXT = 0;
const NEEDED = 1;
const STOPPED = 2;
const EVENTS = 3;
/**
 * The first index of the slots: for each, 1 + the number of its block, negative if it cannot be
 * decoded.
 */
const READY = 4;

/**
 * Prepares the decoding.
 *
 * @param index The file's index.
 * @param decoders The number of workers that decode, including the consumer.
 * @param verified Whether the file's hash has been verified.
 * @returns What they share; `undefined` if sharing would not help or take too much memory.
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
 * Decodes the whole file, together with the helpers.
 *
 * @param file The open file.
 * @param shared What is shared with the helpers.
 * @param lzma liblzma.
 * @param sink Receives the bytes in order.
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
        // Decode it again, for the error, which a helper cannot pass on.
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
 * @param shared What the consumer shares.
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
    // The consumer decodes the block again and reports the error.
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

/** The shared counters. */
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

  /** Whether all blocks are taken. */
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
    this.#notify();
  }

  done(block: number): void {
    Atomics.store(this.#control, NEEDED, block + 1);
    this.#notify();
  }

  stop(): void {
    Atomics.store(this.#control, STOPPED, 1);
    this.#notify();
  }

  /** The number of changes so far; {@linkcode wait} ends at the next one. */
  events(): number {
    return Atomics.load(this.#control, EVENTS);
  }

  wait(events: number): void {
    Atomics.wait(this.#control, EVENTS, events, MAX_WAIT_MS);
  }

  #notify(): void {
    Atomics.add(this.#control, EVENTS, 1);
    Atomics.notify(this.#control, EVENTS);
  }
}
