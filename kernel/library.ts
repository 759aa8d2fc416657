/**
 * JavaScript's own declarations as one file: TypeScript has them in sixty, and opens, resolves and merges each of them again
 * for every cell.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';

const REFERENCE = /^\/\/\/ <reference lib="([^"]+)" *\/>$/gm;

export interface Library {
  /** The text of `lib.NAME.d.ts` as a program is to see it: all of it in the first of `names`, nothing in what that holds. */
  text(file: string): string | undefined;
}

/** @param folder TypeScript's own `lib` folder @param names such as 'es2023' */
export function library(folder: string, names: readonly string[]): Library {
  const parts = new Map<string, string>();
  const take = (name: string): void => {
    if (parts.has(name)) return;
    const text = readFileSync(path.join(folder, `lib.${name}.d.ts`), 'utf8');
    parts.set(name, '');
    for (const [, other = ''] of text.matchAll(REFERENCE)) take(other);
    parts.set(name, text.replace(REFERENCE, ''));
  };
  for (const name of names) take(name);
  const first = `lib.${names[0]}.d.ts`;
  const held = new Set([...parts.keys()].map((name) => `lib.${name}.d.ts`));
  return {
    text: (file) => {
      const base = path.basename(file);
      if (!held.has(base) || path.dirname(file) !== folder) return undefined;
      return base === first ? `/// <reference no-default-lib="true"/>\n${[...parts.values()].join('\n')}` : '';
    },
  };
}
