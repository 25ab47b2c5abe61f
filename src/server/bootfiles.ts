import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log, Service } from '../base/ports.ts';
import { neededFiles } from '../domain/boot/neededfiles.ts';
import { type Places, placeOf } from '../domain/config/places.ts';
import type { Config } from '../domain/config/settings.ts';

/**
 * The folders that are served, and whether what a machine needs to boot is in them. Missing files are a complaint and
 * no error: DHCP must go on for those machines that are up.
 */
export class BootFiles implements Service {
  readonly name = 'boot files';
  readonly #places: Places;
  readonly #needed: readonly string[];
  readonly #log: Log;

  constructor(places: Places, config: Config, log: Log) {
    this.#places = places;
    this.#needed = neededFiles(config).map(file => placeOf(file, places));
    this.#log = log;
  }

  async start(): Promise<void> {
    // What is served is public; the umask of pxend is for its secrets.
    for (const folder of ['boot', 'isos', 'alpine'])
      await mkdir(join(this.#places.http, folder), { recursive: true, mode: 0o755 });
    await mkdir(this.#places.tftp, { recursive: true, mode: 0o755 });
    const complaint = this.health();
    if (complaint) this.#log.warn('boot', complaint);
  }

  async stop(): Promise<void> {}

  health(): string | undefined {
    const missing = this.#needed.filter(file => !existsSync(file));
    if (missing.length === 0) return undefined;
    return `machines cannot boot, missing: ${missing.join(', ')}; scripts/build-image makes them`;
  }
}
