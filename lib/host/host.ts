/**
 * The host as its files tell it: sysfs, procfs, /dev, /etc, /lib/modules below one root folder, which tests replace by one of their
 * own. Reading never throws: what is absent, unreadable or just vanished is undefined. Only `write` and `run` change anything.
 */
import { execFileSync } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolders } from '../folders.js';
import { type PciIds, readPciIds } from './ids.js';

export class Host {
  readonly root: string;
  #ids: PciIds | undefined;

  /** @param root what stands for '/'; `ids` instead of the system's pci.ids. */
  constructor(root = '/', ids?: PciIds) {
    this.root = root;
    this.#ids = ids;
  }

  /** The system's pci.ids, read once when a name is first asked for. */
  get ids(): PciIds {
    this.#ids ??= readPciIds(undefined, this.root);
    return this.#ids;
  }

  /** A file's text, without the white space around it. */
  text(path: string): string | undefined {
    return attempt(() => readFileSync(this.#at(path), 'utf8').trim());
  }

  /** A file's number ('0x8086', '-1'). */
  number(path: string): number | undefined {
    const text = this.text(path);
    const value = Number(text);
    return text === undefined || text === '' || Number.isNaN(value) ? undefined : value;
  }

  /** A file's first bytes. */
  bytes(path: string, count: number): Uint8Array | undefined {
    return attempt(() => readFileSync(this.#at(path)).subarray(0, count));
  }

  /** What a symbolic link says. */
  link(path: string): string | undefined {
    return attempt(() => readlinkSync(this.#at(path)));
  }

  /** The last part of what a symbolic link says: the driver's name, the group's number. */
  name(path: string): string | undefined {
    return this.link(path)?.split('/').at(-1);
  }

  /** The path that a path really is, all links followed. */
  real(path: string): string | undefined {
    return attempt(() => {
      const real = realpathSync(this.#at(path));
      return this.root === '/' ? real : real.slice(realpathSync(this.root).length);
    });
  }

  /** The names in a folder, sorted; none where there is no such folder. */
  names(path: string): string[] {
    return (attempt(() => readdirSync(this.#at(path))) ?? []).sort();
  }

  exists(path: string): boolean {
    return existsSync(this.#at(path));
  }

  /** Whether this process may read and write a file. */
  may(path: string): boolean {
    return attempt(() => accessSync(this.#at(path), constants.R_OK | constants.W_OK) ?? true) ?? false;
  }

  /** Writes a file's whole text, at once, as sysfs wants it. Only with `folders` the file, and those above it, may be new. */
  write(path: string, text: string, folders = false): void {
    if (folders) {
      makeFolders(dirname(this.#at(path)));
      writeFileSync(this.#at(path), text);
      return;
    }
    // Some attributes may be written only: not even root may open them for reading too.
    const fd = openSync(this.#at(path), constants.O_WRONLY);
    try {
      writeSync(fd, text);
    } finally {
      closeSync(fd);
    }
  }

  /** Removes a file, if it is there. */
  remove(path: string): void {
    rmSync(this.#at(path), { force: true });
  }

  /** Runs a program to its end. @throws the error of execFileSync, with what the program wrote to stderr as its message. */
  run(argv: readonly string[]): void {
    const [program = '', ...words] = argv;
    execFileSync(program, words, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  }

  /** A row of /proc/self/status: 'Uid', 'CapEff'. The first word of it. */
  status(row: string): string | undefined {
    return new RegExp(`^${row}:\\s*(\\S+)`, 'm').exec(this.text('/proc/self/status') ?? '')?.[1];
  }

  /** This process's effective capability of a number. Ref: include/uapi/linux/capability.h */
  capable(capability: number): boolean {
    return ((BigInt(`0x${this.status('CapEff') ?? '0'}`) >> BigInt(capability)) & 1n) === 1n;
  }

  /** Whether this process is root's. */
  get isRoot(): boolean {
    return /^Uid:\s+\d+\s+0\b/m.test(this.text('/proc/self/status') ?? '');
  }

  /** Who this process runs as: the name where /etc/passwd has one, else the number. */
  get user(): string {
    const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(this.text('/proc/self/status') ?? '')?.[1] ?? '';
    const row = (this.text('/etc/passwd') ?? '').split('\n').find((line) => line.split(':')[2] === uid);
    return row?.split(':')[0] ?? uid;
  }

  #at(path: string): string {
    return this.root === '/' ? path : join(this.root, path);
  }
}

/** The host that this process runs on. */
export const HOST: Host = new Host();

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
