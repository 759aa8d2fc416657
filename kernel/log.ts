/** A line on the kernel's own stderr, from any thread: a worker's console.log would wait for main. */
import { writeSync } from 'node:fs';

export function log(line: string): void {
  try {
    writeSync(2, `vfiolab kernel: ${line}\n`);
  } catch {
    // stderr is gone; there is nowhere to say so.
  }
}
