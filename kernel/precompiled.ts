/**
 * TypeScript with its machine code at hand: nine megabytes of JavaScript, which V8 would parse again at each start. What it made
 * of them is kept in the user's cache folder, and read back where it is from the same V8.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import path from 'node:path';
import vm from 'node:vm';
import { makeFolders } from '../lib/folders.js';

const PARAMETERS = 'exports, require, module, __filename, __dirname';

/** A CommonJS module, loaded; `keep` stores what V8 has compiled of it by now, where that is not stored yet. */
export interface Precompiled {
  readonly exports: unknown;
  keep(): void;
}

export function precompiled(file: string, name: string): Precompiled {
  const store = path.join(cacheFolder(), `${name}-v8-${process.versions.v8}-${process.arch}`);
  // One byte a character: there is nothing else in it.
  const source = `(function (${PARAMETERS}) {${readFileSync(file, 'latin1')}\n})`;
  const kept = read(store);
  const script = new vm.Script(source, { filename: file, ...(kept ? { cachedData: kept } : {}) });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, path.dirname(file));
  let stored = kept !== undefined && script.cachedDataRejected !== true;
  return {
    exports: module.exports,
    keep: () => {
      if (!stored) write(store, script.createCachedData());
      stored = true;
    },
  };
}

export function cacheFolder(): string {
  return path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'vfiolab');
}

function read(store: string): Buffer | undefined {
  try {
    return readFileSync(store);
  } catch {
    return undefined;
  }
}

/** Whole or not at all; where there is no room for it, a start takes longer. */
function write(store: string, data: Buffer): void {
  const fresh = `${store}.${process.pid}`;
  try {
    makeFolders(path.dirname(store), 0o700);
    writeFileSync(fresh, data, { mode: 0o600 });
    renameSync(fresh, store);
  } catch {
    rmSync(fresh, { force: true });
  }
}
