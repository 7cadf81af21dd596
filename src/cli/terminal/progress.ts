/**
 * Shows the progress of a transfer: bars on a terminal; elsewhere, a plain line every few seconds, if
 * something has changed.
 * Events only update numbers; the display is redrawn at a fixed rate.
 *
 * @module
 */

import type { TransferEvent } from "../../storage/transfer/transfer.ts";
import type { Io } from "./io.ts";
import { barLines, plainLine } from "./progress_lines.ts";
import { type PlannedFile, TransferState } from "./transfer_state.ts";

/** The interval between plain lines, in milliseconds. */
const LINE_INTERVAL = 5000;

/** The redraw rate of the bars, per second. */
const BARS_PER_SECOND = 8;

/** The width of a terminal that does not report one. */
const STANDARD_WIDTH = 80;

/** What is transferred, and how to show it. */
export interface ProgressOptions {
  /** What is done to the files, for the plain line, such as `uploaded`. */
  readonly verb: string;
  /** The files. */
  readonly files: Iterable<PlannedFile>;
  /** Returns the identifying part of a path. Default: the whole path. */
  readonly keyOf?: (path: string) => string;
  /** Receives the display. */
  readonly io: Io;
  /** Show nothing. */
  readonly quiet: boolean;
  /** Replaced in tests. */
  readonly clock?: Clock;
}

/** A clock with a timer. */
export interface Clock {
  /** The time in milliseconds, from any start. */
  now(): number;
  /**
   * Calls a function repeatedly.
   *
   * @param milliseconds The interval.
   * @param tick The function.
   * @returns A function that stops the calls.
   */
  every(milliseconds: number, tick: () => void): () => void;
}

/** Receives the progress of a transfer. */
export interface ProgressListener {
  /** Receives events of files. */
  readonly onEvent: (event: TransferEvent) => void;
  /** Receives the number of additional bytes that were unpacked. */
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
 * Runs a transfer, shows its progress, and restores the terminal.
 *
 * @param options What is transferred, and how to show it.
 * @param transfer Runs the transfer and reports its progress.
 * @returns The result of the transfer.
 */
export async function withProgress<T>(
  { verb, files, keyOf, io, quiet, clock = SYSTEM_CLOCK }: ProgressOptions,
  transfer: (listener: ProgressListener) => Promise<T>,
): Promise<T> {
  if (quiet) return await transfer({ onEvent: () => {}, onUnpacked: () => {} });
  const state = new TransferState(files, clock.now(), keyOf);
  let last = "";
  const show = () => {
    const snapshot = state.at(clock.now());
    // The speed of something that stands still falls, but says nothing new.
    const { files, bytes, made, unpacked } = snapshot;
    const changed = `${[files, bytes, made, unpacked]}`;
    if (changed === last) return;
    last = changed;
    io.stderr(`${plainLine(verb, snapshot)}\n`);
  };
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

/** Shows bars until stopped. Other text for the terminal appears above them. */
async function showBars(state: TransferState, io: Io, clock: Clock): Promise<() => void> {
  const { default: cliProgress } = await import("cli-progress");
  let write = (text: string) => io.stderr(text);
  const width = () => io.stderrWidth?.() ?? STANDARD_WIDTH;
  const bars = new cliProgress.MultiBar({
    // We format the line; the package draws it over the previous one.
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
    // Text above the bars moves them down.
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
    // Show text that was logged since the last redraw.
    bars.update();
    bars.stop();
    claim?.release();
  };
}
