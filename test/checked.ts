/** What the type checker says of a cell, as in a session: with the stand-in for Node's types, or with all of them. */
import path from 'node:path';
import type { CompilerHost, CompilerOptions, Program, SourceFile, Symbol as TsSymbol, TypeChecker } from 'typescript';
import { CELL_TYPES, NODE_SLIM, overlay, SHELL_TYPES } from '../kernel/overlay.js';
import { LIBRARY_FILES, parsed } from '../kernel/program.js';
import { Settled } from '../kernel/settled.js';
import { diagnosticsOf, ts } from '../kernel/typescript.js';

/** Where nothing is; only names under it are. */
const FOLDER = '/nowhere';
const CELL = `${FOLDER}/__tslab__.ts`;
const TYPES = path.join(FOLDER, 'node_modules/@types');
const PREFIX = 'export {};\n';

overlay(ts.sys, FOLDER);
const files = new Map<string, SourceFile | undefined>();

export interface Told {
  /** `code line:column message` of each. */
  readonly complaints: readonly string[];
  /** Whether all of them are the same with all of Node's types, as the kernel sees it. */
  readonly settled: boolean;
}

export class Checked {
  readonly #options: CompilerOptions;
  readonly #host: CompilerHost;
  readonly #settled = new Settled(path.join(TYPES, 'node'));
  #program: Program | undefined;
  #cell = '';

  constructor(types: 'slim' | 'all') {
    this.#options = {
      ...{ target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, strict: true, noImplicitAny: false },
      ...{
        declaration: true,
        skipLibCheck: true,
        typeRoots: [TYPES],
        lib: [...LIBRARY_FILES, 'lib.esnext.disposable.d.ts'],
      },
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      types: types === 'slim' ? [NODE_SLIM, CELL_TYPES] : ['node', CELL_TYPES, SHELL_TYPES],
      ...(types === 'slim' ? {} : { jsx: ts.JsxEmit.ReactJSX }),
    };
    const host = ts.createCompilerHost(this.#options);
    this.#host = {
      ...host,
      getSourceFile: (name, how) => {
        if (name === CELL) return parsed(name, PREFIX + this.#cell, how);
        if (!files.has(name)) files.set(name, host.getSourceFile(name, how));
        return files.get(name);
      },
    };
  }

  /** The global names, and how often each is declared. */
  globals(): ReadonlyMap<string, number> {
    this.tell('');
    const checker = this.#program?.getTypeChecker() as TypeChecker & {
      resolveName(name: string, at: undefined, meaning: number, excludeGlobals: boolean): TsSymbol | undefined;
    };
    const all = checker.resolveName('globalThis', undefined, ts.SymbolFlags.Value, false)?.exports ?? new Map();
    return new Map([...all.values()].map(({ name, declarations = [] }: TsSymbol) => [name, declarations.length]));
  }

  /** @param before cells that it stands on, in one text */
  tell(cell: string, before = ''): Told {
    this.#cell = `${before}\n${cell}`;
    const program = ts.createProgram({
      ...{ rootNames: [CELL], options: this.#options, host: this.#host },
      ...(this.#program && { oldProgram: this.#program }),
    });
    this.#program = program;
    const file = program.getSourceFile(CELL);
    if (!file) throw new Error('no cell');
    const found = diagnosticsOf(program, [file]).filter((each) => each.file === file && each.code !== 1375);
    return {
      complaints: found.map(({ start = 0, code, messageText }) => {
        const { line, character } = file.getLineAndCharacterOfPosition(start);
        return `${code} ${line}:${character} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
      }),
      settled: this.#settled.all(program, found),
    };
  }
}
