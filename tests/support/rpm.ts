/**
 * RPM packages for tests, made by `rpmbuild`.
 *
 * @module
 */

import { join } from "node:path";
import { runProgram } from "./debian.ts";
import { tempDir, writeTree } from "./temp_dir.ts";

/** What a package is to be. */
export interface RpmSpec {
  readonly name: string;
  readonly version?: string;
  readonly epoch?: number;
  readonly arch?: "noarch" | "x86_64" | "aarch64";
  /** More lines of the preamble: `Requires: x >= 1`. */
  readonly preamble?: readonly string[];
  /** How the payload is compressed: `w3.zstdio`. */
  readonly payload?: string;
}

/** Makes a package in a directory; its path. */
export async function makeRpm(dir: string, options: RpmSpec): Promise<string> {
  const { name, version = "1.0", epoch, arch = "noarch", preamble = [] } = options;
  const { payload = "w6.xzdio" } = options;
  await using temp = await tempDir();
  const spec = `
Name: ${name}
Version: ${version}
Release: 1%{?dist}
${epoch === undefined ? "" : `Epoch: ${epoch}`}
Summary: A test's package <&> "quoted"
License: MIT
URL: https://example.com/?a=1&b=2
Group: Tests
Vendor: Example
Packager: Tests <tests@example.com>
${arch === "noarch" ? "BuildArch: noarch" : ""}
${preamble.join("\n")}
%description
A long text of ${name},
of several lines: é & <tags>.

%pre
true

%install
mkdir -p %{buildroot}/opt/rocm/bin %{buildroot}/etc/rocm %{buildroot}/opt/rocm/empty
echo '#!/bin/sh' > %{buildroot}/opt/rocm/bin/${name}
chmod 755 %{buildroot}/opt/rocm/bin/${name}
echo text > '%{buildroot}/opt/rocm/a & b.txt'
echo setting > %{buildroot}/etc/rocm/${name}.conf

%files
%dir /opt/rocm/empty
/opt/rocm/bin/${name}
"/opt/rocm/a & b.txt"
%config /etc/rocm/${name}.conf
%ghost /var/cache/${name}

%changelog
* Tue Nov 03 2026 Tests <tests@example.com> - 1.0-1
- Second, with <tags>
* Mon Nov 02 2026 Tests <tests@example.com> - 0.9-1
- First
`;
  await writeTree(temp.path, { "package.spec": spec });
  await runProgram("rpmbuild", [
    "-bb",
    "--quiet",
    "--target",
    arch,
    "--define",
    `_topdir ${temp.path}/top`,
    "--define",
    `_rpmdir ${dir}`,
    "--define",
    "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
    "--define",
    `_binary_payload ${payload}`,
    "--define",
    `_dbpath ${temp.path}/db`,
    "--nodeps",
    join(temp.path, "package.spec"),
  ]);
  return join(dir, `${name}-${version}-1.${arch}.rpm`);
}
