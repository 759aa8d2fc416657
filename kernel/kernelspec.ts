/**
 * The kernelspec: the folder that tells Jupyter how to start the kernel. Written and removed here, without Python.
 *
 * Ref: jupyter-client, "Kernel specs"; `jupyter --paths`
 */
import { chmodSync, cpSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolders } from '../lib/folders.js';
import { LANGUAGE_INFO } from './info.js';
import { MAIN, NODE_FLAGS } from './process.js';

export const DISPLAY_NAME = 'TypeScript (vfiolab)';

/** Where the kernelspec goes: at most one of the three; with none of them under /usr/local, for every user. */
export interface Place {
  /** The user's own Jupyter data folder. */
  readonly user?: boolean;
  /** Under PREFIX/share/jupyter. */
  readonly prefix?: string;
  /** The active Python environment: $VIRTUAL_ENV, else $CONDA_PREFIX. */
  readonly sysPrefix?: boolean;
  /** What notebooks call it, and its folder's name. Default 'vfiolab'. */
  readonly name?: string;
}

/**
 * Writes the kernelspec, in place of an earlier one of this name.
 *
 * @returns its folder.
 * @throws Error where the folder cannot be written, the name is not one for Jupyter, or there is no environment.
 * @example install({ user: true })
 */
export function install(place: Place): string {
  const folder = specFolder(place);
  makeFolders(path.dirname(folder));
  // Written beside it first: Jupyter never sees half of it.
  const fresh = mkdtempSync(path.join(path.dirname(folder), '.vfiolab-'));
  try {
    chmodSync(fresh, 0o755);
    cpSync(fileURLToPath(new URL('../../kernel/resources', import.meta.url)), fresh, { recursive: true });
    writeFileSync(path.join(fresh, 'kernel.json'), `${JSON.stringify(kernelSpec(), null, 2)}\n`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

/** Removes the kernelspec. @returns its folder, or undefined where there was none. */
export function remove(place: Place): string | undefined {
  const folder = specFolder(place);
  if (!existsSync(path.join(folder, 'kernel.json'))) return undefined;
  rmSync(folder, { recursive: true });
  return folder;
}

/** The content of kernel.json. */
export function kernelSpec(): Record<string, unknown> {
  return {
    argv: [process.execPath, ...NODE_FLAGS, MAIN, '{connection_file}'],
    display_name: DISPLAY_NAME,
    language: LANGUAGE_INFO.name,
    interrupt_mode: 'message',
    metadata: { debugger: false },
  };
}

function specFolder({ user, prefix, sysPrefix, name = 'vfiolab' }: Place): string {
  if (!/^[A-Za-z0-9._-]+$/.test(name)) {
    throw new Error(`kernel name '${name}': Jupyter takes letters, digits, '.', '_' and '-' only`);
  }
  if (Number(user === true) + Number(prefix !== undefined) + Number(sysPrefix === true) > 1) {
    throw new Error('the kernel goes to one place: the user, a prefix, or the environment');
  }
  const data = user ? userData() : path.join(prefix ?? (sysPrefix ? environment() : '/usr/local'), 'share/jupyter');
  return path.resolve(data, 'kernels', name);
}

function userData(): string {
  const { JUPYTER_DATA_DIR, XDG_DATA_HOME } = process.env;
  return JUPYTER_DATA_DIR || path.join(XDG_DATA_HOME || path.join(homedir(), '.local/share'), 'jupyter');
}

function environment(): string {
  const folder = process.env.VIRTUAL_ENV || process.env.CONDA_PREFIX;
  if (!folder) throw new Error('no Python environment is active; activate one, or give a prefix');
  return folder;
}
