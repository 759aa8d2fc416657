/** The floors in C: compiled when a section first needs them, into dist/, and bound without the library. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as Koffi from 'koffi';

export const root = join(import.meta.dirname, '..', '..', '..');
/** A source beside this one, which the compiler of TypeScript does not copy. */
export const source = (name: string): string => join(root, 'test', 'bench', name);

/** Compiles a C source of the bench. @returns the path of what came out. */
function compile(name: string, out: string, ...flags: string[]): string {
  const folder = join(root, 'dist', 'test', 'bench');
  mkdirSync(folder, { recursive: true });
  const target = join(folder, out);
  const fresh = `${target}.${process.pid}`;
  execFileSync('cc', ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', ...flags, '-o', fresh, source(name)]);
  renameSync(fresh, target);
  return target;
}

export const floorFile = (): string => compile('floor.c', 'floor.so', '-shared', '-fPIC');
export const wakeFile = (): string => compile('wake.c', 'wake');

export interface Floor {
  read32(at: number): number;
  write32(at: number, value: number): void;
  loopRead32(at: number, times: number): number;
  loopWrite32(at: number, times: number): void;
  block32(at: number, into: Uint8Array, count: number): void;
}

/** `file` is what `floorFile()` gave. */
export function bindFloor(file: string): Floor {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const so = koffi.load(file);
  return {
    read32: so.func('plain_read32', 'uint32_t', ['uint64_t']),
    write32: so.func('plain_write32', 'void', ['uint64_t', 'uint32_t']),
    loopRead32: so.func('loop_read32', 'uint32_t', ['uint64_t', 'uint64_t']),
    loopWrite32: so.func('loop_write32', 'void', ['uint64_t', 'uint64_t']),
    block32: so.func('plain_block32', 'void', ['uint64_t', 'void *', 'uint64_t']),
  };
}
