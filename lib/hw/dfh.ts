/**
 * Device feature headers: the list by which FPGA cards (Intel's and OPAE's) say what is in a BAR, and a walk along it.
 *
 * Ref: Linux Documentation/fpga/dfl.rst, include/linux/dfl.h and drivers/fpga/dfl.h
 */
import { LabError } from '../errors.js';
import { r64 } from '../map.js';
import type { Region } from '../region.js';
import { bindRegisters } from '../registers.js';
import { type CellLike, Shown, VIEW, View } from '../view.js';

/** One header. The GUID is there in those of AFUs and FIUs, and in all of version 1. */
export const DFH = {
  HEADER: r64(
    0x00,
    {
      TYPE: [63, 60, { AFU: 1, PRIVATE: 3, FIU: 4 }],
      VERSION: [59, 52],
      END_OF_LIST: 40,
      NEXT: [39, 16],
      REVISION: [15, 12],
      ID: [11, 0],
    },
    'ro',
  ),
  GUID_LOW: r64(0x08, {}, 'ro'),
  GUID_HIGH: r64(0x10, {}, 'ro'),
};

export interface DfhFeature {
  /** Bytes from the start of the region. */
  readonly offset: number;
  /** 'AFU', 'PRIVATE', 'FIU', or the number where it is none of these. */
  readonly type: string;
  readonly version: number;
  readonly revision: number;
  readonly id: number;
  readonly guid: string | undefined;
}

/** The features of a BAR, in the order of the list. Data: nothing is read when it is shown. */
export class DfhFeatures extends Shown {
  readonly path: string;
  readonly features: readonly DfhFeature[];
  /** What is wrong with the list's end; undefined where it ends as it should. */
  readonly broken: string | undefined;

  constructor(path: string, features: readonly DfhFeature[], broken: string | undefined) {
    super();
    this.path = path;
    this.features = features;
    this.broken = broken;
  }

  [VIEW](): View {
    const rows = this.features.map((one): CellLike[] => [
      { text: `0x${one.offset.toString(16).padStart(5, '0')}`, tone: 'dim' },
      { text: one.type, tone: 'name' },
      { text: `0x${one.id.toString(16)}`, tone: 'value', align: 'right' },
      { text: `${one.revision}`, align: 'right' },
      { text: `${one.version}`, align: 'right' },
      one.guid ?? '',
    ]);
    if (this.broken !== undefined) rows.push([{ text: this.broken, tone: 'bad' }]);
    const title = `${this.path}: ${this.features.length} features`;
    return new View(title, ['offset', 'type', 'id', 'revision', 'version', 'GUID'], rows);
  }
}

/**
 * Walks the list of feature headers that begins at `offset`. Three 64-bit reads each, of registers that reading does not change. A list
 * that leaves the region is given as far as it goes, and says so. (It cannot loop: each header says how far on the next one is.)
 *
 * @throws LabError where no header is at `offset`; UsageError where the region cannot be read 64 bits at a time; BusError.
 * @example dfhWalk(dev.bar(0))
 */
export function dfhWalk(region: Region, offset = 0): DfhFeatures {
  const features: DfhFeature[] = [];
  for (let at = offset; ; ) {
    const header = bindRegisters(region, DFH, (spec) => [at + spec.offset]);
    const { TYPE, VERSION, REVISION, ID, NEXT, END_OF_LIST, raw } = header.HEADER.read();
    if (features.length === 0 && typeof TYPE !== 'string') throw none(region, at, raw);
    const named = TYPE === 'AFU' || TYPE === 'FIU' || VERSION > 0n;
    const guid = named ? guidOf(header.GUID_HIGH.read(), header.GUID_LOW.read()) : undefined;
    const [version, revision, id] = [VERSION, REVISION, ID].map(Number) as [number, number, number];
    features.push({ offset: at, type: `${TYPE}`, version, revision, id, guid });
    if (END_OF_LIST === 1n || NEXT === 0n) return new DfhFeatures(region.path, features, undefined);
    at += Number(NEXT);
    const place = `0x${at.toString(16)}`;
    if (at % 8 !== 0 || at + 24 > region.size)
      return new DfhFeatures(
        region.path,
        features,
        `the list goes on at ${place}, which is no place in ${region.name}`,
      );
  }
}

function guidOf(high: bigint, low: bigint): string {
  const digits = [high, low].map((half) => half.toString(16).padStart(16, '0')).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function none(region: Region, offset: number, raw: bigint): LabError {
  return new LabError({
    path: `${region.path}+0x${offset.toString(16)}`,
    attempted: 'dfhWalk',
    reason: `0x${raw.toString(16)} is no device feature header`,
    hint: raw === 0xffff_ffff_ffff_ffffn ? 'is the card still there?' : 'is it the right BAR, and the right offset?',
  });
}
