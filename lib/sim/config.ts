/**
 * Config space as vfio-pci shows it: some bits are the function's own, some live in a copy that only the user sees (IDs,
 * BARs, INTX_DISABLE, the MSI capability), some cannot be written.
 *
 * Ref: drivers/vfio/pci/vfio_pci_config.c
 */
import {
  BAR0,
  BAR0_SIZE,
  COMMAND,
  CONFIG_SIZE,
  INTX_DISABLE,
  MEM,
  MSI,
  MSI_ENABLE,
  MSI_FLAGS,
  MSI_QUEUE_SIZE,
  MSI_SIZE,
  type PciFunction,
  ROM_BAR,
} from './function.js';
import type { Interrupts } from './interrupts.js';

/** Bytes: [first, last, bits that live in the user's copy, bits that can be written]. The rest of the header is read-only. */
const RULES: readonly (readonly [number, number, number, number])[] = [
  [0x00, 0x03, 0xff, 0], // vendor and device
  [COMMAND, COMMAND, 0, 0xff],
  [COMMAND + 1, COMMAND + 1, INTX_DISABLE >> 8, 0xff],
  [0x0c, 0x0d, 0, 0xff], // cache line size, latency timer
  [0x0f, 0x0f, 0, 0xff], // BIST
  [BAR0, BAR0 + 23, 0xff, 0xff],
  [ROM_BAR, ROM_BAR + 3, 0xff, 0xff],
  [0x34, 0x34, 0xff, 0], // capability list
  [0x3c, 0x3c, 0xff, 0xff], // interrupt line
  [0x3d, 0x3d, 0xff, 0], // interrupt pin
  [MSI + 1, MSI + 1, 0xff, 0],
  [MSI_FLAGS, MSI_FLAGS, 0xff, 0xff],
  [MSI + 4, MSI + 13, 0xff, 0xff], // message address and data
  [MSI + MSI_SIZE, CONFIG_SIZE - 1, 0, 0xff], // no capability: passed through
];

export class Config {
  readonly #function: PciFunction;
  readonly #interrupts: Interrupts;
  readonly #copy = new Uint8Array(CONFIG_SIZE);
  readonly #virtual = new Uint8Array(CONFIG_SIZE);
  readonly #writable = new Uint8Array(CONFIG_SIZE);

  constructor(pciFunction: PciFunction, interrupts: Interrupts) {
    this.#function = pciFunction;
    this.#interrupts = interrupts;
    for (const [first, last, virtual, writable] of RULES) {
      this.#virtual.fill(virtual, first, last + 1);
      this.#writable.fill(writable, first, last + 1);
    }
    for (let offset = 0; offset < CONFIG_SIZE; offset++) this.#copy[offset] = pciFunction.readByte(offset);
  }

  /** COMMAND.MEM as the user set it: whether BAR0 answers. */
  get memory(): boolean {
    return (this.#byte(this.#copy, COMMAND) & MEM) !== 0;
  }

  read(offset: number, bytes: number): number {
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) value = value * 256 + this.#readByte(offset + i);
    return value;
  }

  write(offset: number, bytes: number, value: number): void {
    const touched = (register: number): boolean => offset <= register && register < offset + bytes;
    for (let i = 0; i < bytes; i++) this.#writeByte(offset + i, Math.floor(value / 256 ** i) & 0xff);
    if (offset === COMMAND) this.#copy[COMMAND] = value & 3;
    if (touched(COMMAND + 1)) {
      this.#interrupts.virtualDisable = (this.#byte(this.#copy, COMMAND + 1) & (INTX_DISABLE >> 8)) !== 0;
    }
    for (let bar = BAR0; bar < BAR0 + 24; bar++) if (touched(bar)) this.#fixBar(bar);
    for (let byte = ROM_BAR; byte < ROM_BAR + 4; byte++) if (touched(byte)) this.#copy[byte] = 0;
    // As the kernel decides it: also for a write that ends just before.
    if (offset >= MSI && offset <= MSI_FLAGS && offset + bytes >= MSI_FLAGS) this.#fixMsiFlags();
  }

  #readByte(offset: number): number {
    const virtual = this.#byte(this.#virtual, offset);
    return (this.#function.readByte(offset) & ~virtual) | (this.#byte(this.#copy, offset) & virtual);
  }

  #writeByte(offset: number, value: number): void {
    const writable = this.#byte(this.#writable, offset);
    const virtual = this.#byte(this.#virtual, offset);
    const copy = this.#byte(this.#copy, offset);
    this.#copy[offset] = (copy & ~(writable & virtual)) | (value & writable & virtual);
    const own = writable & ~virtual;
    if (own !== 0) this.#function.writeByte(offset, (this.#function.readByte(offset) & ~own) | (value & own));
  }

  /** BAR0 keeps the bits above its size, so that sizing works; there is no other BAR. */
  #fixBar(offset: number): void {
    const shift = 8 * (offset - BAR0);
    const bits = shift < 32 ? (~(BAR0_SIZE - 1) >>> shift) & 0xff : 0;
    this.#copy[offset] = this.#byte(this.#copy, offset) & bits;
  }

  /** MSI is enabled by VFIO_DEVICE_SET_IRQS only, and never with more vectors than that asked for. */
  #fixMsiFlags(): void {
    let flags = this.#byte(this.#copy, MSI_FLAGS) & ~MSI_QUEUE_SIZE;
    if (!this.#interrupts.msiInUse) flags &= ~MSI_ENABLE;
    this.#copy[MSI_FLAGS] = flags;
    this.#function.setMsiFlags(flags);
  }

  #byte(bytes: Uint8Array, offset: number): number {
    return bytes[offset] ?? 0;
  }
}
