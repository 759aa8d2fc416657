/** Completion as a front end wants it, and whether a cell's text is whole. */
import type {
  CompletionEntry,
  CompletionInfo,
  DiagnosticWithLocation,
  Node,
  SourceFile,
  Symbol as TsSymbol,
  TypeChecker,
} from 'typescript';
import type { Datasheet } from './datasheet.js';
import { firstLine, words } from './docs.js';
import type { Completion, CompletionMatch, IsComplete } from './threads.js';
import { parsed } from './program.js';
import { isStandIn } from './settled.js';
import { PARTIAL } from './slim.js';
import { ts } from './typescript.js';

/** At most so many matches carry their type and words: a list of globals has thousands. */
const DETAILS = 80;

/** What tslab's converter answers. */
export interface Found {
  readonly start: number;
  readonly end: number;
  readonly candidates: readonly string[];
  /** TypeScript's own answer, with the checker that knows its symbols, and where it was asked for (typescript.ts). */
  readonly original?: CompletionInfo & { readonly checker?: TypeChecker; readonly at?: Node | undefined };
}

/** @param typed what the matches stand in for */
export function completed(found: Found, typed: string, datasheet: Datasheet): Completion {
  const { checker, at } = found.original ?? {};
  const entries = new Map<string, CompletionEntry>((found.original?.entries ?? []).map((entry) => [entry.name, entry]));
  const describe = (text: string): CompletionMatch => {
    const { kind = '', symbol } = entries.get(text) ?? {};
    return { text, kind, ...(symbol && checker && at ? described(symbol, at, checker, datasheet) : {}) };
  };
  const matches = asDeclared(fitting(found.candidates, typed), entries).map((text, index) =>
    index < DETAILS ? describe(text) : { text, kind: entries.get(text)?.kind ?? '' },
  );
  return { matches, start: found.start, end: found.end };
}

/** Where it is and how it may be accessed, for a register or a field; else its type; and its words. */
function described(symbol: TsSymbol, at: Node, checker: TypeChecker, datasheet: Datasheet): Partial<CompletionMatch> {
  const register = datasheet.describe(symbol, at, checker);
  if (register) {
    const { kind, detail, doc, map } = register;
    const said = firstLine(map);
    const reference = /\bRef: *(.+)$/.exec(said)?.[1] ?? said;
    return { kind, detail, ...(doc === '' ? {} : { doc }), ...(reference === '' ? {} : { reference }) };
  }
  const aliased = (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
  const node = aliased.valueDeclaration ?? aliased.declarations?.[0];
  if (!node) return {};
  const doc = firstLine(words(node));
  const detail = checker.typeToString(checker.getTypeOfSymbolAtLocation(aliased, node));
  return { detail, ...(doc === '' ? {} : { doc }) };
}

/** Whether there might be more with all of Node's types: nothing was found, or not a name that Node has, or some members only of what has more. */
export function lacksNode({ candidates, original }: Found, typed: string): boolean {
  if (candidates.length === 0) return true;
  if (original?.entries.some(({ symbol }) => symbol?.declarations?.some(isPart))) return true;
  if (original?.isGlobalCompletion !== true || typed === '') return false;
  const known = new Set(candidates);
  return Object.getOwnPropertyNames(globalThis).some((name) => name.startsWith(typed) && !known.has(name));
}

const isPart = (node: Node): boolean =>
  isStandIn(node) && ts.isInterfaceDeclaration(node.parent) && PARTIAL.has(node.parent.name.text);

/** Names that begin as typed, where there are any; else those that have it inside. One that begins with `_` has to be asked for by that. */
function fitting(names: readonly string[], typed: string): readonly string[] {
  const begins = names.filter((name) => name.toLowerCase().startsWith(typed.toLowerCase()));
  const fit = begins.length > 0 ? begins : names;
  const open = fit.filter((name) => name.startsWith('_') === typed.startsWith('_'));
  return open.length > 0 ? open : fit;
}

/** Registers and fields first, and in the order of the datasheet, which is that of their map. */
function asDeclared(names: readonly string[], entries: ReadonlyMap<string, CompletionEntry>): readonly string[] {
  const place = (name: string): number | undefined => {
    if (!/^[A-Z][A-Z0-9_]*$/.test(name) || entries.get(name)?.kind !== 'property') return undefined;
    return entries.get(name)?.symbol?.declarations?.[0]?.pos;
  };
  const placed = names.map((name) => ({ name, at: place(name) }));
  const registers = placed.flatMap(({ name, at }) => (at === undefined ? [] : [{ name, at }]));
  const sorted = registers.sort((a, b) => a.at - b.at).map(({ name }) => name);
  return [...sorted, ...placed.filter(({ at }) => at === undefined).map(({ name }) => name)];
}

/** Unterminated template literal, comment; they run to the end, wherever they start. */
const OPEN_ENDED = new Set([1160, 1010]);

export function isComplete(code: string): IsComplete {
  const file = parsed('cell.ts', code, ts.ScriptTarget.Latest) as SourceFile & {
    parseDiagnostics: readonly DiagnosticWithLocation[];
  };
  const faults = file.parseDiagnostics;
  if (faults.length === 0) return { status: 'complete', indent: '' };
  const end = code.trimEnd().length;
  const open = faults.some(({ start, length, code }) => OPEN_ENDED.has(code) || start + length > end || start >= end);
  return open ? { status: 'incomplete', indent: indent(code) } : { status: 'invalid', indent: '' };
}

/** The last line's indentation, two more where it opens a bracket. */
function indent(code: string): string {
  const line = code.slice(code.lastIndexOf('\n') + 1);
  const own = /^\s*/.exec(line)?.[0] ?? '';
  return /[{([]\s*$/.test(line) ? `${own}  ` : own;
}
