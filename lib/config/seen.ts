/**
 * What is known of COMMAND and of LNKSTA without asking the card: what the accesses to config space that somebody made saw of them.
 * Where LNKSTA is is known once the list of capabilities was read.
 */
import type { Backend } from '../backend.js';
import type { Region } from '../region.js';
import type { SeenCommand, SeenLink } from '../status.js';
import { SPEEDS } from './express.js';
import { findStandard } from './pointers.js';
import { CONVENTIONAL_SIZE } from './space.js';

/** What a region needs of its backend. */
export type Accesses = Pick<Backend, 'path' | 'read' | 'write' | 'readBlock' | 'writeBlock'>;

const COMMAND = 0x04;
const MEM = 1 << 1;
const MASTER = 1 << 2;
/** Ref: PCI Express Base 6.0, 7.5.3.8 */
const EXPRESS_ID = 0x10;
const LNKSTA = 0x12;
const SPEED_NAMES = new Map(Object.entries(SPEEDS).map(([name, code]) => [code, name]));

interface Word {
  readonly raw: number;
  /** In milliseconds since 1970. */
  readonly at: number;
}

export class Seen {
  #command: (Word & { readonly how: 'read' | 'written' }) | undefined;
  #link: Word | undefined;
  /** Where LNKSTA is: null where there is none, undefined where nobody has looked. */
  #place: number | null | undefined;

  /** The same accesses, noted. `size`: of the config space, bytes. */
  through(accesses: Accesses, size: number): Accesses {
    const conventional = Math.min(size, CONVENTIONAL_SIZE);
    return {
      path: accesses.path,
      read: (region, offset, width) => {
        const value = accesses.read(region, offset, width);
        this.#note(offset, width / 8, (at) => byteOf(value, at), 'read');
        return value;
      },
      write: (region, offset, width, value) => {
        accesses.write(region, offset, width, value);
        this.#note(offset, width / 8, (at) => byteOf(value, at), 'written');
      },
      readBlock: (region, offset, width, into) => {
        accesses.readBlock(region, offset, width, into);
        if (offset === 0 && into.length >= conventional) this.#find(into);
        this.#note(offset, into.length, (at) => into[at] ?? 0, 'read');
      },
      writeBlock: (region, offset, width, from) => {
        accesses.writeBlock(region, offset, width, from);
        this.#note(offset, from.length, (at) => from[at] ?? 0, 'written');
      },
    };
  }

  get command(): SeenCommand | undefined {
    const { raw, at, how } = this.#command ?? {};
    if (raw === undefined || at === undefined || how === undefined) return undefined;
    return { raw, mem: (raw & MEM) !== 0, busMaster: (raw & MASTER) !== 0, at, how };
  }

  get link(): SeenLink | undefined {
    if (this.#link === undefined) return undefined;
    const { raw, at } = this.#link;
    return { raw, speed: SPEED_NAMES.get(raw & 0xf) ?? 'unknown speed', width: (raw >> 4) & 0x3f, at };
  }

  /** Reads COMMAND and LNKSTA once more; the first time also where LNKSTA is: all of the conventional space. */
  refresh(config: Region): void {
    if (this.#place === undefined) config.readBlock(0, Math.min(config.size, CONVENTIONAL_SIZE), 32);
    else {
      config.read16(COMMAND);
      if (this.#place !== null) config.read16(this.#place);
    }
  }

  #find(bytes: Uint8Array): void {
    const express = findStandard({ bytes, path: '' }, EXPRESS_ID);
    this.#place = express === undefined ? null : express + LNKSTA;
  }

  #note(offset: number, length: number, byte: (at: number) => number, how: 'read' | 'written'): void {
    const word = (place: number, before: Word | undefined): Word | undefined => {
      if (offset >= place + 2 || offset + length <= place) return undefined;
      const has = (at: number): boolean => at >= offset && at < offset + length;
      // One byte of it says nothing of the other.
      if (before === undefined && !(has(place) && has(place + 1))) return undefined;
      const one = (at: number, old: number): number => (has(at) ? byte(at - offset) : old);
      const raw = one(place, (before?.raw ?? 0) & 0xff) | (one(place + 1, (before?.raw ?? 0) >> 8) << 8);
      return { raw, at: Date.now() };
    };
    const command = word(COMMAND, this.#command);
    if (command) this.#command = { ...command, how };
    // A write of LNKSTA clears bits of it, and sets none.
    if (typeof this.#place === 'number' && how === 'read') this.#link = word(this.#place, this.#link) ?? this.#link;
  }
}

const byteOf = (value: number | bigint, at: number): number => (Number(value) >>> (8 * at)) & 0xff;
