/**
 * A simulated conventional PCI function as it is in its slot: the config bytes, which bits of them can be written, the
 * INTx pin and the MSI capability.
 *
 * Ref: PCI Local Bus 3.0, 6.1-6.8; the layout is QEMU's: MSI (64-bit address, one vector, no masking) at 0x40
 */

export const CONFIG_SIZE = 256;
export const COMMAND = 0x04;
export const STATUS = 0x06;
export const BAR0 = 0x10;
export const BAR0_SIZE = 0x10_0000;
export const ROM_BAR = 0x30;
export const MSI = 0x40;
export const MSI_SIZE = 14;
export const MSI_FLAGS = MSI + 2;

/** Bits of COMMAND. */
export const MEM = 0x0002;
export const MASTER = 0x0004;
export const INTX_DISABLE = 0x0400;
const IO = 0x0001;
const SERR = 0x0100;

/** Bits of STATUS and of MSI flags. */
const INTERRUPT = 0x0008;
const CAPABILITIES = 0x0010;
export const MSI_ENABLE = 0x0001;
export const MSI_QUEUE_SIZE = 0x0070;
const MSI_64BIT = 0x0080;

/** Where the firmware put BAR0, and the interrupt line that it wrote down. */
const BAR0_AT = 0xfde0_0000;
const LINE = 0x0a;

/** [offset, width, value, writable bits] */
const REGISTERS: readonly (readonly [number, 8 | 16 | 32, number, number])[] = [
  [0x00, 16, 0x1234, 0],
  [0x02, 16, 0x11e8, 0],
  [COMMAND, 16, IO | MEM | SERR, IO | MEM | MASTER | SERR | INTX_DISABLE],
  [STATUS, 16, CAPABILITIES, 0],
  [0x08, 32, 0x00ff_0010, 0],
  [0x0c, 8, 0, 0xff],
  [BAR0, 32, BAR0_AT, 0xffff_ffff - (BAR0_SIZE - 1)],
  [0x2c, 16, 0x1af4, 0],
  [0x2e, 16, 0x1100, 0],
  [0x34, 8, MSI, 0],
  [0x3c, 8, LINE, 0xff],
  [0x3d, 8, 1, 0],
  [MSI, 8, 0x05, 0],
  [MSI_FLAGS, 16, MSI_64BIT, MSI_ENABLE | MSI_QUEUE_SIZE],
];

export class PciFunction {
  readonly #bytes = new Uint8Array(CONFIG_SIZE);
  /** Behind the header and outside the capability QEMU has plain memory. */
  readonly #writable = new Uint8Array(CONFIG_SIZE).fill(0xff, MSI + MSI_SIZE);
  readonly #view = new DataView(this.#bytes.buffer);
  #pin = false;
  /** Called when the INTx signal to the interrupt controller may have risen. */
  onIntx: () => void = () => {};

  constructor() {
    const writable = new DataView(this.#writable.buffer);
    for (const [offset, width, value, bits] of REGISTERS) {
      if (width === 8) {
        this.#view.setUint8(offset, value);
        writable.setUint8(offset, bits);
      } else if (width === 16) {
        this.#view.setUint16(offset, value, true);
        writable.setUint16(offset, bits, true);
      } else {
        this.#view.setUint32(offset, value, true);
        writable.setUint32(offset, bits, true);
      }
    }
  }

  readByte(offset: number): number {
    return this.#bytes[offset] ?? 0xff;
  }

  writeByte(offset: number, value: number): void {
    const bits = this.#writable[offset] ?? 0;
    this.#bytes[offset] = (this.readByte(offset) & ~bits) | (value & bits);
    if (offset === COMMAND + 1) this.onIntx();
    if (offset >= MSI && offset < MSI + MSI_SIZE && this.msiEnabled) this.setPin(false);
  }

  get busMaster(): boolean {
    return (this.#view.getUint16(COMMAND, true) & MASTER) !== 0;
  }

  get msiEnabled(): boolean {
    return (this.#view.getUint16(MSI_FLAGS, true) & MSI_ENABLE) !== 0;
  }

  setMsiFlags(flags: number): void {
    this.writeByte(MSI_FLAGS, flags & 0xff);
  }

  /** The pin, as STATUS tells it, whatever COMMAND.INTX_DISABLE says. */
  get pin(): boolean {
    return this.#pin;
  }

  setPin(high: boolean): void {
    this.#pin = high;
    this.#view.setUint16(STATUS, CAPABILITIES | (high ? INTERRUPT : 0), true);
    this.onIntx();
  }

  /** Whether the interrupt controller sees INTx. */
  get asserted(): boolean {
    return this.#pin && !this.intxDisabled;
  }

  get intxDisabled(): boolean {
    return (this.#view.getUint16(COMMAND, true) & INTX_DISABLE) !== 0;
  }

  set intxDisabled(disabled: boolean) {
    const command = this.#view.getUint16(COMMAND, true) & ~INTX_DISABLE;
    this.#view.setUint16(COMMAND, command | (disabled ? INTX_DISABLE : 0), true);
    this.onIntx();
  }

  /** A bus reset, after which the kernel restores the header: what is left of it is the pin, which fell. */
  reset(): void {
    this.setPin(false);
  }
}
