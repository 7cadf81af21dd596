/**
 * The help of the program itself, as a text: it is shown without loading any command. The tests
 * compare it with the commands.
 *
 * @module
 */

/** The last line of every help. */
export const DOCUMENTATION = "Documentation: https://jsr.io/@therock/run-outputs";

/** What `run-outputs --help` prints. */
export const TOP_HELP = `Usage: run-outputs [options] [command]

Upload, find, download and verify the outputs of CI workflow runs.

Options:
  -V, --version                      print the version
  -h, --help                         print help

Commands:
  path [options] [kind] [args...]    print where one output is
  bucket [options] [run]             print the bucket, region and IAM role for uploads to a run
  upload                             upload outputs of a run
  list [options] [run]               list the outputs of a run
  find [options] [run]               find the run that has the artifacts of a commit
  fetch [options] [include...]       download artifacts of a run, verify and unpack them
  status [options] [dir]             print which run a directory was fetched from, and what was
                                     changed since
  bisect                             find the commit that broke something, using CI artifacts
  verify [options] [dir]             verify every file of a run against its manifest and checksums
  diff [options] <run_a> <run_b>     compare the outputs of two runs
  copy [options] [include...]        copy a run's outputs to another run, bucket or directory
  export [options] <file> [runs...]  write runs to one file, for a machine without a network
  import [options] <file>            import the runs of an export into a directory or a bucket
  index [options] [dir]              write index pages for a run or a directory
  runs                               list, find, pin and prune the runs in a directory or a bucket
  serve [options]                    serve the runs in a directory or a bucket over HTTP
  stages [options] [stages...]       list the stages of a build, what each needs and produces
  cache                              list and delete downloaded files in the cache
  stale-uploads [options] [run]      list and delete unfinished uploads of a run on S3
  doctor [options] [command...]      check credentials, clock, server, GitHub, directories and disk
  completions [options] <shell>      print a script that completes commands in a shell
  help [command...]                  print a command's help

The options for output, --json, -q, -v, --debug and --color, can also be before the command.

Examples:
  run-outputs path artifact blas_lib_gfx94X-dcgpu.tar.zst --run-id 12345 --platform linux
  run-outputs upload build --artifact-group gfx94X-dcgpu --output-dir ./staging --run-id 12345
  run-outputs list --staging-dir ./staging --run-id 12345
  run-outputs find --commit 1a2b3c4d --artifact-group gfx94X-dcgpu
  run-outputs fetch 'blas_*' --staging-dir ./staging --run-id 12345 --output-dir ./artifacts

Exit codes: 0 success, 1 failure, 2 usage error, 3 not found, 4 access denied, 5 network error,
6 checksum mismatch, 7 incomplete, 130 interrupted.

${DOCUMENTATION}
`;
