/** A line on the kernel's own stderr, from any thread: a worker's console.log would wait for main. */
import { writeSync } from 'node:fs';

/** Fd 2, until the cells have that. */
let stderr = 2;

const WORDS = 2000;

export function logTo(fd: number): void {
  stderr = fd;
}

export function log(line: string): void {
  try {
    writeSync(stderr, `vfiolab kernel: ${line}\n`);
  } catch {
    // stderr is gone; there is nowhere to say so.
  }
}

/** How Node and V8 begin what they say last. */
const FATAL = /FATAL ERROR|Fatal error|Assertion [^\n]*failed|^\S*node\S*\[\d+\]: |has become corrupted/m;
let dying = false;

/** Output of a cell; where Node says there why it aborts, nobody may live to show it, so it goes to the kernel's own stderr too. */
export function logDying(text: string): void {
  dying ||= FATAL.test(text);
  if (!dying) return;
  try {
    writeSync(stderr, text);
  } catch {
    // As above.
  }
}

/** The end of what a kernel wrote, or from where Node aborts: a stack of native frames comes after the reason. */
export function lastWords(text: string): string {
  const at = text.search(FATAL);
  return (at < 0 ? text.trim().slice(-WORDS) : text.slice(at, at + WORDS)).trim();
}
