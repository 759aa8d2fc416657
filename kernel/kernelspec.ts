/**
 * The kernelspec: the folder that tells Jupyter how to start the kernel. Written and removed here, without Python.
 *
 * Ref: jupyter-client, "Kernel specs"; `jupyter --paths`
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolders } from '../lib/folders.js';
import { LANGUAGE_INFO } from './info.js';
import { MAIN, NODE_FLAGS } from './process.js';

/** Two that look the same in a menu could not be told apart. */
export const displayName = (name = 'vfiolab'): string => `TypeScript (${name})`;

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
 * @throws Error where the folder cannot be written, the name is not one for Jupyter or another kernel's, or there is no environment.
 * @example install({ user: true })
 */
export function install(place: Place): string {
  const folder = specFolder(place);
  mustBeOurs(folder);
  makeFolders(path.dirname(folder));
  // Written beside it first: Jupyter never sees half of it.
  const fresh = mkdtempSync(path.join(path.dirname(folder), '.vfiolab-'));
  try {
    chmodSync(fresh, 0o755);
    cpSync(fileURLToPath(new URL('../../kernel/resources', import.meta.url)), fresh, { recursive: true });
    writeFileSync(path.join(fresh, 'kernel.json'), `${JSON.stringify(kernelSpec(place.name), null, 2)}\n`);
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
  mustBeOurs(folder);
  rmSync(folder, { recursive: true });
  return folder;
}

/** A kernelspec of this kernel, wherever Jupyter finds it. */
export interface Installed {
  readonly name: string;
  readonly displayName: string;
  readonly folder: string;
  /** Why it would not start; undefined where it would. */
  readonly fault: string | undefined;
  /** Whether it starts this copy of vfiolab. */
  readonly own: boolean;
}

/** Those that Jupyter finds, in the order in which it looks: an earlier one hides a later one of the same name. */
export function list(): Installed[] {
  return dataFolders().flatMap((data) => {
    const kernels = path.join(data, 'kernels');
    const names = existsSync(kernels) ? readdirSync(kernels).sort() : [];
    return names.flatMap((name) => {
      const folder = path.join(kernels, name);
      const spec = readSpec(folder);
      if (!spec || !isOurs(spec)) return [];
      const [node = '', ...rest] = spec.argv;
      const main = rest.find((word) => word.endsWith(SUFFIX)) ?? '';
      const missing = [node, main].find((file) => !existsSync(file));
      const fault = missing === undefined ? undefined : `${missing} is gone; install it again`;
      return [{ name, displayName: String(spec.display_name ?? name), folder, fault, own: main === MAIN }];
    });
  });
}

interface Spec {
  readonly argv: readonly string[];
  readonly display_name?: unknown;
}

function readSpec(folder: string): Spec | undefined {
  try {
    const spec = JSON.parse(readFileSync(path.join(folder, 'kernel.json'), 'utf8')) as Spec;
    return Array.isArray(spec.argv) ? spec : undefined;
  } catch {
    return undefined;
  }
}

/** Where main.js is in the package. */
const SUFFIX = '/dist/kernel/main.js';
const isOurs = ({ argv }: Spec): boolean => argv.some((word) => String(word).endsWith(SUFFIX));

/** Another kernel's folder is left alone. */
function mustBeOurs(folder: string): void {
  const file = path.join(folder, 'kernel.json');
  const spec = readSpec(folder);
  if (existsSync(file) && !(spec && isOurs(spec))) throw new Error(`${file} is another kernel's`);
}

/** The content of kernel.json. */
export function kernelSpec(name = 'vfiolab'): Record<string, unknown> {
  return {
    argv: [process.execPath, ...NODE_FLAGS, MAIN, '{connection_file}'],
    display_name: displayName(name),
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

/** Ref: jupyter_core.paths.jupyter_path() */
function dataFolders(): string[] {
  const { JUPYTER_PATH = '', VIRTUAL_ENV, CONDA_PREFIX } = process.env;
  const environments = [VIRTUAL_ENV, CONDA_PREFIX].flatMap((folder) =>
    folder ? [path.join(folder, 'share/jupyter')] : [],
  );
  const system = ['/usr/local/share/jupyter', '/usr/share/jupyter'];
  return [...new Set([...JUPYTER_PATH.split(':').filter(Boolean), userData(), ...environments, ...system])];
}

export function userData(): string {
  const { JUPYTER_DATA_DIR, XDG_DATA_HOME } = process.env;
  return JUPYTER_DATA_DIR || path.join(XDG_DATA_HOME || path.join(homedir(), '.local/share'), 'jupyter');
}

function environment(): string {
  const folder = process.env.VIRTUAL_ENV || process.env.CONDA_PREFIX;
  if (!folder) throw new Error('no Python environment is active; activate one, or give a prefix');
  return folder;
}
