/** A hot reset: of the slot or the bus that a device is in, and so of all that is there with it. */
import type { HotResetMember } from './backend.js';
import { Shown, VIEW, View } from './view.js';

/** What a hot reset of one device resets. `dev.hotResetDevices()` makes it. */
export class HotResetDevices extends Shown {
  /** The path of the device that was asked. */
  readonly path: string;
  readonly devices: readonly HotResetMember[];

  constructor(path: string, devices: readonly HotResetMember[]) {
    super();
    this.path = path;
    this.devices = devices;
  }

  [VIEW](): View {
    return new View(
      `a hot reset of ${this.path} resets`,
      ['BDF', 'Group', 'Open here'],
      this.devices.map(({ bdf, group, owned }) => [
        { text: bdf, tone: 'name' },
        { text: String(group ?? '-'), align: 'right' },
        owned ? { text: 'yes', tone: 'good' } : { text: 'no', tone: 'bad' },
      ]),
    );
  }
}
