/** The picture of a device: its regions, interrupts and buffers, and who has it. Looking touches nothing. */
import { type Backend, type Holder, irqLabel } from './backend.js';
import type { Device } from './device.js';
import { identityText } from './identity.js';
import { hex, REGION_HEAD, regionRow, sizeText } from './region.js';
import { type CellLike, View } from './view.js';

export function pictureOf(device: Device, { irqHolder, others = [], fate }: Backend): View {
  const { path, identity, driver, closed } = device;
  const rows: CellLike[][] = device.regions.map(({ info }) => [...regionRow(info)]);
  for (const info of device.irqs) {
    const irqs = device.enabledIrqs.filter(({ kind }) => kind === info.name);
    const fired = irqs.map((irq) => irq.count).join(' ');
    const taken = irqHolder && info.name !== 'req' && info.name !== 'err';
    rows.push([
      { text: irqLabel(info.name), tone: 'name' },
      { text: `${info.count}`, align: 'right' },
      info.count === 1 ? 'vector' : 'vectors',
      irqs.length === 0
        ? { text: taken ? `${who(irqHolder)} has them` : 'off', tone: 'dim' }
        : { text: `${irqs.length} enabled, fired ${fired}`, tone: 'good' },
    ]);
  }
  for (const buffer of device.buffers)
    rows.push([
      { text: 'DMA', tone: 'name' },
      { text: sizeText(buffer.size), align: 'right' },
      'buffer',
      `iova ${hex(buffer.iova)}`,
    ]);
  const shared = others.length > 0 ? `, shared with ${others.map(who).join(', ')}` : '';
  const state = fate?.lost !== undefined ? `, ${fate.lost}` : closed ? ', closed' : shared;
  return new View(`${path}  ${identityText(identity)}  ${driver}${state}`, REGION_HEAD, rows);
}

const who = ({ pid, command }: Holder): string => `process ${pid} (${command})`;
