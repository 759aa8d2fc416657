/** What a cell imports, loaded as ES modules by a real import() from the session's folder, `vfiolab` from this package. */
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';

type Namespace = Record<string, unknown>;

/** A file of the user's own is emitted as a cell is. On its first line, so that the lines stay what they are. */
const GUARDS = Symbol.for('vfiolab.guards');
const PRELUDE =
  "const { __import, __stop, __cell, __running, __interrupted } = globalThis[Symbol.for('vfiolab.guards')];";

export class Modules {
  /** `import.meta` of a cell. */
  readonly meta: Readonly<Record<'url' | 'dirname' | 'filename', string>> & { resolve(specifier: string): string };
  readonly #cwd: string;
  readonly #require: NodeJS.Require;
  readonly #import: (specifier: string) => Promise<Namespace>;
  /** What tsconfig's `paths` makes of an import. */
  readonly #aliases = new Map<string, string>();
  readonly #loaded = new Map<string, Namespace>();
  /** The user's own .ts files, by the path of their JavaScript: code, and exports once loaded. */
  readonly #files = new Map<string, { readonly code: string; exports?: unknown }>();

  /** @param guards what the code of a cell gets as parameters */
  constructor(cwd: string, guards: Readonly<Record<string, unknown>>) {
    Object.defineProperty(globalThis, GUARDS, { value: { ...guards, __import: this.import } });
    const here = path.join(cwd, 'cell.js');
    this.#cwd = cwd;
    this.meta = {
      url: pathToFileURL(here).href,
      dirname: cwd,
      filename: here,
      resolve: (id) => pathToFileURL(this.#require.resolve(id)).href,
    };
    Object.assign(globalThis, { __dirname: cwd, __filename: here });
    this.#require = createRequire(here);
    this.#import = vm.runInThisContext('(specifier) => import(specifier)', {
      filename: here,
      importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    }) as (specifier: string) => Promise<Namespace>;
  }

  /** Before a cell runs: everything that it imports by name. */
  async load(
    specifiers: readonly string[],
    files: readonly { path: string; code: string }[],
    aliases: Readonly<Record<string, string>>,
  ): Promise<void> {
    for (const [id, file] of Object.entries(aliases)) this.#aliases.set(id, file);
    for (const { path, code } of files) this.#files.set(path, { code });
    for (const specifier of specifiers) {
      if (!isPath(this.#aliases.get(specifier) ?? specifier) && !this.#loaded.has(specifier)) {
        this.#loaded.set(specifier, asCommonJs(await this.import(specifier)));
      }
    }
  }

  readonly require = (specifier: string): unknown =>
    this.#loaded.get(specifier) ?? this.#file(specifier, this.#cwd) ?? this.#require(specifier);

  /** `import()` in a cell. */
  readonly import = async (specifier: string): Promise<Namespace> => {
    if (specifier === 'vfiolab') return import('../lib/index.js') as Promise<Namespace>;
    const file = this.#file(specifier, this.#cwd);
    return file === undefined ? this.#import(specifier) : (file as Namespace);
  };

  #file(written: string, folder: string): unknown {
    const specifier = this.#aliases.get(written) ?? written;
    if (!isPath(specifier)) return undefined;
    const plain = path.resolve(folder, specifier);
    const at = [plain, `${plain}.js`, plain.replace(/\.ts$/, '.js'), path.join(plain, 'index.js')].find((each) =>
      this.#files.has(each),
    );
    const file = at === undefined ? undefined : this.#files.get(at);
    if (at === undefined || file === undefined) return undefined;
    if (!('exports' in file)) {
      const module = new Module(at) as Module & { _compile(code: string, path: string): void };
      file.exports = module.exports;
      module.require = ((id: string) =>
        this.#loaded.get(id) ?? this.#file(id, path.dirname(at)) ?? createRequire(at)(id)) as NodeJS.Require;
      module._compile(`${PRELUDE}${file.code}`, at);
      file.exports = module.exports;
    }
    return file.exports;
  }
}

const isPath = (specifier: string): boolean => /^(\.{0,2}\/|\.{1,2}$)/.test(specifier);

/** A namespace as compiled `import` statements read it; names of a CommonJS module that Node did not see are added. */
function asCommonJs(namespace: Namespace): Namespace {
  const view: Namespace = Object.create(null, { __esModule: { value: true } }) as Namespace;
  const add = (from: Namespace, name: string): void => {
    if (!Object.hasOwn(view, name)) Object.defineProperty(view, name, { enumerable: true, get: () => from[name] });
  };
  for (const name of Object.keys(namespace)) add(namespace, name);
  const whole = namespace.default;
  if (whole !== null && (typeof whole === 'object' || typeof whole === 'function')) {
    for (const name of Object.keys(whole)) add(whole as Namespace, name);
  }
  return view;
}
