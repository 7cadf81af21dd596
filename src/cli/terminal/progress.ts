/**
 * Progress of a transfer: bars on a terminal, a plain line every few seconds elsewhere.
 *
 * Events only change numbers. What is shown is made of them a few times a second, however many
 * pieces the files come in.
 *
 * @module
 */

import type { TransferEvent } from "../../storage/transfer/transfer.ts";
import type { Io } from "./io.ts";
import { barLines, plainLine } from "./progress_lines.ts";
import { type PlannedFile, TransferState } from "./transfer_state.ts";

/** How often a plain line comes, in milliseconds. */
const LINE_INTERVAL = 5000;

/** How often the bars are drawn, in a second. */
const BARS_PER_SECOND = 8;

/** Of a terminal that does not tell. */
const STANDARD_WIDTH = 80;

/** What is transferred, and how it is shown. */
export interface ProgressOptions {
  /** What happens to the files, for the line: `uploaded`. */
  readonly verb: string;
  /** The files. */
  readonly files: readonly PlannedFile[];
  /** What of a path tells files apart. Default: all of it. */
  readonly keyOf?: (path: string) => string;
  /** Where to show it. */
  readonly io: Io;
  /** Show nothing. */
  readonly quiet: boolean;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** Time. */
export interface Clock {
  /** Milliseconds since whenever. */
  now(): number;
  /**
   * Calls back again and again.
   *
   * @param milliseconds How often.
   * @param tick Called.
   * @returns Stops it.
   */
  every(milliseconds: number, tick: () => void): () => void;
}

/** What a transfer tells. */
export interface ProgressListener {
  /** Of files. */
  readonly onEvent: (event: TransferEvent) => void;
  /** How many bytes more were unpacked. */
  readonly onUnpacked: (name: string, bytes: number) => void;
}

const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  every(milliseconds, tick) {
    const timer = setInterval(tick, milliseconds);
    return () => clearInterval(timer);
  },
};

/**
 * Runs a transfer and shows how far it is; afterwards the terminal is as before.
 *
 * @param options What is transferred, and how it is shown.
 * @param transfer The transfer; it tells what happens.
 * @returns What the transfer returns.
 */
export async function withProgress<T>(
  { verb, files, keyOf, io, quiet, clock = SYSTEM_CLOCK }: ProgressOptions,
  transfer: (listener: ProgressListener) => Promise<T>,
): Promise<T> {
  if (quiet) return await transfer({ onEvent: () => {}, onUnpacked: () => {} });
  const state = new TransferState(files, clock.now(), keyOf);
  const show = () => io.stderr(`${plainLine(verb, state.at(clock.now()))}\n`);
  const stop = io.stderrIsTerminal
    ? await showBars(state, io, clock)
    : clock.every(LINE_INTERVAL, show);
  try {
    return await transfer({
      onEvent: (event) => state.apply(event),
      onUnpacked: (_, bytes) => state.addUnpacked(bytes),
    });
  } finally {
    stop();
  }
}

/** Shows bars until it is stopped; other text for the terminal comes above them. */
async function showBars(state: TransferState, io: Io, clock: Clock): Promise<() => void> {
  const { default: cliProgress } = await import("cli-progress");
  let write = (text: string) => io.stderr(text);
  const width = () => io.stderrWidth?.() ?? STANDARD_WIDTH;
  const bars = new cliProgress.MultiBar({
    // Made by us; the package knows how to draw it over what was there.
    format: (_options: unknown, _params: unknown, { line }: { line: string }) => line,
    stream: {
      isTTY: true,
      get columns() {
        return width();
      },
      write: (text: string) => (write(text), true),
    } as unknown as NodeJS.WritableStream,
    fps: BARS_PER_SECOND,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: true,
    // Text above moves the lines down.
    forceRedraw: true,
  });
  const slots: ReturnType<typeof bars.create>[] = [];
  const draw = () => {
    const lines = barLines(state.at(clock.now()), width());
    while (slots.length < lines.length) slots.push(bars.create(1, 0, { line: "" }));
    slots.forEach((slot, i) => slot.update({ line: lines[i] ?? "" }));
  };
  const claim = io.claimStderr?.((text) => bars.log(text));
  if (claim !== undefined) write = claim.write;
  draw();
  bars.on("update-pre", draw);
  return () => {
    // What was logged last is still to be shown.
    bars.update();
    bars.stop();
    claim?.release();
  };
}
