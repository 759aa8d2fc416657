/** Folders with all that lead to them. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes `folder`, and each one above it that is missing. Node's own recursive mkdir spins for ever where the kernel answers ENOENT
 * for a parent that exists, as under /proc.
 *
 * @throws the error of mkdir(2).
 */
export function makeFolders(folder: string, mode = 0o777): void {
  if (existsSync(folder)) return;
  makeFolders(dirname(folder), mode);
  mkdirSync(folder, { mode });
}
