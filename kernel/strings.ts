/** Completion inside a string: cards in `open('…')`, names of files elsewhere. Only folders are listed; no card is touched. */
import { readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import type { Completion, CompletionMatch } from './threads.js';

const CARDS = '/sys/bus/pci/devices';
const WAYS = ['group:', 'iommufd:'] as const;

/** @returns undefined where the cursor is in no string, or nothing is known that fits */
export function inString(code: string, cursor: number, cwd: string): Completion | undefined {
  const [, before = '', quote, typed] = /^(.*?)(['"`])((?:(?!\2)[^\n\\])*)$/.exec(lastLine(code, cursor)) ?? [];
  if (quote === undefined || typed === undefined || /\b(from|import|require)\s*\(?\s*$/.test(before)) return undefined;
  const matches = /\bopen\(\s*$/.test(before) ? cards(typed) : files(typed, cwd);
  if (matches.length === 0) return undefined;
  return { matches, start: cursor - typed.length, end: cursor };
}

/** From the cursor's line, what follows its last string that was closed. */
function lastLine(code: string, cursor: number): string {
  const line = code.slice(code.lastIndexOf('\n', cursor - 1) + 1, cursor);
  return line.replace(/(['"`])(?:(?!\1)[^\\]|\\.)*\1/g, (closed) => ' '.repeat(closed.length));
}

function cards(typed: string): CompletionMatch[] {
  const names = list(CARDS).map((bdf) => ({ text: bdf, kind: 'card', detail: driver(bdf) }));
  const ways = WAYS.flatMap((way) =>
    typed.startsWith(way) ? names.map((card) => ({ ...card, text: way + card.text })) : [],
  );
  const all = [...names, ...ways, { text: 'sim:edu', kind: 'card', detail: "QEMU's edu, simulated" }];
  // `03:00` means domain 0.
  return all.filter(({ text }) => text.startsWith(typed) || text.startsWith(`0000:${typed}`));
}

function driver(bdf: string): string {
  try {
    return path.basename(readlinkSync(path.join(CARDS, bdf, 'driver')));
  } catch {
    return 'no driver';
  }
}

function files(typed: string, cwd: string): CompletionMatch[] {
  const folder = typed.slice(0, typed.lastIndexOf('/') + 1);
  const start = typed.slice(folder.length);
  const at = path.resolve(cwd, folder);
  return list(at, true)
    .filter((name) => name.startsWith(start) && (start.startsWith('.') || !name.startsWith('.')))
    .map((name) => ({ text: folder + name, kind: name.endsWith('/') ? 'folder' : 'file' }));
}

function list(folder: string, marked = false): string[] {
  try {
    const found = readdirSync(folder, { withFileTypes: true });
    return found.map((each) => each.name + (marked && each.isDirectory() ? '/' : '')).sort();
  } catch {
    return [];
  }
}
