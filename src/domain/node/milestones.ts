import type { Boot } from './boots.ts';
import type { BootEvent } from './timeline.ts';

/** Every step of a boot that host0 can see, in order. DHCP comes up to three times: by firmware, iPXE and init. */
export const MILESTONES = [
  'fw-discover',
  'fw-offer',
  'fw-ack',
  'nbp',
  'ipxe-discover',
  'ipxe-offer',
  'ipxe-ack',
  'script',
  'kernel',
  'initramfs',
  'os-discover',
  'os-offer',
  'os-ack',
  'init',
  'root',
  'overlay',
  'agent',
] as const;

export type Milestone = (typeof MILESTONES)[number];

/** As they read after "the last step was". */
export const MILESTONE_NAMES: Readonly<Record<Milestone, string>> = {
  'fw-discover': "the firmware's DHCP request",
  'fw-offer': 'the DHCP offer to the firmware',
  'fw-ack': 'the address for the firmware',
  nbp: 'the boot program',
  'ipxe-discover': "iPXE's DHCP request",
  'ipxe-offer': 'the DHCP offer to iPXE',
  'ipxe-ack': 'the address for iPXE',
  script: 'the boot script',
  kernel: 'the kernel',
  initramfs: 'the initramfs',
  'os-discover': "init's DHCP request",
  'os-offer': 'the DHCP offer to init',
  'os-ack': 'the address for init',
  init: 'the first word of init',
  root: 'the root image',
  overlay: 'the overlay',
  agent: 'the report of the agent',
};

const CLIENTS = { firmware: 'fw', ipxe: 'ipxe', os: 'os' } as const;

/** The step that an event is; undefined for a problem. An event of DHCP that does not say whose it is comes from a system without option 97. */
export function milestoneOf(event: BootEvent): Milestone | undefined {
  const { stage } = event;
  if (stage === 'problem') return undefined;
  if (stage !== 'discover' && stage !== 'offer' && stage !== 'ack') return stage;
  return `${CLIENTS[event.client ?? (event.idFrom === 'dhcp' ? 'ipxe' : 'os')]}-${stage}`;
}

/** The furthest step that a boot got to, and when it first did. A renewed lease later on is no step back. */
export function furthest(boot: Boot): { step: Milestone; at: number } | undefined {
  let best: { step: Milestone; at: number } | undefined;
  for (const event of boot.events) {
    const step = milestoneOf(event);
    if (step && (!best || MILESTONES.indexOf(step) > MILESTONES.indexOf(best.step)))
      best = { step, at: event.at };
  }
  return best;
}

/** Its agent reported, or host0 came to know it when it was up already. */
export function isFinished(boot: Boot): boolean {
  return boot.bootId !== undefined || boot.events.some(event => event.stage === 'agent');
}
