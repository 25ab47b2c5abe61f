import { several } from '../base/diagnostic.ts';
import type { Log, Service } from '../base/ports.ts';
import type { BuildChronicle } from '../service/overlay/chronicle.ts';
import type { OverlayService } from '../service/overlay/overlay.ts';
import type { MachineNames } from './machines.ts';

export interface FirstBuildParts {
  readonly overlays: OverlayService;
  readonly names: MachineNames;
  readonly chronicle: BuildChronicle;
  readonly log: Log;
}

/**
 * Builds all overlays before the first machine is answered, so that none gets those of an older pxen or address.
 * A folder with problems keeps its last good overlay and keeps nobody from booting.
 */
export class FirstBuild implements Service {
  readonly name = 'overlays';
  readonly #p: FirstBuildParts;

  constructor(parts: FirstBuildParts) {
    this.#p = parts;
  }

  async start(): Promise<void> {
    const { chronicle, log, names, overlays } = this.#p;
    const report = await overlays.build();
    chronicle.tell(report);
    const served = report.folders.filter(folder => folder.served).length;
    log.info('overlay', `${served} of ${several(report.folders.length, 'machine folder')} served`);
    await names.refresh();
  }

  async stop(): Promise<void> {}

  /** Of now, whoever built last. */
  health(): string | undefined {
    return this.#p.chronicle.health();
  }
}
