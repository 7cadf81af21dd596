/**
 * The worker that compresses pieces of archives, one at a time. It reads the files itself, so that
 * only the result is passed between threads.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { compressPiece, type PieceTask } from "../compression/compress_piece.ts";
import { serveThread } from "../../threads/serve.ts";
import type { FromPackWorker } from "./pool.ts";

const post = serveThread<PieceTask, FromPackWorker>(async (data) => {
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
