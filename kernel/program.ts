/**
 * The program of a session, in place of TypeScript's watcher, which would build two a cell and take stock of every file each
 * time: files that did not change stay parsed and bound, and a program is made when somebody asks for it.
 *
 * It begins without Node's types, which are four fifths of all there is to parse: slim.ts stands for them until a cell needs more.
 */
import { statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import type {
  BuilderProgram,
  CompilerHost,
  CompilerOptions,
  CreateSourceFileOptions,
  Program,
  ResolvedModuleWithFailedLookupLocations,
  ScriptTarget,
  SourceFile,
  System,
} from 'typescript';
import path from 'node:path';
import { WITHOUT_DOCS } from './docs.js';
import { library } from './library.js';
import { PACKAGE } from './overlay.js';
import { ts } from './typescript.js';

/** What cells have of JavaScript. */
const LIBRARY = ['es2023', 'esnext.disposable'];
export const LIBRARY_FILES: readonly string[] = [`lib.${LIBRARY[0]}.d.ts`];

/** What tslab's converter asks of a builder. */
export type Builder = Pick<
  BuilderProgram,
  'getProgram' | 'getSourceFile' | 'getAllDependencies' | 'emit' | 'getCompilerOptions'
>;

export interface ProgramOptions {
  /** The cell, and the declarations of the cells before it. */
  readonly roots: readonly string[];
  /** tslab's system: it has the text of the roots. */
  readonly system: System;
  readonly cwd: string;
  readonly full: CompilerOptions;
  readonly slim: CompilerOptions;
  readonly onProgram: (builder: Builder) => void;
}

/** Files that stay as they are; a session in this package's own folder finds it without node_modules. */
const isPackaged = (file: string): boolean => file.includes('/node_modules/') || file.startsWith(`${PACKAGE}/dist/`);
const modified = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.mtimeMs;
const internal = ts as unknown as { bindSourceFile(file: SourceFile, options: CompilerOptions): void };

/** A file of the user's own, as it was when it was read. */
interface Own {
  seen: number | undefined;
  readonly changed: () => void;
}

export class Programs {
  readonly #options: ProgramOptions;
  readonly #host: CompilerHost;
  readonly #library = library(path.dirname(ts.getDefaultLibFilePath({})), LIBRARY);
  readonly #files = new Map<string, SourceFile | undefined>();
  readonly #own = new Map<string, Own>();
  #slim = true;
  /** The last one, for what can be taken from it. */
  #program: Program | undefined;
  #pending: unknown;

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.#host = this.#createHost();
    for (const root of options.roots) options.system.watchFile?.(root, () => this.#schedule());
    this.#publish();
  }

  get slim(): boolean {
    return this.#slim;
  }

  /** Takes in all of Node's types, once. @returns whether that changed anything */
  widen(): boolean {
    if (!this.#slim) return false;
    this.#slim = false;
    this.#program = undefined;
    return true;
  }

  /** Looks again at the user's own files. @returns whether one of them has changed */
  refresh(): boolean {
    let changed = false;
    for (const [file, own] of this.#own) {
      const now = modified(file);
      if (now === own.seen) continue;
      own.seen = now;
      this.#files.delete(file);
      own.changed();
      changed = true;
    }
    return changed;
  }

  /** The converter has its own clock: what it sets off runs when it says so. */
  #schedule(): void {
    const { system } = this.#options;
    if (this.#pending !== undefined) system.clearTimeout?.(this.#pending);
    this.#pending = system.setTimeout?.(() => {
      this.#pending = undefined;
      this.#publish();
    }, 0);
  }

  #publish(): void {
    // The converter prunes the tree of the declarations that it was given: each time a new one.
    for (const root of this.#options.roots) this.#files.delete(root);
    this.#options.onProgram(this.#lazy());
  }

  #lazy(): Builder {
    let made: Program | undefined;
    const program = (): Program => {
      made ??= this.#create();
      return made;
    };
    return {
      getProgram: program,
      getCompilerOptions: () => program().getCompilerOptions(),
      // Which names a cell declares can be told without a program.
      getSourceFile: (name) => (made ? made.getSourceFile(name) : this.#bound(name)),
      getAllDependencies: (file) => dependencies(program(), file),
      emit: (file, write, cancellation, onlyDeclarations, transformers) =>
        program().emit(file, write, cancellation, onlyDeclarations, transformers),
    };
  }

  #bound(name: string): SourceFile | undefined {
    const options = this.#options.full;
    const file = this.#host.getSourceFile(name, options.target as ScriptTarget);
    if (file) internal.bindSourceFile(file, options);
    return file;
  }

  #create(): Program {
    const { roots, full, slim } = this.#options;
    const create = (options: CompilerOptions): Program =>
      ts.createProgram({
        rootNames: roots,
        options,
        host: this.#host,
        ...(this.#program ? { oldProgram: this.#program } : {}),
      });
    let program = create(this.#slim ? slim : full);
    if (this.#slim && program.getSourceFiles().some((file) => this.#needsNode(file)) && this.widen()) {
      program = create(full);
    }
    this.#program = program;
    return program;
  }

  /** What comes from elsewhere may name Node's types or modules, and what it does not find would silently be `any`. */
  #needsNode(file: SourceFile): boolean {
    if (isOurs(file.fileName)) return false;
    return file.typeReferenceDirectives.length > 0 || imports(file).some((name) => !/^\.|^vfiolab$/.test(name));
  }

  #createHost(): CompilerHost {
    const { system, cwd, roots, full } = this.#options;
    const host = ts.createCompilerHost(full);
    const packages = ts.createModuleResolutionCache(cwd, (name) => name);
    const none: ResolvedModuleWithFailedLookupLocations = { resolvedModule: undefined };
    return {
      ...host,
      getCurrentDirectory: () => cwd,
      jsDocParsingMode: WITHOUT_DOCS,
      getSourceFile: (name, how) => this.#sourceFile(name, how),
      readFile: (name) => (roots.includes(name) ? system.readFile(name) : ts.sys.readFile(name)),
      getModuleResolutionCache: () => packages,
      hasInvalidatedResolutions: (file) => !isPackaged(file),
      resolveModuleNameLiterals: (literals, file, redirected, options, source) => {
        // Imports of the user's files are resolved anew each time, those of packages once.
        const cache = isPackaged(file) ? packages : undefined;
        return literals.map((literal) => {
          // Declared by Node's types; no folder is searched for them.
          if (isBuiltin(literal.text)) return none;
          const mode = ts.getModeForUsageLocation(source, literal, options);
          return ts.resolveModuleName(literal.text, file, options, ts.sys, cache, redirected, mode);
        });
      },
    };
  }

  #sourceFile(name: string, how: ScriptTarget | CreateSourceFileOptions): SourceFile | undefined {
    const known = this.#files.get(name);
    if (known || (this.#files.has(name) && isPackaged(name))) return known;
    const root = this.#options.roots.includes(name);
    const text = root ? this.#options.system.readFile(name) : (this.#library.text(name) ?? ts.sys.readFile(name));
    const options = typeof how === 'object' ? { ...how, jsDocParsingMode: WITHOUT_DOCS } : how;
    const file = text === undefined ? undefined : parsed(name, text, options);
    this.#files.set(name, file);
    if (!root && !isPackaged(name) && !this.#own.has(name)) this.#watch(name);
    return file;
  }

  /** tslab is told too: it emits a file anew only where it changed. */
  #watch(name: string): void {
    let changed = (): void => {};
    this.#own.set(name, { seen: modified(name), changed: () => changed() });
    const { watchFile } = ts.sys;
    ts.sys.watchFile = (_name, callback) => {
      changed = () => callback(name, ts.FileWatcherEventKind.Changed);
      return { close: () => {} };
    };
    this.#options.system.watchFile?.(name, () => {});
    if (watchFile) ts.sys.watchFile = watchFile;
  }
}

