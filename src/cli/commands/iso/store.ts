import { join } from 'node:path';
import { placesUnder } from '../../../domain/config/places.ts';
import type { Config } from '../../../domain/config/settings.ts';
import { bytesOfSize } from '../../../domain/config/values.ts';
import { loadConfiguration } from '../../../io/configuration.ts';
import { IsoStore } from '../../../io/files/isos.ts';
import { type Context, localRoot } from '../../context.ts';

/** The images of this computer's own appliance, with or without a running pxend. */
export interface OpenedStore {
  readonly store: IsoStore;
  /** Bytes; 0: none. */
  readonly quota: number;
  /** Where nodes fetch an image. */
  readonly urlOf: (name: string) => string;
}

export function openStore(context: Context): OpenedStore {
  const places = placesUnder(localRoot(context));
  const config = loadConfiguration({
    path: places.config,
    required: false,
    environment: process.env,
    flags: {},
  });
  const quota = bytesOfSize(config['isos.quota']);
  const store = new IsoStore({
    folder: join(places.http, 'isos'),
    state: places.state,
    quota,
    keepFree: bytesOfSize(config['isos.keepFree']),
    now: context.now,
  });
  return { store, quota, urlOf: name => `${hostOf(config)}/isos/${encodeURIComponent(name)}` };
}

/** host0 is in /etc/hosts of every node. */
function hostOf(config: Config): string {
  const port = config['http.port'];
  return port === 80 ? 'http://host0' : `http://host0:${port}`;
}

/** Work that Ctrl-C ends in order: the part that is there is kept, and said. */
export async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const stop = (): void => interrupted.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    return await work(interrupted.signal);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
