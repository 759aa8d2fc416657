/** A line on the kernel's own stderr, from any thread: a worker's console.log would wait for main. */
import { writeSync } from 'node:fs';

/** Fd 2, until the cells have that. */
let stderr = 2;

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
