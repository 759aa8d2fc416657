/** The other lines of Node that the kernel is tried on, fetched from npm's registry beside the guest's parts. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from './vm/parts.js';

/** The lines that the package is for. */
export const LINES = [20, 22, 24] as const;
const OWN = Number(process.versions.node.split('.')[0]);

/** The binary of a line: this process's own, or a fetched one; undefined where there is none. */
export function nodeOf(line: number): string | undefined {
  if (line === OWN) return process.execPath;
  const binary = join(CACHE, `node-${line}`, 'package/bin/node');
  return existsSync(binary) ? binary : undefined;
}

/** Which of them is missing, in words. */
export function nodesMissing(): string | undefined {
  const missing = LINES.filter((line) => nodeOf(line) === undefined);
  return missing.length > 0 ? `Node ${missing.join(' and ')}` : undefined;
}

/** Fetches those that are missing. @throws Error where npm cannot. */
export function fetchNodes(): void {
  for (const line of LINES) {
    if (nodeOf(line) !== undefined) continue;
    const folder = join(CACHE, `node-${line}`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const run = (program: string, ...args: string[]): void => {
      const { status, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
      if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
    };
    run('npm', 'pack', '--silent', `node-linux-${process.arch}@${line}`);
    const [archive = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
    run('tar', '-xzf', archive);
    rmSync(join(folder, archive));
  }
}
