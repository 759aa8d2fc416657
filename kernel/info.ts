/** What the kernel says of itself: the content of kernel_info_reply. */
import { readFileSync } from 'node:fs';
import { PROTOCOL_VERSION } from './wire.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

export const LANGUAGE_INFO = {
  name: 'typescript',
  version: '5.9.3',
  mimetype: 'text/typescript',
  file_extension: '.ts',
  pygments_lexer: 'typescript',
  nbconvert_exporter: 'script',
  codemirror_mode: { mode: 'typescript', name: 'javascript', typescript: true },
} as const;

/** What a notebook says of its kernel and its language; versions would only make diffs. */
export const NOTEBOOK_METADATA = {
  kernelspec: { display_name: 'TypeScript (vfiolab)', language: 'typescript', name: 'vfiolab' },
  language_info: (({ version: _, ...language }) => language)(LANGUAGE_INFO),
} as const;

export const INFO = {
  status: 'ok',
  protocol_version: PROTOCOL_VERSION,
  implementation: 'vfiolab',
  implementation_version: version,
  language_info: LANGUAGE_INFO,
  banner: `vfiolab ${version}: TypeScript cells over PCIe cards. Begin with: const dev = open('sim:edu')`,
  help_links: [] as readonly { text: string; url: string }[],
  debugger: false,
  supported_features: [] as readonly string[],
};
