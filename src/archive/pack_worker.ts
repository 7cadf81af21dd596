/**
 * The worker that compresses pieces of archives, one at a time. It reads the files itself, so only
 * what it has made of them goes to another thread.
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { RunOutputsError } from "../layout/error.ts";
import { compressPiece, type PieceTask } from "./compress_piece.ts";
import type { FromPackWorker } from "./pack_pool.ts";

self.addEventListener("message", async ({ data }: MessageEvent<PieceTask>) => {
  try {
    const bytes = await compressPiece(data);
    post({ type: "done", bytes }, [bytes.buffer]);
  } catch (error) {
    const code = error instanceof RunOutputsError ? error.code : "failed";
    const message = error instanceof Error ? error.message : String(error);
    post({ type: "failed", code, message });
  }
});

post({ type: "ready" });

function post(message: FromPackWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, transfer);
}
