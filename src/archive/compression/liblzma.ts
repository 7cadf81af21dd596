/**
 * xz compression with liblzma in WebAssembly: the only file that uses the package `node-liblzma`.
 *
 * It uses the raw interface (`lzma_code`), because the package's own decoder accepts truncated
 * files, drops concatenated streams and overlooks garbage at the end. All calls are synchronous,
 * for workers that read, decode and write without a promise per piece.
 *
 * @module
 */

// @ts-types="./liblzma.d.ts"
import createLzma, { type LzmaModule } from "node-liblzma/wasm/liblzma.js";
import { RunOutputsError } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";

/** Receives bytes, which are valid only until it returns. */
export type ByteSink = (bytes: Uint8Array) => void;

/** Options of {@linkcode XzDecoder}. */
export interface XzDecoderOptions {
  /** The maximum memory of the decoder, in bytes. Default: {@linkcode XZ_MEMORY_LIMIT}. */
  readonly memoryLimit?: number;
  /** Skip the checks of blocks, for a file whose hash was verified: 6 % faster. */
  readonly ignoreCheck?: boolean;
}

/** Options of {@linkcode XzEncoder}. */
export interface XzEncoderOptions {
  /** 0 to {@linkcode XZ_MAX_PRESET}. Default: 6, as for the `xz` program. */
  readonly preset?: number;
}

/**
 * The memory limit of decoding: enough for every preset of the `xz` program (66 MB at `-9`), while
 * a file with a dictionary of gigabytes is rejected.
 */
export const XZ_MEMORY_LIMIT = 100 * 1024 * 1024;

/** The highest preset whose encoder (187 MB) fits into the 256 MB of WebAssembly. */
export const XZ_MAX_PRESET = 7;

/** Constants of liblzma, from its headers `lzma/base.h`, `lzma/container.h` and `lzma/check.h`. */
const LZMA_OK = 0;
const LZMA_STREAM_END = 1;
const LZMA_MEM_ERROR = 5;
const LZMA_MEMLIMIT_ERROR = 6;
const LZMA_FORMAT_ERROR = 7;
const LZMA_OPTIONS_ERROR = 8;
const LZMA_DATA_ERROR = 9;
const LZMA_BUF_ERROR = 10;
const LZMA_RUN = 0;
const LZMA_FINISH = 3;
const LZMA_TELL_UNSUPPORTED_CHECK = 0x02;
const LZMA_UNSUPPORTED_CHECK = 3;
const LZMA_CONCATENATED = 0x08;
const LZMA_IGNORE_CHECK = 0x10;
const LZMA_CHECK_CRC64 = 4;

/** `lzma_stream` on a 32-bit machine: its size, and the offsets of its fields. */
const STREAM_SIZE = 96;
const NEXT_IN = 0;
const AVAIL_IN = 4;
const NEXT_OUT = 16;
const AVAIL_OUT = 20;

const INPUT_SIZE = 256 * 1024;
const OUTPUT_SIZE = 1024 * 1024;

let compiled: Promise<WebAssembly.Module> | undefined;

/**
 * Compiles liblzma, once. The result can be posted to workers, which then need no permission to
 * read the package.
 *
 * @returns The module for {@linkcode Lzma.load}.
 */
export function compileLzma(): Promise<WebAssembly.Module> {
  const path = import.meta.resolve("node-liblzma/wasm/liblzma.wasm");
  compiled ??= Deno.readFile(new URL(path)).then((bytes) => WebAssembly.compile(bytes));
  return compiled;
}

/** One instance of liblzma with its own memory, which its streams reuse. */
export class Lzma {
  readonly #module: LzmaModule;

  private constructor(module: LzmaModule) {
    this.#module = module;
  }

