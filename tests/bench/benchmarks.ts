/**
 * All benchmarks, in the order of docs/performance.md, with what a full run and a quick one do. The
 * first round of a program fills Deno's caches, so the quick run has two as well.
 *
 * @module
 */

/** Command lines of a program in this directory: `WORK` is a directory that the benchmarks share. */
interface Lines {
  readonly full: readonly string[];
  readonly quick: readonly string[];
}

/** A benchmark. */
export interface Benchmark extends Lines {
  /** The name of its file, without `.ts`. */
  readonly name: string;
  /** The heading of its section. */
  readonly title: string;
  /** What it does, for readers of the table. */
  readonly about: string;
  /** Whether it needs an S3 server. */
  readonly needsServer?: boolean;
  /** What must run before. */
  readonly prepare?: Lines & { readonly file: string };
}

const ARCHIVES: Lines = {
  full: ["--work", "WORK"],
  quick: ["--work", "WORK", "--count", "4", "--size", "15"],
};

/** The benchmarks. */
export const BENCHMARKS: readonly Benchmark[] = [
  {
    name: "transfer",
    title: "Transfers to and from S3",
    about:
      "Directories of random files, to and from Ceph on the same machine, so server and client\n" +
      'share the processors. The best round counts. "hash known" is an upload of files whose SHA-256\n' +
      "is known, as of archives that were packed before.",
    needsServer: true,
    full: ["--sets", "5000x4K,200x1M,40x16M,4x256M,1x2G"],
    quick: ["--sets", "1000x4K,50x1M,2x128M", "--rounds", "2"],
  },
  {
    name: "line",
    title: "Use of a fast line",
    about:
      "A server with a latency of 30 ms that gives each connection 15 MB/s, and all of them\n" +
      'together the number in the first column. "fixed 8" is run-outputs with `--concurrency 8`.',
    full: [],
    quick: ["--totals", "200", "--fixed", "8", "--seconds", "3"],
  },
  {
    name: "fetch",
    title: "Fetch archives and unpack them",
    about:
      "Archives of files of this machine, from Ceph on the same machine, unpacked and deleted.\n" +
      '"fenced" is run-outputs with the permissions of the executable. Python is boto3, hashlib and\n' +
      "tarfile in threads. The best round counts.",
    needsServer: true,
    prepare: {
      file: "extract",
      full: [...ARCHIVES.full, "--sets", "xz,zst", "--rounds", "0"],
      quick: [...ARCHIVES.quick, "--sets", "xz,zst", "--rounds", "0"],
    },
    full: ["--work", "WORK"],
    quick: ["--work", "WORK", "--rounds", "2"],
  },
  {
    name: "extract",
    title: "Unpack archives",
    about: "The same archives from disk. GNU tar runs in as many processes as run-outputs has\n" +
      'workers, Python in threads. "xz-blocks" is one archive of many blocks. The best round counts.',
    full: ARCHIVES.full,
    quick: [...ARCHIVES.quick, "--rounds", "2"],
  },
  {
    name: "pack",
    title: "Pack archives",
    about: "Files of this machine, with zstd at level 3 and xz at preset 6. GNU tar has as many\n" +
      "threads of zstd or xz as run-outputs has workers. The best round counts.",
    full: ["--rounds", "3"],
    quick: ["--size", "15", "--rounds", "2"],
  },
  {
    name: "serve",
    title: "The service",
    about:
      "Files from disk over HTTP, on the same machine, beside nginx with and without `sendfile`,\n" +
      "and beside `Deno.serve` that sends bytes from memory. The best round counts.",
    full: [],
    quick: ["1"],
  },
  {
    name: "startup",
    title: "Start of the program",
    about:
      "Mean processor time of a start from the TypeScript sources, beside an empty program. The\n" +
      "executable starts faster (release.md).",
    full: [],
    quick: ["5"],
  },
  {
    name: "runs",
    title: "The index of many runs",
    about: "Seconds and requests of questions about the runs in a place, on a disk and on an S3\n" +
      "server that answers after 30 ms.",
    full: [],
    quick: ["1000", "10", "500"],
  },
  {
    name: "manifest",
    title: "The outputs manifest",
    about: "The time per file for a run of many files.",
    full: [],
    quick: ["100000"],
  },
  {
    name: "memory",
    title: "Memory of commands on many files",
    about: "The peak memory of commands for a run of small files in a staging directory.",
    full: ["100000"],
    quick: ["10000"],
  },
];
