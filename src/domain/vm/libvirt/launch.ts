import type { CommonLaunch, Launcher } from '../launch.ts';
import { domainXml } from './domain.ts';
import { DOMAIN } from './virsh.ts';

/** The agent defines a domain and has libvirt start it; the process is libvirt's. */
export interface VirshLaunch extends CommonLaunch {
  readonly by: 'virsh';
  /** The domain's uuid. */
  readonly domain: string;
  /** Whose domain it is: what stands in its metadata. */
  readonly workload: string;
  /** For the log that libvirt keeps. */
  readonly name: string;
  /** The guest does not run until it is resumed. */
  readonly isPaused: boolean;
}

export const LIBVIRT_LAUNCHER: Launcher = {
  called: 'libvirt',
  programs: ['virsh'],
  // libvirt starts QEMU with the uuid of the domain.
  mark: ({ rfcUuid }) => ({ program: 'qemu', word: rfcUuid }),
  launch: (machine): VirshLaunch => {
    const { rfcUuid, workload } = machine;
    const isPaused = workload.powerState === 'paused';
    return {
      by: 'virsh',
      argv: DOMAIN.start(rfcUuid, isPaused),
      files: { domain: domainXml(machine, { hasTaps: true }) },
      powerButton: true,
      serial: 'served',
      ...{ domain: rfcUuid, workload: workload.uuid, name: workload.name, isPaused },
    };
  },
};
