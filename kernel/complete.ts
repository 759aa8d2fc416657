/** Completion as a front end wants it, and whether a cell's text is whole. */
import type { CompletionEntry, CompletionInfo, DiagnosticWithLocation, SourceFile, TypeChecker } from 'typescript';
import type { Completion, CompletionMatch, IsComplete } from './threads.js';
import { parsed } from './program.js';
import { ts } from './typescript.js';

/** At most so many matches carry their type: a list of globals has thousands. */
const DETAILS = 80;

/** What tslab's converter answers. */
export interface Found {
  readonly start: number;
  readonly end: number;
  readonly candidates: readonly string[];
  /** TypeScript's own answer, with the checker that knows its symbols (typescript.ts). */
  readonly original?: CompletionInfo & { readonly checker?: TypeChecker };
}

/** @param typed what the matches stand in for */
export function completed(found: Found, typed: string): Completion {
  const checker = found.original?.checker;
  const entries = new Map<string, CompletionEntry>((found.original?.entries ?? []).map((entry) => [entry.name, entry]));
  const matches = asDeclared(fitting(found.candidates, typed), entries).map((text, index): CompletionMatch => {
    const entry = entries.get(text);
    const detail = index < DETAILS && entry && checker ? typeText(entry, checker) : undefined;
    return { text, kind: entry?.kind ?? '', ...(detail === undefined ? {} : { detail }) };
  });
  return { matches, start: found.start, end: found.end };
}

/** Whether there might be more with all of Node's types: nothing was found, or not a name that Node has. */
export function lacksNode({ candidates, original }: Found, typed: string): boolean {
  if (candidates.length === 0) return true;
  if (original?.isGlobalCompletion !== true || typed === '') return false;
  const known = new Set(candidates);
  return Object.getOwnPropertyNames(globalThis).some((name) => name.startsWith(typed) && !known.has(name));
}

/** Names that begin as typed, where there are any; else those that have it inside. */
function fitting(names: readonly string[], typed: string): readonly string[] {
  const begins = names.filter((name) => name.toLowerCase().startsWith(typed.toLowerCase()));
  return begins.length > 0 ? begins : names;
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

function typeText(entry: CompletionEntry, checker: TypeChecker): string | undefined {
  const { symbol } = entry;
  const node = symbol?.valueDeclaration ?? symbol?.declarations?.[0];
  return symbol && node ? checker.typeToString(checker.getTypeOfSymbolAtLocation(symbol, node)) : undefined;
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
