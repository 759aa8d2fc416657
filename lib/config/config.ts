/** Config space of an open device: a region, and what is in it by name. Only calls read; what they return is data. */
import type { RegionInfo } from '../backend.js';
import { UsageError } from '../errors.js';
import { Region } from '../region.js';
import { type BoundRegister, bindRegisters, type Registers } from '../registers.js';
import { until } from '../until.js';
import type { View } from '../view.js';
import { type ConfigRegister, registerAt, registersOf } from './at.js';
import type { BarSizes } from './bars.js';
import { type CapabilitySpec, shapeOf } from './capability.js';
import type { CapabilityName, CapabilityRegisters } from './catalog.js';
import { offsetsOf } from './decode.js';
import { type Description, describeSpace } from './describe.js';
import { type HeaderData, headerOf } from './layout.js';
import type { Names } from './names.js';
import { type Accesses, Seen } from './seen.js';
import { CONVENTIONAL_SIZE, type Space } from './space.js';
import { lspciView } from './tones.js';
import { readVpd, type VpdRecord, vpdRecords } from './vpd.js';
import { type Found, isFound, walk } from './walk.js';

/** What is known of the device beside its config space. */
export interface Surroundings {
  readonly sizes: BarSizes;
  /** As lspci has it: '0000:03:00.0'. */
  readonly slot: string;
  /** The system's names. */
  readonly names: () => Names;
}

/** Milliseconds. Cards take a few. */
const VPD_TIMEOUT = 1000;

export class Config extends Region {
  readonly #around: Surroundings;

  /** Users come by it through `dev.config`. */
  constructor(accesses: Accesses, info: RegionInfo, around: Surroundings, seen: Seen = new Seen()) {
    super(seen.through(accesses, info.size), info);
    this.#around = around;
  }

  /**
   * The header as data: its registers with their fields, BARs with their sizes, the ROM, a bridge's windows. `layout` tells which
   * registers there are beside those of all headers. Reads config space once, now; JSON.stringify() takes the result as it is.
   *
   * @throws BusError, ClosedError as `readBlock` does. Ref: PCI Local Bus 3.0, 6.1; PCI-to-PCI Bridge 1.2, 3.2
   * @example dev.config.header().COMMAND.MASTER
   */
  header(): HeaderData {
    return headerOf(this.space(), this.#around.sizes);
  }

  /**
   * A capability's registers, to read, write and modify: what `dev.cap()` gives as data. Reads config space once to find it, and
   * nothing later until one of them is asked to. Of several of a name, `instance` counts from 0.
   *
   * `modify()` leaves reserved bits alone, and clears no write-1-to-clear bit that it does not name.
   *
   * @throws UsageError where the device has no such capability; BusError, ClosedError as `readBlock` does.
   * @example dev.config.capability('EXP').LNKCTL.modify({ ASPM: 'Disabled' })
   */
  capability<N extends CapabilityName>(name: N, instance = 0): Registers<CapabilityRegisters<N>> {
    const space = this.space();
    const all = walk(space).filter(isFound);
    const { spec, place } = this.#find(all, name, instance);
    const shape = shapeOf(spec, space, place);
    // Behind the conventional space other capabilities begin.
    const end = place.extended ? this.size : Math.min(this.size, CONVENTIONAL_SIZE);
    const registers = bindRegisters(this, spec.registers, (register, key) =>
      offsetsOf(register, shape[key])
        .map((offset) => place.offset + offset)
        .filter((offset) => offset + register.width / 8 <= end),
    );
    return registers as unknown as Registers<CapabilityRegisters<N>>;
  }

  /**
   * Every register that the tables have for this card, in ascending order: the header's, and the capabilities' as `EXP.LNKSTA`. Reads
   * config space once, to find them.
   *
   * @throws BusError, ClosedError as `readBlock` does.
   * @example dev.config.all().map(({ name }) => name)
   */
  all(): readonly BoundRegister[] {
    return registersOf(this, this.space());
  }

  /**
   * A place by setpci's name: a register of the header ('COMMAND'), of a capability ('CAP_EXP+8.w', 'ECAP_AER+4.l', 'CAP_VNDR.l@1',
   * 'CAP10+2.w'), or an offset ('3c.b'). Numbers are hexadecimal. The register that the tables have there brings its fields. Reads config
   * space once, to find the place; Ref: setpci(8)
   *
   * @throws UsageError for a name that means nothing, a capability that is not there, a width that is missing.
   * @example dev.config.at('CAP_EXP+8.w').modify({ RELAXED_ORDERING: 0 })
   */
  at(name: string): ConfigRegister {
    return registerAt(this, this.space(), name);
  }

  /**
   * All of it in lspci's words, as `lspci -vvv` prints them, with the names of the system's pci.ids. Reads config space once, now.
   *
   * @throws BusError, ClosedError as `readBlock` does. Ref: lspci(8) of pciutils 3.15
   * @example dev.config.lspci()
   */
  lspci(): View {
    const { slot, names } = this.#around;
    return lspciView(this.space().bytes, { slot, names: names() });
  }

  /**
   * The vital product data: its records, and their fields by keyword. For each word the offset is written to the capability's ADDRESS, and
   * FLAG read until the card has put the word into DATA; it reads up to the end tag, and no further.
   *
   * @throws UsageError where the device has no VPD capability; TimeoutError where FLAG is not set within a second; BusError, ClosedError.
   * Ref: PCI Local Bus 3.0, appendix I
   * @example (await dev.config.vpd()).flatMap(({ fields }) => fields ?? []).find(({ keyword }) => keyword === 'SN')?.text
   */
  async vpd(): Promise<readonly VpdRecord[]> {
    const { ADDRESS, DATA } = this.capability('VPD');
    const bytes = await readVpd(async (offset) => {
      ADDRESS.write({ ADDRESS: offset });
      await until(() => ADDRESS.read().FLAG, { timeout: VPD_TIMEOUT });
      return DATA.read();
    });
    return vpdRecords(bytes);
  }

  /** All of it as data: header, capabilities, and where a list of them is broken. Reads config space once, now. */
  describe(): Description {
    return describeSpace(this.space().bytes, this.path, this.#around.sizes);
  }

  /** The bytes, as the decoders take them. Reads all of it. */
  space(): Space {
    return { bytes: this.readBlock(0, this.size, 32), path: this.path, slot: this.#around.slot };
  }

  #find(all: readonly Found[], name: string, instance: number): Found & { readonly spec: CapabilitySpec } {
    const same = all.filter(({ place }) => place.name === name);
    const found = same[instance];
    if (found?.spec !== undefined) return { ...found, spec: found.spec };
    throw new UsageError({
      path: this.path,
      attempted: `capability('${name}'${instance === 0 ? '' : `, ${instance}`})`,
      reason: same.length === 0 ? 'no such capability' : `it has ${same.length} of them, from 0`,
      hint: `it has ${all.map(({ place }) => place.name).join(', ') || 'none'}`,
    });
  }
}