  /**
   * Creates an instance.
   *
   * @param module The result of {@linkcode compileLzma}, from this or another thread.
   * @returns The instance.
   */
  static async load(module: WebAssembly.Module): Promise<Lzma> {
    const instantiateWasm = (
      imports: WebAssembly.Imports,
      receive: (instance: WebAssembly.Instance) => void,
    ) => {
      const instance = new WebAssembly.Instance(module, imports);
      receive(instance);
      return instance.exports;
    };
    return new Lzma(await createLzma({ instantiateWasm }));
  }

  /**
   * Creates a decoder for an .xz file with any number of streams, blocks and padding.
   *
   * @param options The memory limit, and whether to verify checks.
   * @returns The decoder; the caller must dispose of it.
   */
  decoder(options: XzDecoderOptions = {}): XzDecoder {
    return new XzDecoder(this.#module, options);
  }

  /**
   * Creates an encoder for an .xz file: one stream of one block, with CRC64.
   *
   * @param options The preset.
   * @returns The encoder; the caller must dispose of it.
   */
  encoder(options: XzEncoderOptions = {}): XzEncoder {
    return new XzEncoder(this.#module, options);
  }
}

/** A stream of liblzma with its buffers. */
class LzmaStream implements Disposable {
  readonly #module: LzmaModule;
  readonly #pointer: number;
  readonly #input: number;
  readonly #output: number;
  #open = true;

  constructor(module: LzmaModule, start: (pointer: number) => number) {
    this.#module = module;
    // A single allocation, so that there is only one thing to free after a failure.
    this.#pointer = module._malloc(STREAM_SIZE + INPUT_SIZE + OUTPUT_SIZE);
    if (this.#pointer === 0) throw outOfMemory();
    this.#input = this.#pointer + STREAM_SIZE;
    this.#output = this.#input + INPUT_SIZE;
    module.HEAPU8.fill(0, this.#pointer, this.#pointer + STREAM_SIZE);
    const code = start(this.#pointer);
    if (code !== LZMA_OK) {
      this[Symbol.dispose]();
      throw code === LZMA_MEM_ERROR ? outOfMemory() : new Error(`liblzma: code ${code}`);
    }
  }

  /** Processes bytes, passes the output to the sink, and returns liblzma's last status. */
  run(bytes: Uint8Array, sink: ByteSink, action: number): number {
    for (let offset = 0;;) {
      const piece = bytes.subarray(offset, offset + INPUT_SIZE);
      offset += piece.length;
      this.#module.HEAPU8.set(piece, this.#input);
      this.#set(NEXT_IN, this.#input);
      this.#set(AVAIL_IN, piece.length);
      const code = this.#code(sink, action);
      if (code !== LZMA_OK || offset === bytes.length) return code;
    }
  }

  #code(sink: ByteSink, action: number): number {
    for (;;) {
      this.#set(NEXT_OUT, this.#output);
      this.#set(AVAIL_OUT, OUTPUT_SIZE);
      const code = this.#module._lzma_code(this.#pointer, action);
      const count = OUTPUT_SIZE - this.#get(AVAIL_OUT);
      // If the memory has grown, it is a new buffer.
      if (count > 0) sink(this.#module.HEAPU8.subarray(this.#output, this.#output + count));
      if (code !== LZMA_OK) return code;
      if (action === LZMA_RUN && count < OUTPUT_SIZE && this.#get(AVAIL_IN) === 0) return code;
    }
  }

  #set(field: number, value: number): void {
    this.#module.setValue(this.#pointer + field, value, "i32");
  }

  #get(field: number): number {
    return this.#module.getValue(this.#pointer + field, "i32") >>> 0;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#module._lzma_end(this.#pointer);
    this.#module._free(this.#pointer);
  }
}

/** Decodes one .xz file piece by piece. */
export class XzDecoder implements Disposable {
  readonly #stream: LzmaStream;

  /**
   * Used by {@linkcode Lzma.decoder}.
   *
   * @param module The instance.
   * @param options The memory limit, and whether to verify checks.
   */
  constructor(module: LzmaModule, options: XzDecoderOptions) {
    const limit = BigInt(options.memoryLimit ?? XZ_MEMORY_LIMIT);
    const check = options.ignoreCheck ? LZMA_IGNORE_CHECK : LZMA_TELL_UNSUPPORTED_CHECK;
    const flags = LZMA_CONCATENATED | check;
    this.#stream = new LzmaStream(
      module,
      (pointer) => module._lzma_stream_decoder(pointer, limit, flags),
    );
  }

  /**
   * Decodes a piece.
   *
   * @param bytes The piece, of any size.
   * @param sink Receives the output.
   * @throws {BadArchive} If the bytes are not xz, or broken.
   */
  push(bytes: Uint8Array, sink: ByteSink): void {
    if (bytes.length === 0) return;
    const code = this.#stream.run(bytes, sink, LZMA_RUN);
    // A buffer error is normal as long as more input can come.
    if (code !== LZMA_OK && code !== LZMA_BUF_ERROR) throw defect(code);
  }

  /**
   * Signals the end.
   *
   * @param sink Receives the remaining output.
   * @throws {BadArchive} If the file is incomplete, or followed by something that is not xz.
   */
  finish(sink: ByteSink): void {
    const code = this.#stream.run(new Uint8Array(0), sink, LZMA_FINISH);
    if (code !== LZMA_STREAM_END) throw defect(code);
  }

  /** Frees its memory. */
  [Symbol.dispose](): void {
    this.#stream[Symbol.dispose]();
  }
}

/** Encodes one .xz file piece by piece. */
export class XzEncoder implements Disposable {
  readonly #stream: LzmaStream;

  /**
   * Used by {@linkcode Lzma.encoder}.
   *
   * @param module The instance.
   * @param options The preset.
   */
  constructor(module: LzmaModule, options: XzEncoderOptions) {
    const preset = options.preset ?? 6;
    this.#stream = new LzmaStream(
      module,
      (pointer) => module._lzma_easy_encoder(pointer, preset, LZMA_CHECK_CRC64),
    );
  }

  /**
   * Compresses a piece.
   *
   * @param bytes The piece, of any size.
   * @param sink Receives the output: usually nothing, sometimes a lot.
   */
  push(bytes: Uint8Array, sink: ByteSink): void {
    if (bytes.length === 0) return;
    const code = this.#stream.run(bytes, sink, LZMA_RUN);
    if (code !== LZMA_OK) throw new Error(`liblzma: code ${code} while compressing`);
  }

  /**
   * Signals the end.
   *
   * @param sink Receives the rest of the file.
   */
  finish(sink: ByteSink): void {
    const code = this.#stream.run(new Uint8Array(0), sink, LZMA_FINISH);
    if (code !== LZMA_STREAM_END) throw new Error(`liblzma: code ${code} while compressing`);
  }

  /** Frees its memory. */
  [Symbol.dispose](): void {
    this.#stream[Symbol.dispose]();
  }
}

function outOfMemory(): RunOutputsError {
  return new RunOutputsError("failed", "Cannot run liblzma: 256 MB of memory are not enough");
}

function defect(code: number): Error {
  switch (code) {
    case LZMA_FORMAT_ERROR:
      return new BadArchive("it is not an xz file");
    case LZMA_DATA_ERROR:
      return new BadArchive("its xz data is corrupt, or unexpected data follows it");
    case LZMA_BUF_ERROR:
      return new BadArchive("its xz data is truncated");
    case LZMA_OPTIONS_ERROR:
    case LZMA_UNSUPPORTED_CHECK:
      return new BadArchive("its xz data uses a filter or a check that liblzma does not support");
    case LZMA_MEMLIMIT_ERROR:
      return new BadArchive(
        `decoding it needs more than ${XZ_MEMORY_LIMIT / 1024 ** 2} MiB of memory`,
      );
    case LZMA_MEM_ERROR:
      return outOfMemory();
    default:
      return new Error(`liblzma: code ${code} while decoding`);
  }
}
