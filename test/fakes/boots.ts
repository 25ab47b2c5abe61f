import { addEvent, type Boot } from '../../src/domain/node/boots.ts';
import type { BootEvent, BootStage } from '../../src/domain/node/timeline.ts';

/** When every boot of these tests begins. */
export const BEGAN = 1_700_000_000_000;

/** Steps by a short name; `discover/fw` is the firmware's. */
const CLIENTS: Readonly<Record<string, BootEvent['client']>> = { fw: 'firmware', ipxe: 'ipxe', os: 'os' };

export type Step = string | [string, Partial<BootEvent>];

/** One event a second from `BEGAN` on: `discover/fw`, `nbp`, or a pair with more fields. */
export function events(...steps: readonly Step[]): BootEvent[] {
  return steps.map((step, index) => {
    const [name, more] = typeof step === 'string' ? [step, {}] : step;
    const [stage = '', client = ''] = name.split('/');
    return {
      at: BEGAN + index * 1000,
      stage: stage as BootStage,
      text: name,
      ...(CLIENTS[client] ? { client: CLIENTS[client], protocol: 'dhcp' as const } : {}),
      ...more,
    };
  });
}

/** One boot of these events. */
export function bootOf(...steps: readonly Step[]): Boot {
  const boots = events(...steps).reduce<Boot[]>((all, event) => addEvent(all, event), []);
  const [boot] = boots;
  if (!boot || boots.length > 1) throw new Error(`these steps make ${boots.length} boots`);
  return boot;
}

/** The same boot so many milliseconds later. */
export function later(boot: Boot, milliseconds: number): Boot {
  const moved = boot.events.map(event => ({ ...event, at: event.at + milliseconds }));
  return { ...boot, startedAt: boot.startedAt + milliseconds, events: moved };
}
