/**
 * Register maps: data in the datasheet's words, order and offsets. `region.registers(map)` makes typed registers of one.
 *
 *     const EDU = {                                          // Ref: QEMU docs/specs/edu
 *       ID:     r32(0x00, { MAJOR: [31, 24], MINOR: [23, 16], MAGIC: [15, 0] }, 'ro'),
 *       STATUS: r32(0x20, { COMPUTING: [0, 0, 'ro'], IRQ: 7 }),
 *     }
 */
import type { Width } from './backend.js';
import { type FieldSpec, type Fields, layoutOf } from './fields.js';

/**
 * What software may do with a register: read and write; read only; write only; write 1 to clear; 'rclr': reading has a side
 * effect (clears the register, takes an entry off a FIFO).
 */
export type Access = 'rw' | 'ro' | 'wo' | 'w1c' | 'rclr';

export interface RegisterOptions {
  /** Default 'rw'. */
  readonly access?: Access;
  /** How many of it there are; then the register is an array. */
  readonly count?: number;
  /** Bytes from one element to the next. Default: the register's own width. */
  readonly stride?: number;
  /** Value after reset. */
  readonly reset?: number | bigint;
  /** One line from the datasheet. */
  readonly doc?: string;
  /**
   * What `modify()` writes to bits that no field has: what it read (RsvdP), or 0 (RsvdZ: a later device may have write-1-to-clear bits
   * there). Default: 'zero' for access 'w1c', else 'preserve'.
   */
  readonly reserved?: 'preserve' | 'zero';
  /** Its write-1-to-clear bits are errors: shown as such where they are set. */
  readonly errors?: boolean;
}

/** One register of a map: plain data. */
export interface RegisterSpec<
  W extends Width = Width,
  F extends Fields = Fields,
  A extends Access = Access,
  N extends number = number,
> {
  readonly width: W;
  /** Bytes from the start of the region. */
  readonly offset: number;
  readonly fields: F;
  readonly access: A;
  /** 0: a single register, no array. */
  readonly count: N;
  readonly stride: number;
  readonly reset: number | bigint | undefined;
  readonly doc: string;
  /** As `RegisterOptions` has it; or the very bits that are written as 0. */
  readonly reserved: 'preserve' | 'zero' | bigint;
  readonly errors: boolean;
}

export type RegisterMap = Readonly<Record<string, RegisterSpec>>;

type Options = Access | RegisterOptions;
type AccessOf<O> = O extends Access ? O : O extends { readonly access: infer A extends Access } ? A : 'rw';
type CountOf<O> = O extends { readonly count: infer N extends number } ? N : 0;

function spec<W extends Width>(width: W) {
  return <const F extends Fields = Record<never, FieldSpec>, const O extends Options = 'rw'>(
    offset: number,
    fields?: F,
    options?: O,
    // NoInfer: what the place of the declaration expects says nothing about the register.
  ): RegisterSpec<W, NoInfer<F>, AccessOf<NoInfer<O>>, CountOf<NoInfer<O>>> => {
    const { access, count, stride, reset, doc, reserved, errors }: RegisterOptions =
      typeof options === 'string' ? { access: options } : (options ?? {});
    return {
      width,
      offset,
      fields: fields ?? ({} as F),
      access: (access ?? 'rw') as AccessOf<O>,
      count: (count ?? 0) as CountOf<O>,
      stride: stride ?? width / 8,
      reset,
      doc: doc ?? '',
      reserved: reserved ?? (access === 'w1c' ? 'zero' : 'preserve'),
      errors: errors ?? false,
    };
  };
}

/**
 * Declares an 8-bit register: its offset in bytes, its fields (a bit number, or `[msb, lsb]`, then optionally an access mode and
 * an enum `{ NAME: code }` or a unit `{ unit: 'ns' }`), and its access mode or options.
 *
 * @example
 * const UART = {
 *   LSR: r8(0x05, { READY: 0, OVERRUN: [1, 1, 'rclr'] }, 'ro'),
 *   DIV: r8(0x08, { SOURCE: [1, 0, { XTAL: 0, PLL: 1 }] }, { count: 4, doc: 'clock divider of each port' }),
 * }
 */
export const r8 = spec(8);
/** Declares a 16-bit register; see `r8`. */
export const r16 = spec(16);
/** Declares a 32-bit register; see `r8`. */
export const r32 = spec(32);
/** Declares a 64-bit register; see `r8`. Its value and its fields are bigints. */
export const r64 = spec(64);

/** Whether reading a register changes it, by its map: it, or a field of it, is 'rclr'. */
export const changesByReading = (spec: RegisterSpec): boolean =>
  spec.access === 'rclr' || layoutOf(spec).some(({ access }) => access === 'rclr');
