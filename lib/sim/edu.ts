/**
 * QEMU's `edu` card: its registers, its 4 KiB buffer, its factorial unit and its DMA engine. Both take their time: the
 * factorial a millisecond and more, DMA 100 ms.
 *
 * Ref: QEMU docs/specs/edu; where the text is silent, the behaviour was measured on QEMU 10.0
 */
import type { Width } from '../backend.js';

/** What a device sees of the slot that it sits in. */
export interface Slot {
  /** Milliseconds on the device's clock; only differences mean anything. */
  now(): number;
  /** Reads and writes of host memory, through the IOMMU; what is not reachable reads as zeros and swallows writes. */
  dmaRead(iova: bigint, into: Uint8Array): void;
  dmaWrite(iova: bigint, from: Uint8Array): void;
  readonly msiEnabled: boolean;
  sendMsi(): void;
  /** Drives the INTx pin. */
  setIntx(high: boolean): void;
}

const ID = 0x010000ed;
const COMPUTING = 0x01;
const IRQ_WHEN_COMPUTED = 0x80;
const FACTORIAL_IRQ = 0x001;
const DMA_IRQ = 0x100;
const RUN = 1n;
const TO_HOST = 2n;
const IRQ_WHEN_MOVED = 4n;
const BUFFER_AT = 0x40000n;
const BUFFER_SIZE = 4096n;
const IOVA_MASK = (1n << 28n) - 1n;
const DMA_MS = 100;
const FACTORIAL_MS = 1;
const FACTORIAL_MS_PER_STEP = 1e-6;

type DmaRegister = 'source' | 'destination' | 'count' | 'command';
const DMA_REGISTERS: ReadonlyMap<number, DmaRegister> = new Map([
  [0x80, 'source'],
  [0x88, 'destination'],
  [0x90, 'count'],
  [0x98, 'command'],
]);

/** 32-bit wrapping factorial, as the card computes it. */
function factorial(n: number): number {
  let product = 1;
  for (let k = n; k > 0 && product !== 0; k--) product = Math.imul(product, k) >>> 0;
  return product;
}

export class Edu {
  readonly #slot: Slot;
  readonly #buffer = new Uint8Array(Number(BUFFER_SIZE));
  readonly #dma = { source: 0n, destination: 0n, count: 0n, command: 0n };
  #liveness = 0;
  #factorial = 0;
  #status = 0;
  #irqStatus = 0;
  #computedAt = Number.POSITIVE_INFINITY;
  #movedAt = Number.POSITIVE_INFINITY;

  constructor(slot: Slot) {
    this.#slot = slot;
  }

  /** One read of BAR0. 4 bytes below 0x80, 4 or 8 above; other widths and empty offsets read as all-ones. */
  read(offset: number, width: Width): number | bigint {
    if (width === 64) return this.#read64(offset);
    const ones = 2 ** width - 1;
    return width === 32 ? (this.#read32(offset) ?? ones) : ones;
  }

  /** One write to BAR0. Other widths, and offsets where nothing can be written, swallow it. */
  write(offset: number, width: Width, value: number | bigint): void {
    if (width !== 32 && width !== 64) return;
    const register = DMA_REGISTERS.get(offset);
    if (register !== undefined) this.#writeDma(register, BigInt(value));
    else if (width === 32) this.#write32(offset, Number(value));
  }

  /** When `run` has something to do next, on the slot's clock. */
  get due(): number {
    return Math.min(this.#computedAt, this.#movedAt);
  }

  /** Does what is due. */
  run(): void {
    const now = this.#slot.now();
    if (now >= this.#computedAt) this.#computed();
    if (now >= this.#movedAt) this.#moved();
  }

  #read32(offset: number): number | undefined {
    switch (offset) {
      case 0x00:
        return ID;
      case 0x04:
        return this.#liveness;
      case 0x08:
        return this.#factorial;
      case 0x20:
        return this.#status;
      case 0x24:
        return this.#irqStatus;
      default: {
        const register = DMA_REGISTERS.get(offset);
        return register === undefined ? undefined : Number(BigInt.asUintN(32, this.#dma[register]));
      }
    }
  }

  #read64(offset: number): bigint {
    const register = DMA_REGISTERS.get(offset);
    return register === undefined ? 0xffff_ffff_ffff_ffffn : this.#dma[register];
  }

  #write32(offset: number, value: number): void {
    switch (offset) {
      case 0x04:
        this.#liveness = ~value >>> 0;
        break;
      case 0x08:
        if (this.#status & COMPUTING) break;
        this.#factorial = value;
        this.#status |= COMPUTING;
        this.#computedAt = this.#slot.now() + FACTORIAL_MS + value * FACTORIAL_MS_PER_STEP;
        break;
      case 0x20:
        this.#status = (this.#status & COMPUTING) | (value & IRQ_WHEN_COMPUTED);
        break;
      case 0x60:
        this.#raise(value);
        break;
      case 0x64:
        this.#irqStatus = (this.#irqStatus & ~value) >>> 0;
        if (this.#irqStatus === 0 && !this.#slot.msiEnabled) this.#slot.setIntx(false);
        break;
    }
  }

  #writeDma(register: DmaRegister, value: bigint): void {
    if (this.#dma.command & RUN) return;
    if (register === 'command' && !(value & RUN)) return;
    this.#dma[register] = value;
    if (register === 'command') this.#movedAt = this.#slot.now() + DMA_MS;
  }

  #raise(cause: number): void {
    this.#irqStatus = (this.#irqStatus | cause) >>> 0;
    if (this.#irqStatus === 0) return;
    if (this.#slot.msiEnabled) this.#slot.sendMsi();
    else this.#slot.setIntx(true);
  }

  #computed(): void {
    this.#computedAt = Number.POSITIVE_INFINITY;
    this.#factorial = factorial(this.#factorial);
    this.#status &= ~COMPUTING;
    if (this.#status & IRQ_WHEN_COMPUTED) this.#raise(FACTORIAL_IRQ);
  }

  #moved(): void {
    this.#movedAt = Number.POSITIVE_INFINITY;
    const { source, destination, count, command } = this.#dma;
    const toHost = (command & TO_HOST) !== 0n;
    const inside = (toHost ? source : destination) - BUFFER_AT;
    if (inside >= 0n && inside + count <= BUFFER_SIZE) {
      const part = this.#buffer.subarray(Number(inside), Number(inside + count));
      if (toHost) this.#slot.dmaWrite(destination & IOVA_MASK, part);
      else this.#slot.dmaRead(source & IOVA_MASK, part);
    }
    this.#dma.command &= ~RUN;
    if (command & IRQ_WHEN_MOVED) this.#raise(DMA_IRQ);
  }
}