/** A cell with JSX in it is one where it can be read no other way: `<T>value` and `<T>() => …` are TypeScript's first. */
export function parsed(name: string, text: string, how: ScriptTarget | CreateSourceFileOptions): SourceFile {
  const file = ts.createSourceFile(name, text, how);
  if (faults(file) === 0 || !text.includes('<') || !name.endsWith('.ts') || name.endsWith('.d.ts')) return file;
  const jsx = ts.createSourceFile(name, text, how, false, ts.ScriptKind.TSX);
  return faults(jsx) < faults(file) ? jsx : file;
}

const faults = (file: SourceFile): number =>
  (file as SourceFile & { readonly parseDiagnostics: readonly unknown[] }).parseDiagnostics.length;

function isOurs(file: string): boolean {
  if (file.startsWith(`${PACKAGE}/dist/`)) return true;
  return /\/node_modules\/(typescript\/lib\/lib\.|@types\/vfiolab-|vfiolab\/dist\/)/.test(file);
}

function imports(file: SourceFile): string[] {
  const { imports = [] } = file as SourceFile & { readonly imports?: readonly { readonly text: string }[] };
  return imports.map(({ text }) => text);
}

/** The file and all that it imports, as the converter wants them: by name. */
function dependencies(program: Program, from: SourceFile): string[] {
  const found = new Set<string>();
  const visit = (file: SourceFile): void => {
    if (found.has(file.fileName)) return;
    found.add(file.fileName);
    if (file.isDeclarationFile) return;
    const { resolvedModules } = program as unknown as {
      resolvedModules?: Map<string, { forEach(each: (to: ResolvedModuleWithFailedLookupLocations) => void): void }>;
    };
    resolvedModules?.get((file as unknown as { path: string }).path)?.forEach(({ resolvedModule }) => {
      const next = resolvedModule && program.getSourceFile(resolvedModule.resolvedFileName);
      if (next) visit(next);
    });
  };
  visit(from);
  return [...found];
}
