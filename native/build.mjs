/**
 * Builds mmio.so and js.node with a plain C compiler: `node native/build.mjs` for this machine, `--arch x64|arm64` for another,
 * `--out` into another folder than the package's. $CC names the compiler of this machine. Without one the library works
 * through pread and pwrite, so this never fails an install.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const CODE = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-fPIC', '-ffreestanding', '-fvisibility=hidden'];
const PLAIN = ['-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fno-builtin'];
const LINK = ['-shared', '-nostdlib', '-s', '-Wl,-z,nodelete', '-Wl,-z,noexecstack', '-Wl,--build-id=none'];
/** Each from one file. What js.node calls is Node's: bound when it is loaded, so that a lack is met there. */
const TARGETS = [
  { source: 'mmio.c', target: 'mmio.so', link: '-Wl,-z,defs' },
  { source: 'js.c', target: 'js.node', link: '-Wl,-z,now' },
];
const CROSS = { x64: 'x86_64-linux-gnu-gcc', arm64: 'aarch64-linux-gnu-gcc' };

const { values } = parseArgs({ options: { arch: { type: 'string', default: process.arch }, out: { type: 'string' } } });
const here = dirname(fileURLToPath(import.meta.url));
const folder = values.out ?? join(here, '..', 'dist', 'native', `linux-${values.arch}`);

const why = TARGETS.map(build).find((each) => each !== undefined);
if (why) {
  const kept = TARGETS.every(({ target }) => existsSync(join(folder, target)))
    ? 'keeping the files that are there'
    : 'mapped BARs are read through pread and pwrite';
  console.error(`native/build.mjs: ${why}; ${kept}`);
}

/** Why it was not built, in a line; undefined when it was. */
function build({ source, target, link }) {
  if (!(values.arch in CROSS)) return `mmio.c does not know ${values.arch}`;
  const compiler = values.arch === process.arch ? process.env.CC || 'cc' : CROSS[values.arch];
  mkdirSync(folder, { recursive: true });
  // A running process may have the old file mapped: replace it, never write into it.
  const built = join(folder, target);
  const fresh = `${built}.${process.pid}`;
  const result = spawnSync(compiler, [...CODE, ...PLAIN, ...LINK, link, '-o', fresh, join(here, source)], {
    encoding: 'utf8',
  });
  if (result.status === 0) {
    renameSync(fresh, built);
    return undefined;
  }
  rmSync(fresh, { force: true });
  if (result.error?.code === 'ENOENT') return `no C compiler (${compiler})`;
  const line = result.stderr?.split('\n').find((text) => /error|cannot|undefined/.test(text));
  return `${compiler} failed: ${line ?? result.error?.message ?? `exit code ${result.status}`}`;
}
