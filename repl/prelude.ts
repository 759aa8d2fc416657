/** The prelude: the prompt's visible first cell. What it says is decided by the spec and by sysfs; the card is not touched. */
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { KNOWN_MAPS, SIMULATED } from '../lib/hw/index.js';

const BDF = /(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/i;

/** 'vendor:device' of the card that `spec` names, or undefined where nothing tells. */
export function identity(spec: string, sysfs = '/sys'): string | undefined {
  const simulated = SIMULATED[spec];
  if (simulated) return simulated;
  const found = BDF.exec(spec);
  if (!found) return undefined;
  const folder = `${sysfs}/bus/pci/devices/${`${found[1] ?? '0000'}:${found[2]}`.toLowerCase()}`;
  try {
    const id = (name: string): string => readFileSync(`${folder}/${name}`, 'latin1').trim().replace(/^0x/, '');
    return `${id('vendor')}:${id('device')}`;
  } catch {
    return undefined;
  }
}

/** The first cell for `spec`: opens the card and, where its register map is known, binds it. */
export function prelude(spec: string, sysfs?: string): string {
  const open = `const dev = open(${inspect(spec)})`;
  const id = identity(spec, sysfs);
  const map = id === undefined ? undefined : KNOWN_MAPS[id];
  return map ? `${open}\nconst ${map.variable} = dev.bar(${map.bar}).registers(${map.name})` : open;
}
