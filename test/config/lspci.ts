/** The newest lspci that can be had: Debian's, unpacked beside the guest's parts by `npm run vm:setup`, not installed. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DumpedFunction, dumpText } from '../../lib/config/dump.js';
import { CACHE, complete } from '../vm/parts.js';

export const PCIUTILS_ROOT = join(CACHE, 'pciutils');
export const PCIUTILS_SUITE = 'sid';
export const PCI_IDS = join(PCIUTILS_ROOT, 'usr/share/misc/pci.ids');

const LIBRARIES = join(PCIUTILS_ROOT, `usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`);

export const pciutilsMissing = (): string | undefined =>
  complete(PCIUTILS_ROOT) ? undefined : 'the newest pciutils (Debian sid)';

/** Runs lspci, or setpci, and returns its stdout. */
export function pciutils(program: 'lspci' | 'setpci', ...args: readonly string[]): string {
  const loader = join(LIBRARIES, process.arch === 'arm64' ? 'ld-linux-aarch64.so.1' : 'ld-linux-x86-64.so.2');
  const argv = ['--inhibit-cache', '--library-path', LIBRARIES, join(PCIUTILS_ROOT, 'usr/bin', program), ...args];
  const { stdout, error } = spawnSync(loader, argv, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (error) throw error;
  return stdout;
}

/** `lspci -F` over a dump: each function's lines by its slot. */
export function lspciOf(dump: string): Map<string, readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vfiolab-lspci-'));
  try {
    const file = join(folder, 'dump');
    writeFileSync(file, dump);
    return bySlot(pciutils('lspci', '-i', PCI_IDS, '-F', file, '-vvv'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * The same over functions of which some end lspci: it gives up where a table of its own leads it to bytes that it has not read. What it
 * said of such a function up to there is kept, but for its last line: undefined stands in its place.
 */
export function survivorsOf(functions: readonly DumpedFunction[]): Map<string, readonly (string | undefined)[]> {
  const all = new Map<string, readonly (string | undefined)[]>();
  for (let at = 0; at < functions.length; ) {
    const rest = functions.slice(at);
    const some = lspciOf(rest.map(({ slot, bytes }) => dumpText(slot, bytes)).join(''));
    const silent = rest.findIndex(({ slot }) => !some.has(slot));
    const upTo = silent < 0 ? rest.length : Math.max(1, silent);
    for (const { slot } of rest.slice(0, upTo)) all.set(slot, some.get(slot) ?? []);
    const last = rest[upTo - 1]?.slot ?? '';
    if (silent >= 0) all.set(last, [...(all.get(last) ?? []).slice(0, -1), undefined]);
    at += upTo;
  }
  return all;
}

/** Each function begins at the start of a line; all its other lines are indented. */
export function bySlot(text: string): Map<string, readonly string[]> {
  const functions = text.split(/\n(?=[0-9a-f])/).map((part) => part.trimEnd().split('\n'));
  return new Map(functions.map((lines) => [lines[0]?.split(' ')[0] ?? '', lines]));
}
