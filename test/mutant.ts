/** The places of lib/ and kernel/ that `npm run test:mutants` breaks, and the tests that watch over them. */
export interface Mutant {
  readonly name: string;
  /** Where, and what is replaced by what; `search` is there exactly once. */
  readonly file: string;
  readonly search: string;
  readonly replace: string;
  /** The test file that must go red, and the part of its tests' names that is enough to run. */
  readonly test: string;
  readonly only: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'an offset past the end reaches the card',
    file: 'lib/region.ts',
    search: 'offset > this.#end - bytes || offset % bytes !== 0) {',
    replace: 'offset % bytes !== 0) {',
    test: 'contract',
    only: 'an offset that is',
  },
  {
    name: 'a misaligned offset reaches the card',
    file: 'lib/region.ts',
    search: ' || offset % bytes !== 0) {',
    replace: ') {',
    test: 'contract',
    only: 'an offset that is',
  },
  {
    name: 'writing one field clears the others',
    file: 'lib/fields.ts',
    search: 'raw = (raw & ~(ones(field) << BigInt(field.lsb))) |',
    replace: 'raw =',
    test: 'registers',
    only: 'encoding replaces',
  },
  {
    name: 'a read-modify-write clears write-1-to-clear bits',
    file: 'lib/registers.ts',
    search: "(field) => field !== 'w1c' &&",
    replace: '(field) =>',
    test: 'contract',
    only: 'write-1-to-clear bit that it does not name',
  },
  {
    name: 'reserved bits of a status register are written back',
    file: 'lib/fields.ts',
    search: "spec.reserved === 'zero' ? reserved : 0n",
    replace: '0n',
    test: 'config-at',
    only: 'leave RsvdP alone',
  },
  {
    name: 'the registers of a capability are bound where the map has them, not where they are',
    file: 'lib/config/config.ts',
    search: '(offset) => place.offset + offset',
    replace: '(offset) => offset',
    test: 'config-at',
    only: 'leave RsvdP alone',
  },
  {
    name: 'an access over two registers writes back what clears',
    file: 'lib/config/at.ts',
    search: 'zero & ((1n',
    replace: '0n & ((1n',
    test: 'config-at',
    only: 'covers a control and a status register',
  },
  {
    name: 'a dump answers as if a card were there',
    file: 'lib/device.ts',
    search: 'if (error !== undefined) throw error',
    replace: 'if (error === null) throw error',
    test: 'config-kernel',
    only: 'is refused: why',
  },
  {
    name: 'a buffer lies above the DMA mask',
    file: 'lib/iova.ts',
    search: 'hole.last < mask ? hole.last : mask',
    replace: 'hole.last',
    test: 'iova',
    only: 'above the mask',
  },
  {
    name: 'two buffers overlap',
    file: 'lib/iova.ts',
    search: 'const right = { first: last + 1n,',
    replace: 'const right = { first: at + 1n,',
    test: 'iova',
    only: 'a simple one',
  },
  {
    name: 'firings are lost',
    file: 'lib/irq.ts',
    search: 'this.#pending += fired;',
    replace: 'this.#pending = 1;',
    test: 'contract',
    only: 'no firing is lost',
  },
  {
    name: 'a card is opened twice',
    file: 'lib/open.ts',
    search: 'if (where !== undefined) {',
    replace: 'if (where === null) {',
    test: 'contract',
    only: 'a second time in one process',
  },
  {
    name: 'a fault on the bus is read as 0',
    file: 'lib/backends/access.ts',
    search: 'if (value === undefined) throw',
    replace: 'if (value === undefined) return 0;\n    throw',
    test: 'access',
    only: 'a fault in a window',
  },
  {
    name: 'the simulator needs no bus mastering',
    file: 'lib/sim/function.ts',
    search: '(this.#view.getUint16(COMMAND, true) & MASTER) !== 0',
    replace: 'true',
    test: 'contract',
    only: 'without bus mastering',
  },
  {
    name: 'a message with a wrong signature is taken',
    file: 'kernel/wire.ts',
    search: ' || !timingSafeEqual(expected, signature)',
    replace: '',
    test: 'kernel-wire',
    only: 'the signature covers every part',
  },
  {
    name: 'a cell with wrong types runs',
    file: 'kernel/compiler.ts',
    search: 'if (diagnostics.length > 0) return',
    replace: 'if (diagnostics.length < 0) return',
    test: 'kernel',
    only: 'types are checked before anything runs',
  },
  {
    name: 'a name declared anew keeps its card',
    file: 'kernel/session.ts',
    search: 'for (const name of names) if (Object.hasOwn(exports, name)) closeDevice(exports[name]);',
    replace: '',
    test: 'kernel',
    only: 'closes the card that the name held',
  },
  {
    name: 'outputs overtake the text printed before them',
    file: 'kernel/iopub.ts',
    search: '    this.flush();\n    this.#send(type, content, parent, metadata);',
    replace: '    this.#send(type, content, parent, metadata);',
    test: 'kernel',
    only: 'errors say exactly where|a View is HTML|display shows at once|20,000 lines',
  },
  {
    name: 'an interrupt cannot stop what no guard reaches',
    file: 'kernel/interrupt.ts',
    search: "inspector.post('Runtime.terminateExecution', () => {});",
    replace: '',
    test: 'kernel-interrupt',
    only: 'a regular expression is interrupted',
  },
];
