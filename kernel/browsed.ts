/** What is said on the comm behind `browse()`, as JSON: by the kernel that opens it, and by a front end that has a browser. */
import type { Width } from '../lib/backend.js';

export const BROWSE_TARGET = 'vfiolab.browse';

export interface BrowsedField {
  readonly name: string;
  readonly msb: number;
  readonly lsb: number;
  readonly access: string;
  /** Names by code. */
  readonly names: readonly (readonly [code: number, name: string])[];
  /** What it counts: 'ns', '8 bytes'. */
  readonly unit?: string;
}

export interface BrowsedRegister {
  readonly name: string;
  /** Bytes from the start of what is browsed. */
  readonly offset: number;
  readonly width: Width;
  readonly access: string;
  readonly doc: string;
  /** Its write-1-to-clear bits are errors where they are set. */
  readonly errors: boolean;
  readonly fields: readonly BrowsedField[];
}

/** With comm_open: what there is to browse. Nothing of it has been read. */
export interface Browsed {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** What stands in the address column of the first byte, an IOVA for instance, in decimal. */
  readonly base: string;
  readonly writable: boolean;
  /** Where to begin. */
  readonly offset: number;
  readonly width: Width;
  /** In ascending order. */
  readonly registers: readonly BrowsedRegister[];
}

/** `id` comes back with the answer. `fragile`: also what reading changes. */
export interface ReadRequest {
  readonly id: number;
  readonly act: 'read';
  readonly offset: number;
  readonly length: number;
  readonly width: Width;
  readonly fragile?: boolean;
}

export interface WriteRequest {
  readonly id: number;
  readonly act: 'write';
  readonly offset: number;
  readonly width: Width;
  /** In decimal. */
  readonly value: string;
}

export type BrowseRequest = ReadRequest | WriteRequest;

/** Bytes of `bytes`. */
export type Part = readonly [offset: number, length: number];

export interface ReadAnswer {
  readonly id: number;
  readonly act: 'read';
  /** In base64, as many as were asked for. */
  readonly bytes: string;
  /** What was left out, since reading would change it. */
  readonly unread: readonly Part[];
  /** What could not be read. */
  readonly failed: readonly Part[];
  /** Why. */
  readonly failure?: string;
}

export interface WriteAnswer {
  readonly id: number;
  readonly act: 'write';
  /** What was read back, in decimal; absent where it was not written or not read back. */
  readonly value?: string;
  /** Why it was not read back. */
  readonly unread?: string;
  /** Why it was not written, or why reading back failed. */
  readonly failure?: string;
}

/** `gone`: the card or the buffer was closed, and why; nothing more will be read. */
export type BrowseAnswer = (ReadAnswer | WriteAnswer) & { readonly gone?: string };
