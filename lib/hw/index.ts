/** Which cards have a register map in this folder: by vendor:device, the map's name, what a prompt calls it and the BAR it describes. */
export interface KnownMap {
  /** Its name in the package's public face. */
  readonly name: string;
  readonly variable: string;
  readonly bar: number;
}

export const KNOWN_MAPS: Readonly<Record<string, KnownMap>> = {
  '1234:11e8': { name: 'EDU', variable: 'edu', bar: 0 },
};

/** Identities of the simulated cards, by spec. */
export const SIMULATED: Readonly<Record<string, string>> = {
  'sim:edu': '1234:11e8',
};
