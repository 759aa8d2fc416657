/** The guard on aarch64: mmio.so cross-built, loaded by the real loader, run under qemu-user. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { needs } from './needs.js';

const ROOT = join(import.meta.dirname, '..', '..');
/** Where Debian puts the libraries of its cross compilers: the loader is all that is used. */
const SYSROOT = '/usr/aarch64-linux-gnu';

test('mmio.so on aarch64: exact widths, 10,000 faults in a row, other faults kill', needs('aarch64'), () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiolab-aarch64-'));
  try {
    // Into a folder of its own: the checkout's dist/ is for this machine.
    execFileSync(process.execPath, [join(ROOT, 'native/build.mjs'), '--arch', 'arm64', '--out', folder], {
      stdio: 'inherit',
    });
    const program = join(folder, 'faults');
    execFileSync(
      'aarch64-linux-gnu-gcc',
      [
        ...['-O2', '-Wall', '-Werror', '-nostdlib', '-ffreestanding', '-fno-stack-protector', '-no-pie'],
        ...['-Wl,--dynamic-linker=/lib/ld-linux-aarch64.so.1', `-Wl,-rpath,${folder}`],
        ...['-o', program, join(ROOT, 'test/aarch64.c'), join(folder, 'mmio.so')],
      ],
      { stdio: 'inherit' },
    );
    const run = (...args: string[]) => {
      const { status, signal, stderr } = spawnSync('qemu-aarch64', ['-L', SYSROOT, program, ...args], {
        encoding: 'utf8',
      });
      return { status, signal, stderr: stderr.replace(/^qemu: uncaught target signal \d+ .*\n/, '') };
    };
    assert.deepEqual(run(), { status: 0, signal: null, stderr: '' });
    assert.deepEqual(run('bus'), { status: null, signal: 'SIGBUS', stderr: '' });
    assert.deepEqual(run('segv', 'please'), { status: null, signal: 'SIGSEGV', stderr: '' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
