/**
 * Which kernels run: the connection files in Jupyter's runtime folder.
 *
 * Ref: jupyter-client, find_connection_file(); jupyter-core, jupyter_runtime_dir(); `jupyter --paths`
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { SystemError } from '../lib/errors.js';
import { userData } from './kernelspec.js';

export const runtimeFolder = (): string => process.env.JUPYTER_RUNTIME_DIR || path.join(userData(), 'runtime');

/**
 * The connection files that `name` may mean, the newest first: a path, or a file of the runtime folder by its name, a part of it or a
 * glob. @throws SystemError where there is none.
 */
export function connectionFiles(name = 'kernel-*.json'): string[] {
  const folder = runtimeFolder();
  const exact = ['.', folder].map((from) => path.resolve(from, name)).find((file) => existsSync(file));
  if (exact !== undefined) return [exact];
  const pattern = globbed(name.includes('*') ? name : `*${name}*`);
  const found = listed(folder)
    .filter((entry) => pattern.test(entry))
    .map((entry) => path.join(folder, entry));
  if (found.length === 0) {
    const reason = `no kernel's connection file is there (${name})`;
    const hint = 'start a notebook of vfiolab, or name its connection file';
    throw new SystemError({ path: folder, attempted: 'join', reason, hint });
  }
  const age = new Map(found.map((file) => [file, born(file)]));
  return [...age.keys()].sort((a, b) => (age.get(b) ?? 0) - (age.get(a) ?? 0));
}

function globbed(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\*/g, '.*').replace(/\?/g, '.')}$`, 's');
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch {
    return [];
  }
}

function born(file: string): number {
  try {
    return statSync(file).mtimeMs;
  } catch {
    return 0;
  }
}
