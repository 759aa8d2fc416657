/** The simulated edu card in its slot, bound to vfio-pci: what the kernel would let a user do with it, request by request. */
import { type DmaAccess, type IrqAction, REGION, type Width } from '../backend.js';
import { Config } from './config.js';
import { Edu, type Slot } from './edu.js';
import { PciFunction } from './function.js';
import { Interrupts, type IrqSet } from './interrupts.js';
import { Iommu } from './iommu.js';
import { Refusal } from './refusal.js';

/** An MSI is a write of 32 bits: where nobody set its address and data, a write like any other. */
const NO_MESSAGE = new Uint8Array(4);

export class Card {
  readonly #function = new PciFunction();
  readonly #interrupts = new Interrupts(this.#function);
  readonly #config = new Config(this.#function, this.#interrupts);
  readonly #iommu = new Iommu();
  readonly #edu: Edu;

  /** @param now the device's clock, milliseconds */
  constructor(now: () => number) {
    const pci = this.#function;
    const slot: Slot = {
      now,
      dmaRead: (iova, into) => {
        if (pci.busMaster) this.#iommu.read(iova, into);
        else into.fill(0);
      },
      dmaWrite: (iova, from) => {
        if (pci.busMaster) this.#iommu.write(iova, from);
      },
      get msiEnabled() {
        return pci.msiEnabled;
      },
      sendMsi: () => {
        if (!pci.busMaster) return;
        if (this.#interrupts.message) this.#interrupts.fireMsi();
        else this.#iommu.write(0n, NO_MESSAGE);
      },
      setIntx: (high) => pci.setPin(high),
    };
    this.#edu = new Edu(slot);
  }

  read(region: number, offset: number, width: Width): number | bigint {
    if (region === REGION.CONFIG) return this.#config.read(offset, width / 8);
    this.#checkMemory();
    return this.#edu.read(offset, width);
  }

  write(region: number, offset: number, width: Width, value: number | bigint): void {
    if (region === REGION.CONFIG) {
      this.#config.write(offset, width / 8, Number(value));
    } else {
      this.#checkMemory();
      this.#edu.write(offset, width, value);
    }
  }

  dmaMap(iova: bigint, size: bigint, pointer: bigint, access: DmaAccess): void {
    this.#iommu.map(iova, size, pointer, access);
  }

  dmaUnmap(iova: bigint, size: bigint): bigint {
    return this.#iommu.unmap(iova, size);
  }

  setIrqs(index: number, action: IrqAction, start: number, data: IrqSet): void {
    this.#interrupts.set(index, action, start, data);
  }

  /** A reset of the bus, around which the kernel saves and restores config space. The edu keeps its registers and goes on. */
  reset(): void {
    this.#function.reset();
    this.#interrupts.reset();
  }

  /** When `run` has something to do next, on the device's clock. */
  get due(): number {
    return Math.min(this.#edu.due, this.#interrupts.due);
  }

  run(now: number): void {
    this.#edu.run();
    this.#interrupts.run(now);
  }

  close(): void {
    this.#iommu.close();
  }

  /** A mapped BAR with memory decoding off has no pages behind it. */
  #checkMemory(): void {
    if (!this.#config.memory) throw new Refusal('SIGBUS');
  }
}
