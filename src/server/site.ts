import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { PxenError, systemCode } from '../base/error.ts';
import type { Places } from '../domain/config/places.ts';
import type { Config, SiteNetwork } from '../domain/config/settings.ts';
import type { SiteFacts } from '../domain/overlay/builtin.ts';
import { writeAtomic } from '../io/files/atomic.ts';
import { KeyFolder } from '../io/keys/keys.ts';

const siteSchema = z.object({
  httpBase: z.string(),
  address: z.string(),
  publicKey: z.string(),
  interval: z.number(),
}) satisfies z.ZodType<SiteFacts>;

/** `http://10.77.0.1`, with the port where it is not 80. */
export function httpBaseOf(config: Config, network: SiteNetwork): string {
  const port = config['http.port'];
  return `http://${network.cidr.address}${port === 80 ? '' : `:${port}`}`;
}

/** What nodes need to know of host0, from the configuration. */
export async function siteFacts(config: Config, network: SiteNetwork, places: Places): Promise<SiteFacts> {
  const { publicKey } = await new KeyFolder(places.keys).host0();
  return {
    httpBase: httpBaseOf(config, network),
    address: network.cidr.address,
    publicKey,
    interval: config['agent.interval'],
  };
}

/** Left for `mesh`, which may run where the interface of the machines cannot be seen (another network namespace). */
export async function saveSite(places: Places, site: SiteFacts): Promise<void> {
  await writeAtomic(places.site, `${JSON.stringify(site, null, 2)}\n`, 0o600);
}

/** What the last pxend wrote; undefined when none has run yet. Throws STATE_UNUSABLE for a broken file. */
export async function savedSite(places: Places): Promise<SiteFacts | undefined> {
  try {
    return siteSchema.parse(JSON.parse(await readFile(places.site, 'utf8')));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new PxenError(
      'STATE_UNUSABLE',
      `${places.site} cannot be read; pxend writes it anew at its next start`,
      { cause: error },
    );
  }
}
