/**
 * The compiler thread: tslab's converter, which turns a cell into checked JavaScript whose variables live across cells.
 * Everything that TypeScript is asked is asked here. The only file that touches tslab.
 */
import './cache.js';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import type {
  CompilerOptions,
  Diagnostic as TsDiagnostic,
  Program,
  QuickInfo,
  SourceFile,
  System,
  TranspileOptions,
  TranspileOutput,
} from 'typescript';
import { type Answers, answer } from './ask.js';
import { completed, type Found, isComplete, lacksNode } from './complete.js';
import { Datasheet } from './datasheet.js';
import { cut, withoutExports } from './declarations.js';
import { document } from './docs.js';
import { corrected } from './emit.js';
import { awaits, guardLoops, keepEarlierValues, type Notes, placeCalls } from './guard.js';
import { CELL_TYPES, NODE_SLIM, overlay, SHELL_TYPES } from './overlay.js';
import { type Builder, LIBRARY_FILES, type ProgramOptions, Programs } from './program.js';
import type {
  Compiled,
  CompileResult,
  CompilerData,
  Completion,
  Diagnostic,
  Inspection,
  Questions,
  Signature,
} from './threads.js';
import { Settled } from './settled.js';
import { signatureAt } from './signature.js';
import { inString } from './strings.js';
import { aliases, folderOptions } from './tsconfig.js';
import { diagnosticsOf, dressed, keepCompiled, quickInfo, type Ts, ts } from './typescript.js';
import { disposedNames, whyGone } from './using.js';

/** Beside tslab's own: strict, but for what gets in the way of a scratch cell. */
const OPTIONS: CompilerOptions = {
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  types: ['node', CELL_TYPES, SHELL_TYPES],
  lib: [...LIBRARY_FILES],
  libReplacement: false,
  inlineSourceMap: true,
  strict: true,
  noImplicitAny: false,
  experimentalDecorators: false,
  allowImportingTsExtensions: true,
  rewriteRelativeImportExtensions: true,
  jsx: ts.JsxEmit.ReactJSX,
};

/** When a cell ran, and nothing more seems to come, in milliseconds. */
const LULL = 1000;

/** What we use of tslab (its own types stand on its fork of TypeScript). */
interface Tslab {
  createConverter(options: { isJS: boolean; isBrowser: boolean }): Converter;
  printQuickInfo(info: QuickInfo): string;
}
interface Converter {
  convert(declarations: string, code: string): Converted;
  inspect(declarations: string, code: string, position: number): QuickInfo | undefined;
  complete(declarations: string, code: string, position: number): Found;
}
interface Converted {
  readonly diagnostics: readonly TslabDiagnostic[];
  readonly output?: string;
  readonly declOutput?: string;
  readonly lastExpressionVar?: string;
  readonly sideOutputs?: readonly { readonly path: string; readonly data: string }[];
}
/** Lines and characters from 0. */
interface TslabDiagnostic {
  readonly start: { readonly line: number; readonly character: number };
  readonly end: { readonly line: number; readonly character: number };
  readonly messageText: string;
  readonly code: number;
  readonly fileName?: string;
}

/** What a cell leaves to those after it, should it run to its end. */
interface Left {
  readonly declarations: string;
  readonly names: readonly string[];
  /** Those that it disposes of at its end. */
  readonly disposed: ReadonlySet<string>;
}

class Compiler {
  readonly #cwd: string;
  readonly #converter: Converter;
  #programs: Programs | undefined;
  readonly #settled: Settled;
  /** Whether all that the checker complained of last would be the same with all of Node's types. */
  #final = false;
  #lull: NodeJS.Timeout | undefined;
  readonly #printQuickInfo: Tslab['printQuickInfo'];
  /** Declarations that hold for the next cell, and those of the cell that was compiled last. */
  #declarations = '';
  #compiled: Left = { declarations: '', names: [], disposed: new Set() };
  /** Names that earlier cells have disposed of. */
  readonly #gone = new Set<string>();
  /** The last cell that compiled: often it is run again as it is. */
  #last: { code: string; before: string; compiled: Left; ok: Compiled } | undefined;
  #converted = false;
  /** Left behind by the converter's last step. */
  #maps: string[] = [];
  /** The maps of the files that the cell being compiled imports, by their code. */
  readonly #emitted = new Map<string, readonly string[]>();
  #notes: Notes = { imports: new Set(), names: new Set() };
  readonly #datasheet = new Datasheet();
  /** Of what was inspected last. */
  #signature: Signature | undefined;

