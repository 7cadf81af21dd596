/**
 * Progress of a transfer: a bar on a terminal, a plain line now and then elsewhere.
 *
 * @module
 */

import type { TransferEvent } from "../storage/transfer.ts";
import type { Io } from "./io.ts";
import { formatBytes } from "./output.ts";

/** How often a plain line comes, in milliseconds. */
const LINE_INTERVAL = 10_000;

/** What is counted. */
interface Count {
  files: number;
  bytes: number;
}

/**
 * Runs a transfer and shows how far it is; afterwards the terminal's line is free again.
 *
 * @param verb What happens to the files, for the line: `uploaded`.
 * @param total How many files there are.
 * @param io Where to show it.
 * @param quiet Show nothing.
 * @param transfer The transfer; it tells what happens.
 * @returns What the transfer returns.
 */
export async function withProgress<T>(
  verb: string,
  total: number,
  io: Io,
  quiet: boolean,
  transfer: (onEvent: (event: TransferEvent) => void) => Promise<T>,
): Promise<T> {
  const count: Count = { files: 0, bytes: 0 };
  const show = quiet
    ? { update: () => {}, stop: () => {} }
    : io.stderrIsTerminal
    ? await bar(total)
    : lines(verb, total, io);
  try {
    return await transfer((event) => {
      if (event.type === "bytes") count.bytes += event.bytes;
      if (event.type === "finish") count.files++;
      show.update(count);
    });
  } finally {
    show.stop();
  }
}

interface Show {
  update(count: Readonly<Count>): void;
  stop(): void;
}

async function bar(total: number): Promise<Show> {
  const { default: cliProgress } = await import("cli-progress");
  const single = new cliProgress.SingleBar({
    format: "{bar} {value} of {total} files, {bytes}",
    clearOnComplete: true,
    hideCursor: true,
    barsize: 30,
  }, cliProgress.Presets.shades_classic);
  single.start(total, 0, { bytes: formatBytes(0) });
  return {
    update: ({ files, bytes }) => {
      // A file can bring another one, its checksum, that was not counted before.
      if (files > single.getTotal()) single.setTotal(files);
      single.update(files, { bytes: formatBytes(bytes) });
    },
    stop: () => single.stop(),
  };
}

function lines(verb: string, total: number, io: Io): Show {
  let next = performance.now() + LINE_INTERVAL;
  return {
    update({ files, bytes }) {
      if (performance.now() < next) return;
      next = performance.now() + LINE_INTERVAL;
      const of = files > total ? "" : ` of ${total}`;
      io.stderr(`${verb} ${files}${of} files, ${formatBytes(bytes)}\n`);
    },
    stop() {},
  };
}
