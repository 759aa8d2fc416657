/** How a capability is, in a word or two: what one looks for first. A row each for those that have something to say. */
import type { Cell, CellLike } from '../view.js';
import type { Capability } from './capability.js';
import type { CapabilityName, CapabilityRegisters } from './catalog.js';
import { hex } from './words.js';

type Data<N extends CapabilityName> = Capability<CapabilityRegisters<N>>;

interface State<N extends CapabilityName> {
  readonly states: (capability: Data<N>) => readonly CellLike[];
  /** What stands behind a register's line. */
  readonly marks?: (capability: Data<N>) => Readonly<Record<string, Cell>>;
}

const switched = (on: number, words = ''): Cell => ({
  text: `${on ? 'on' : 'off'}${words === '' ? '' : `, ${words}`}`,
  tone: on ? 'good' : 'dim',
});

/** The link as it is, beside what it could be; undefined where this form of the capability has none. */
function link(express: Data<'EXP'>): { readonly text: string; readonly below: boolean } | undefined {
  if (!Object.keys(express).includes('LNKSTA')) return undefined;
  const { LNKCAP, LNKSTA } = express;
  if (LNKSTA.WIDTH === 0) return { text: 'no link', below: false };
  const speed = (value: number | string) => (typeof value === 'string' ? value : `speed ${value}`);
  const slow = (LNKSTA.raw & 0xf) < (LNKCAP.raw & 0xf);
  const narrow = LNKSTA.WIDTH < LNKCAP.WIDTH;
  const speeds = `${speed(LNKSTA.SPEED)}${slow ? ` of ${speed(LNKCAP.SPEED)}` : ''}`;
  const widths = `x${LNKSTA.WIDTH}${narrow ? ` of x${LNKCAP.WIDTH}` : ''}`;
  return { text: `${speeds}${slow || narrow ? ', ' : ' '}${widths}`, below: slow || narrow };
}

const TABLE: { readonly [N in CapabilityName]?: State<N> } = {
  PM: {
    states: ({ PMCSR }) => [{ text: String(PMCSR.POWER_STATE), tone: PMCSR.POWER_STATE === 'D0' ? 'good' : 'warn' }],
  },
  MSI: {
    states({ CONTROL }) {
      const count = `${CONTROL.COUNT} ${CONTROL.COUNT === '1' ? 'vector' : 'vectors'}`;
      return [switched(CONTROL.ENABLE, CONTROL.ENABLE ? `${CONTROL.ENABLED_COUNT} of ${count}` : count)];
    },
  },
  MSIX: {
    states: ({ CONTROL, TABLE }) => [switched(CONTROL.ENABLE, `${CONTROL.LAST + 1} vectors in BAR ${TABLE.BAR}`)],
  },
  EXP: {
    states(express) {
      const type = typeof express.CAP.TYPE === 'string' ? express.CAP.TYPE : `type ${express.CAP.TYPE}`;
      const found = link(express);
      if (found?.below) return [type, { text: found.text, tone: 'warn' }];
      return [found === undefined ? type : `${type}, ${found.text}`];
    },
    marks(express) {
      const found = link(express);
      return found?.below ? { LNKSTA: { text: `below LNKCAP: ${found.text}`, tone: 'warn' } } : {};
    },
  },
  DSN: { states: ({ HIGH, LOW }) => [`${hex(HIGH, 8)}${hex(LOW, 8)}`.replace(/..(?=.)/g, '$&-')] },
  SRIOV: { states: ({ CTRL, NUM_VFS, TOTAL_VFS }) => [switched(CTRL.ENABLE, `${NUM_VFS} of ${TOTAL_VFS} VFs`)] },
  ATS: { states: ({ CTRL }) => [switched(CTRL.ENABLE)] },
  PRI: { states: ({ CTRL }) => [switched(CTRL.ENABLE)] },
  PASID: { states: ({ CTRL }) => [switched(CTRL.ENABLE)] },
  PTM: { states: ({ CTRL }) => [switched(CTRL.ENABLE)] },
  REBAR: { states: ({ CTRL }) => [`${CTRL.map(({ BAR }) => `BAR ${BAR}`).join(', ')}`] },
  VSEC: { states: ({ HEADER }) => [`ID 0x${hex(HEADER.ID, 4)}, revision ${HEADER.REVISION}`] },
};

/** A state is only given the capability of its own name. */
export const STATES: Readonly<Record<string, State<CapabilityName> | undefined>> = TABLE as never;
