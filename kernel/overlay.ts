/**
 * What a cell can import from any folder: `vfiolab` and Node's types appear under the folder's node_modules for the type
 * checker, wherever they really are. A folder's own @types/node is left as it is.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { System } from 'typescript';
import { exportedNames } from './declarations.js';
import { CELL_GLOBALS, CELL_SHELL } from './scope.js';
import { SLIM_TYPES } from './slim.js';

/** This package's own folder: the file is in dist/kernel/. */
export const PACKAGE = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Name of the types package that declares what every cell sees. */
export const CELL_TYPES = 'vfiolab-cell';
/** Name of the one that declares `$`, which stands on zx's types and Node's. */
export const SHELL_TYPES = 'vfiolab-shell';
/** Name of the one that stands for Node's, where they are not needed. */
export const NODE_SLIM = 'vfiolab-node';

/** The files of the package that declares what every cell sees. */
export function cellTypes(): Readonly<Record<string, string>> {
  return {
    'index.d.ts': `/// <reference path="./face.d.ts" />\n${CELL_GLOBALS}${publicNames()}`,
    'face.d.ts': "export * from 'vfiolab';\nexport as namespace __vfiolab;\n",
  };
}

/** The package's public names, in every cell: values, types and generics alike. session.ts gives the values. */
function publicNames(): string {
  const index = path.join(PACKAGE, 'dist/lib/index.d.ts');
  const names = existsSync(index) ? exportedNames(index).map((name) => name.replace(/^type /, '')) : [];
  return names.map((name) => `import ${name} = __vfiolab.${name};\n`).join('');
}

export function overlay(sys: System, cwd: string): void {
  const modules = path.join(cwd, 'node_modules');
  const types = path.join(modules, '@types');
  const links = new Map([[path.join(modules, 'vfiolab'), PACKAGE]]);
  if (!existsSync(path.join(modules, 'zx'))) {
    links.set(path.join(modules, 'zx'), path.dirname(createRequire(import.meta.url).resolve('zx/package.json')));
  }
  if (!existsSync(path.join(types, 'node'))) {
    const require = createRequire(import.meta.url);
    const node = path.dirname(require.resolve('@types/node/package.json'));
    links.set(path.join(types, 'node'), node);
    const undici = path.dirname(createRequire(path.join(node, 'package.json')).resolve('undici-types/package.json'));
    links.set(path.join(modules, 'undici-types'), undici);
  }
  const files = new Map([
    ...Object.entries(cellTypes()).map(([name, text]) => [path.join(types, CELL_TYPES, name), text] as const),
    [path.join(types, SHELL_TYPES, 'index.d.ts'), CELL_SHELL],
    [path.join(types, NODE_SLIM, 'index.d.ts'), SLIM_TYPES],
  ]);

  const folders = new Set<string>();
  for (const at of [...links.keys(), ...files.keys()]) {
    for (let up = path.dirname(at); up.startsWith(modules); up = path.dirname(up)) folders.add(up);
  }
  const real = (at: string): string => {
    for (const [from, to] of links) if (at === from || at.startsWith(`${from}/`)) return to + at.slice(from.length);
    return at;
  };

  const plain = { ...sys };
  sys.readFile = (at, encoding) => files.get(at) ?? plain.readFile(real(at), encoding);
  sys.fileExists = (at) => files.has(at) || plain.fileExists(real(at));
  sys.directoryExists = (at) => folders.has(at) || plain.directoryExists(real(at));
  sys.realpath = (at) => (real(at) === at ? (plain.realpath?.(at) ?? at) : at);
  sys.getModifiedTime = (at) => plain.getModifiedTime?.(real(at));
  sys.readDirectory = (at, ...rest) => plain.readDirectory(real(at), ...rest);
  sys.getDirectories = (at) => {
    const found = plain.directoryExists(real(at)) ? plain.getDirectories(real(at)) : [];
    const linked = [...links.keys(), ...folders].filter((each) => path.dirname(each) === at);
    return [...new Set([...found, ...linked.map((each) => path.basename(each))])];
  };
  sys.getCurrentDirectory = () => cwd;
}