  constructor(cwd: string) {
    this.#cwd = cwd;
    overlay(ts.sys, cwd);
    this.#settled = new Settled(path.join(cwd, 'node_modules/@types/node'));
    const tslab = loadTslab(
      dressed({
        getQuickInfoAtPosition: quickInfo(
          document,
          (...of) => this.#datasheet.words(...of),
          (...at) => {
            this.#signature = signatureAt(...at);
          },
        ),
        getPreEmitDiagnosticsOfFiles: (program: Program, files: readonly SourceFile[]): readonly TsDiagnostic[] => {
          const found = diagnosticsOf(program, files);
          this.#final = this.#programs?.slim === true && this.#settled.all(program, found);
          return found;
        },
        createWatchCompilerHost: (roots: string[], own: CompilerOptions, system: System) => {
          const { types = [], ...folder } = folderOptions(cwd);
          const typeRoots = [path.join(cwd, 'node_modules/@types')];
          const full = { ...own, ...OPTIONS, ...folder, typeRoots };
          full.types = [...new Set([...(OPTIONS.types ?? []), ...types])];
          // Types that the folder wants may stand on Node's.
          // JSX is among what a cell may need more for: with it every file imports a runtime.
          const { jsx: _, ...plain } = full;
          const slim = types.some((name) => name !== 'node') ? full : { ...plain, types: [NODE_SLIM, CELL_TYPES] };
          return { roots, system, cwd, full, slim };
        },
        createWatchProgram: (
          host: Omit<ProgramOptions, 'onProgram'> & { afterProgramCreate(builder: Builder): void },
        ) => {
          this.#programs = new Programs({
            ...host,
            onProgram: (builder) => host.afterProgramCreate(corrected(builder)),
          });
        },
        transpileModule: (code: string, own: TranspileOptions) => this.#transpile(code, own),
      }),
    );
    this.#converter = tslab.createConverter({ isJS: false, isBrowser: false });
    this.#printQuickInfo = tslab.printQuickInfo;
  }

  compile(cell: string): CompileResult {
    const code = withoutExports(cell);
    const changed = this.#programs?.refresh();
    const again = this.#last;
    if (again?.code === code && again.before === this.#declarations && !changed) {
      this.#compiled = again.compiled;
      return { ok: { ...again.ok, files: [] } };
    }
    this.#last = undefined;
    this.#converted = true;
    this.#emitted.clear();
    let converted = this.#converter.convert(this.#declarations, code);
    if (converted.diagnostics.length > 0 && !this.#final && this.#programs?.widen()) {
      converted = this.#converter.convert(this.#declarations, code);
    }
    const { diagnostics, output, declOutput, lastExpressionVar, sideOutputs } = converted;
    if (diagnostics.length > 0) return { diagnostics: this.#explained(diagnostics) };
    const disposed = new Set(disposedNames(code));
    const names = [...this.#notes.names].filter((name) => name !== lastExpressionVar);
    const left = declOutput ?? '';
    const declarations = disposed.size > 0 ? cut(left, (name) => !disposed.has(name), true) : left;
    this.#compiled = { declarations, names, disposed };
    const ok: Compiled = {
      code: output ?? '',
      async: awaits(code),
      imports: [...this.#notes.imports],
      aliases: aliases([...this.#notes.imports], this.#cwd),
      names,
      result: lastExpressionVar,
      maps: this.#maps,
      files: (sideOutputs ?? []).map(({ path, data }) => ({ path, code: data, maps: this.#emitted.get(data) ?? [] })),
    };
    this.#last = { code, before: this.#declarations, compiled: this.#compiled, ok };
    return { ok };
  }

  #explained(diagnostics: readonly TslabDiagnostic[]): Diagnostic[] {
    return diagnostics.map((each) => {
      const plain = diagnostic(each);
      return { ...plain, message: shortened(whyGone(plain.message, this.#gone)) };
    });
  }

  commit({ names, maps }: Questions['commit']['ask']): null {
    // By now V8 has compiled what a start needs.
    clearTimeout(this.#lull);
    this.#datasheet.tell(maps);
    this.#lull = setTimeout(keepCompiled, LULL);
    const { declarations, names: declared, disposed } = this.#compiled;
    for (const name of declared) this.#gone.delete(name);
    for (const name of disposed) this.#gone.add(name);
    if (names === 'all') {
      this.#declarations = declarations;
    } else {
      // The cell failed half-way: names that it did not reach keep their earlier value, and so their earlier type.
      const missed = new Set(declared.filter((name) => !names.includes(name)));
      const earlier = cut(this.#declarations, (name) => missed.has(name), false);
      this.#declarations = `${cut(declarations, (name) => !missed.has(name), true)}\n${earlier}`;
    }
    return null;
  }

  complete(code: string, cursor: number): Completion {
    this.#programs?.refresh();
    const card = /\bopen\(\s*['"`][^'"`\n]*$/.test(code.slice(0, cursor))
      ? inString(code, cursor, this.#cwd)
      : undefined;
    if (card) return card;
    const find = (): Found => this.#converter.complete(this.#declarations, code, cursor);
    let found = find();
    const typed = code.slice(found.start, cursor);
    if (lacksNode(found, typed) && this.#programs?.widen()) found = find();
    const known = completed(found, typed, this.#datasheet);
    return known.matches.length > 0 ? known : (inString(code, cursor, this.#cwd) ?? known);
  }

  inspect({ code, cursor, only }: Questions['inspect']['ask']): Inspection {
    this.#programs?.refresh();
    const ask = (): QuickInfo | undefined => this.#converter.inspect(this.#declarations, code, cursor);
    let info = ask();
    if (!info && !this.#signature && !only && this.#programs?.widen()) info = ask();
    const signature = this.#signature;
    const call = signature && [signature.label, ...(signature.doc ? ['', signature.doc] : [])].join('\n');
    const text = info ? this.#printQuickInfo(info) : call;
    return { ...(text !== undefined && { text }), ...(signature && { signature }) };
  }

  /** Reads what every cell stands on. */
  warm(): void {
    if (this.#converted) return;
    this.compile('');
  }

  readonly answers: Answers = {
    compile: ({ code }) => this.compile(code),
    commit: (ask) => this.commit(ask),
    complete: ({ code, cursor }) => this.#datasheet.load().then(() => this.complete(code, cursor)),
    inspect: (ask) => this.#datasheet.load().then(() => this.inspect(ask)),
    isComplete: ({ code }) => isComplete(code),
  };

  /** Stands in for ts.transpileModule in the converter's last step, ES module to CommonJS. */
  #transpile(code: string, own: TranspileOptions): TranspileOutput {
    const inline = /\n\/\/# sourceMappingURL=data:application\/json;base64,([\w+/=]+)\s*$/.exec(code);
    this.#notes = { imports: new Set(), names: new Set() };
    const out = ts.transpileModule(inline ? code.slice(0, inline.index + 1) : code, {
      ...own,
      compilerOptions: { ...own.compilerOptions, sourceMap: true },
      transformers: { before: [guardLoops(this.#notes)], after: [keepEarlierValues, placeCalls] },
    });
    const first = inline?.[1] ? Buffer.from(inline[1], 'base64').toString('utf8') : undefined;
    this.#maps = [out.sourceMapText, first].filter((map) => map !== undefined);
    const outputText = out.outputText.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
    this.#emitted.set(outputText, this.#maps);
    return { ...out, outputText };
  }
}

/** A register map's type is pages long, and says nothing of what is wrong: its name is enough. */
function shortened(message: string): string {
  return message.replace(/'([^']{100,})'/g, (_, type: string) => {
    const name = /^(?:readonly )?[\w.]+(?=<)/.exec(type)?.[0];
    return name === undefined ? `'${type.slice(0, 60)} …'` : `'${name}<…>'`;
  });
}

function diagnostic(from: TslabDiagnostic): Diagnostic {
  return {
    file: from.fileName,
    line: from.start.line + 1,
    column: from.start.character + 1,
    endLine: from.end.line + 1,
    endColumn: from.end.character + 1,
    code: from.code,
    message: from.messageText,
  };
}

/** tslab's two modules, with our TypeScript under the name of its fork. */
function loadTslab(typescript: Ts): Tslab {
  const require = createRequire(createRequire(import.meta.url).resolve('tslab/package.json'));
  const fork = require.resolve('@tslab/typescript-for-tslab');
  require.cache[fork] = { id: fork, filename: fork, loaded: true, exports: typescript } as NodeJS.Module;
  const { createConverter } = require('./dist/converter.js') as Tslab;
  const { printQuickInfo } = require('./dist/inspect.js') as Tslab;
  return { createConverter, printQuickInfo };
}

if (parentPort === null) throw new Error('compiler.js is a worker');
const { cwd, io } = workerData as CompilerData;
let compiler: Compiler | undefined;
let failure: unknown;
try {
  compiler = new Compiler(cwd);
} catch (error) {
  failure = error;
}
const answers = (): Answers => {
  if (compiler) return compiler.answers;
  throw new Error(`no cell can run: ${failure instanceof Error ? failure.message : String(failure)}`);
};
answer(parentPort, answers);
answer(io, answers);
// The first cell finds everything read, unless it is waiting already.
setImmediate(() => compiler?.warm());
