/**
 * Stock TypeScript 5.9.3 in the shape that tslab's converter expects: five entry points of its own fork, rebuilt on
 * TypeScript's internal functions. So TypeScript is pinned exactly.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type * as TypeScript from 'typescript';
import { precompiled } from './precompiled.js';

export type Ts = typeof TypeScript;

/** The internal functions that the shims stand on. */
interface Internals {
  getEmitDeclarations(options: TypeScript.CompilerOptions): boolean;
  nullTransformationContext: unknown;
  getTouchingPropertyName(file: TypeScript.SourceFile, position: number): TypeScript.Node | undefined;
  findPrecedingToken(position: number, file: TypeScript.SourceFile): TypeScript.Node | undefined;
  getContainerNode(node: TypeScript.Node): TypeScript.Node | undefined;
  SymbolDisplay: {
    getSymbolDisplayPartsDocumentationAndSymbolKind(
      checker: TypeScript.TypeChecker,
      symbol: TypeScript.Symbol,
      file: TypeScript.SourceFile,
      enclosing: TypeScript.Node | undefined,
      location: TypeScript.Node,
    ): Pick<TypeScript.QuickInfo, 'displayParts' | 'documentation' | 'tags'> & {
      symbolKind: TypeScript.ScriptElementKind;
    };
  };
  Completions: { getCompletionsAtPosition(...args: unknown[]): TypeScript.CompletionInfo | undefined };
}

const loaded = precompiled(createRequire(import.meta.url).resolve('typescript'), 'typescript-5.9.3');
/** For the next start. */
export const keepCompiled = (): void => loaded.keep();
export const ts: Ts = loaded.exports as Ts;
const internal = ts as unknown as Internals;

/** What the converter sees instead of `ts`: everything of it, these on top. Assignable, as `ts` itself is not. */
export function dressed(overrides: Readonly<Record<string, unknown>>): Ts {
  const own: Record<string, unknown> = { ...shims, ...overrides };
  const plain = ts as unknown as Record<string, unknown>;
  return Object.defineProperties(
    {},
    Object.fromEntries(
      [...Object.keys(ts), ...Object.keys(own)].map((name) => [
        name,
        { enumerable: true, configurable: true, get: () => (name in own ? own[name] : plain[name]) },
      ]),
    ),
  ) as Ts;
}

/** All complaints about a program and these of its files. */
export function diagnosticsOf(
  program: TypeScript.Program,
  files: readonly TypeScript.SourceFile[],
): readonly TypeScript.Diagnostic[] {
  const withDeclarations = internal.getEmitDeclarations(program.getCompilerOptions());
  return ts.sortAndDeduplicateDiagnostics([
    ...program.getConfigFileParsingDiagnostics(),
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...files.flatMap((file) => [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
      ...(withDeclarations ? program.getDeclarationDiagnostics(file) : []),
    ]),
  ]);
}

const shims: Readonly<Record<string, unknown>> = {
  getNullTransformationContext: () => internal.nullTransformationContext,

  getDefaultTypeRoots(folder: string, host: { directoryExists(path: string): boolean }): string[] {
    const roots: string[] = [];
    for (let at = folder; ; at = path.dirname(at)) {
      const root = path.join(at, 'node_modules/@types');
      if (host.directoryExists(root)) roots.push(root);
      if (at === path.dirname(at)) return roots;
    }
  },

  Completions: Object.assign(Object.create(internal.Completions) as object, {
    getCompletionsAtPositionForTslab(
      _host: unknown,
      program: TypeScript.Program,
      log: unknown,
      file: TypeScript.SourceFile,
      position: number,
      _preferences: unknown,
      trigger: unknown,
      kind: unknown,
      cancellation: unknown,
    ) {
      const host = {
        getCompilationSettings: () => program.getCompilerOptions(),
        getCompilerHost: () => undefined,
        fileExists: existsSync,
      };
      const wanted: unknown[] = [host, program, log, file, position, {}, trigger, kind, cancellation, undefined, true];
      const info = internal.Completions.getCompletionsAtPosition(...wanted);
      const at = internal.findPrecedingToken(position, file) ?? file;
      return info && Object.assign(info, { checker: program.getTypeChecker(), at });
    },
  }),
};

/**
 * The fork's getQuickInfoAtPosition.
 *
 * @param document is told of the symbol before its comments are read
 * @param words for what has none of its own
 * @param onAsk is told first where something is asked for
 */
export function quickInfo(
  document: (symbol: TypeScript.Symbol) => void,
  words: (symbol: TypeScript.Symbol, at: TypeScript.Node, checker: TypeScript.TypeChecker) => string,
  onAsk: (file: TypeScript.SourceFile, checker: TypeScript.TypeChecker, position: number) => void,
) {
  return (
    file: TypeScript.SourceFile,
    checker: TypeScript.TypeChecker,
    _cancellation: unknown,
    position: number,
  ): TypeScript.QuickInfo | undefined => {
    onAsk(file, checker, position);
    const node = internal.getTouchingPropertyName(file, position);
    const symbol = node && node !== file ? checker.getSymbolAtLocation(node) : undefined;
    if (!node || !symbol) return undefined;
    const aliased = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    document(aliased ? checker.getAliasedSymbol(symbol) : symbol);
    const start = node.getStart(file);
    const { symbolKind, displayParts, documentation, tags } =
      internal.SymbolDisplay.getSymbolDisplayPartsDocumentationAndSymbolKind(
        checker,
        symbol,
        file,
        internal.getContainerNode(node),
        node,
      );
    const text = documentation?.length ? '' : words(symbol, node, checker);
    const own = text === '' ? documentation : [{ kind: 'text', text }];
    const textSpan = { start, length: node.getEnd() - start };
    return {
      kind: symbolKind,
      kindModifiers: '',
      textSpan,
      displayParts,
      documentation: own,
      tags,
    } as TypeScript.QuickInfo;
  };
}
