/** What the tsconfig.json of the session's folder says of how a cell is checked. Strictness, target and modules are the kernel's. */
import path from 'node:path';
import type { CompilerOptions } from 'typescript';
import { ts } from './typescript.js';

const HONOURED = [
  ...['paths', 'baseUrl', 'pathsBasePath', 'types', 'jsx', 'jsxImportSource', 'jsxFactory', 'jsxFragmentFactory'],
  ...['experimentalDecorators', 'emitDecoratorMetadata', 'customConditions', 'exactOptionalPropertyTypes'],
] as const;

/** Nothing where there is none, or one that cannot be read. */
export function folderOptions(cwd: string): CompilerOptions {
  const file = path.join(cwd, 'tsconfig.json');
  if (!ts.sys.fileExists(file)) return {};
  const { config } = ts.readConfigFile(file, ts.sys.readFile) as { config?: object };
  // Its options alone: which files are the folder's is of no interest, and may take long to find.
  const host = { ...ts.sys, readDirectory: () => [] };
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: ['cell.ts'], include: [] }, host, cwd);
  return Object.fromEntries(HONOURED.filter((name) => name in options).map((name) => [name, options[name]]));
}

/** The files of imports that its `paths` names. */
export function aliases(imports: readonly string[], cwd: string): Record<string, string> {
  if (imports.length === 0) return {};
  const options = { ...folderOptions(cwd), moduleResolution: ts.ModuleResolutionKind.Bundler };
  const starts = Object.keys(options.paths ?? {}).map((key) => key.split('*')[0] ?? key);
  const found = imports.flatMap((id) => {
    if (id === 'vfiolab' || !starts.some((start) => id.startsWith(start))) return [];
    const file = ts.resolveModuleName(id, path.join(cwd, 'cell.ts'), options, ts.sys).resolvedModule?.resolvedFileName;
    return file === undefined || file.includes('/node_modules/') ? [] : [[id, file]];
  });
  return Object.fromEntries(found) as Record<string, string>;
}
