/**
 * The stylesheet of tables and plots: it goes to each front end once, with the first of them, and again when the output that carried
 * it is gone: its cell runs again, clears what it showed, or is deleted (JupyterLab says so). An output that is redrawn in place keeps it.
 */
import { STYLESHEET } from '../lib/html.js';
import type { MimeBundle, ToIo } from './threads.js';
import type { Message } from './wire.js';

type Picture = Extract<ToIo, { type: 'result' | 'display' | 'update' }>;

/** The output that carries the stylesheet. */
interface Carrier {
  /** Number of the execution. */
  readonly cell: number;
  /** What tells the notebook's cell when it runs again: its id, as JupyterLab and VS Code send it, else its text. */
  readonly place: string;
  readonly displayId: string | undefined;
}

export class Stylesheets {
  /** By the front end's session. */
  readonly #carriers = new Map<string, Carrier>();
  #running = { cell: 0, place: '', session: '' };

  /** A cell begins: where it carried the stylesheet before, that output is gone. */
  begin(cell: number, { header, metadata, content }: Message): void {
    const place = String(metadata.cellId ?? content.code);
    this.#running = { cell, place, session: header.session };
    const gone = [place, ...(Array.isArray(metadata.deletedCells) ? metadata.deletedCells : [])];
    const carrier = this.#carriers.get(header.session);
    if (carrier && gone.includes(carrier.place)) this.#carriers.delete(header.session);
  }

  /** A cell emptied its output. */
  cleared(cell: number, session = ''): void {
    if (this.#carriers.get(session)?.cell === cell) this.#carriers.delete(session);
  }

  /** What is sent of a picture: itself, or with the stylesheet before it. */
  dress(picture: Picture, session = ''): MimeBundle {
    const { cell, data, type } = picture;
    const displayId = type === 'result' ? undefined : picture.displayId;
    const carrier = this.#carriers.get(session);
    const redrawn = carrier !== undefined && type === 'update' && displayId === carrier.displayId;
    const html = data['text/html'];
    if (typeof html !== 'string' || !html.includes('class="vfiolab"')) {
      if (redrawn) this.#carriers.delete(session);
      return data;
    }
    if (carrier && !redrawn) return data;
    if (!carrier && cell === this.#running.cell) this.#carriers.set(session, { ...this.#running, displayId });
    return { ...data, 'text/html': `${STYLESHEET}${html}` };
  }
}
