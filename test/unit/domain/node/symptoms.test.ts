import { describe, expect, test } from 'vitest';
import type { Boot } from '../../../../src/domain/node/boots.ts';
import { type Diagnosis, diagnose, diagnoseEnded } from '../../../../src/domain/node/diagnose.ts';
import type { Liveness } from '../../../../src/domain/node/liveness.ts';
import { SYMPTOMS } from '../../../../src/domain/node/symptoms.ts';
import { BEGAN, bootOf, later, type Step } from '../../../fakes/boots.ts';

const FW: Step[] = ['discover/fw', 'offer/fw', 'ack/fw'];
const IPXE: Step[] = ['discover/ipxe', 'offer/ipxe', 'ack/ipxe'];
const INIT: Step[] = ['discover/os', 'offer/os', 'ack/os'];
const NBP: Step = ['nbp', { file: 'undionly.kpxe', bytes: 70_000 }];
const EFI: Step = ['nbp', { file: 'snponly.efi', bytes: 300_000 }];
const LOADED: Step[] = [...FW, NBP, ...IPXE, 'script', 'kernel', 'initramfs'];
const problem = (fault: string, step?: string, more: object = {}): Step => [
  'problem',
  { fault, step, text: `${step ?? 'it'} went wrong`, ...more } as object,
];

interface Case {
  readonly boots: readonly Boot[];
  readonly state?: Liveness;
  readonly proxy?: boolean;
  /** Milliseconds after the last event. */
  readonly quiet?: number;
}

const stalled = (...steps: Step[]): Case => ({ boots: [bootOf(...steps)] });
const booting = (...steps: Step[]): Case => ({ boots: [bootOf(...steps)], state: 'booting', quiet: 500 });
const proxied = (...steps: Step[]): Case => ({ ...stalled(...steps), proxy: true });
/** So many boots, a minute apart, of which the last is still at it. */
const rounds = (count: number, ...steps: Step[]): Case => ({
  boots: Array.from({ length: count }, (_, round) => later(bootOf(...steps), round * 60_000)),
  state: 'booting',
  quiet: 500,
});

function judge({ boots, state = 'stalled', proxy = false, quiet = 95_000 }: Case): Diagnosis | undefined {
  const last = boots.at(-1)?.events.at(-1)?.at ?? BEGAN;
  return diagnose({ boots, state, now: last + quiet, reportedAt: last, facts: { proxy } });
}

/** Of each symptom: where it is, and the nearest case where it is not (with what is said there instead). */
const TABLE: Record<string, { is: Case; not: Case; instead?: string }> = {
  'agent-silent': {
    is: { ...stalled(...LOADED, ...INIT, 'root', 'overlay', 'agent'), state: 'silent' },
    not: { ...stalled(...LOADED, ...INIT, 'root', 'overlay', 'agent'), state: 'unknown' },
  },
  'id-conflict': {
    is: booting(...FW, NBP, ...IPXE, ['script', { fault: 'conflict' }]),
    not: booting(...FW, NBP, ...IPXE, 'script'),
  },
  'id-mismatch': {
    is: booting(...LOADED, ...INIT, problem('mismatch')),
    not: booting(...LOADED, ...INIT, problem('mismatch'), 'root'),
  },
  'no-free-address': {
    is: booting('discover/fw', problem('pool')),
    not: booting('discover/fw', problem('pool'), 'discover/fw', 'offer/fw'),
  },
  'address-refused': {
    is: booting('discover/fw', 'offer/fw', problem('nak')),
    not: booting('discover/fw', 'offer/fw', problem('nak'), 'discover/fw'),
  },
  'address-in-use': {
    is: booting(...FW, problem('in-use')),
    not: booting('discover/fw', 'offer/fw', problem('in-use'), 'discover/fw', 'offer/fw', 'ack/fw'),
  },
  'other-dhcp-server': {
    is: booting('discover/fw', 'offer/fw', problem('other-server')),
    not: booting('discover/fw', 'offer/fw', problem('other-server'), 'discover/fw', 'offer/fw'),
  },
  'nbp-refused': {
    is: booting(...FW, problem('missing', 'nbp')),
    not: stalled(...FW, problem('missing')),
    instead: 'no-nbp',
  },
  'nbp-aborted': {
    is: booting(...FW, problem('aborted', 'nbp', { bytes: 4096, total: 70_000, retransmissions: 6 })),
    not: booting(...FW, problem('aborted', 'nbp'), NBP),
  },
  'boot-file-missing': {
    is: booting(...FW, NBP, ...IPXE, 'script', problem('missing', 'kernel')),
    not: booting(...FW, NBP, ...IPXE, 'script', problem('missing', 'script')),
  },
  'boot-file-aborted': {
    is: booting(...LOADED, ...INIT, problem('aborted', 'root', { file: '/boot/root.squashfs' })),
    not: booting(...LOADED, ...INIT, problem('aborted', 'root'), 'root'),
  },
  'overlay-refused': {
    is: booting(...LOADED, ...INIT, 'root', problem('forbidden', 'overlay')),
    not: booting(...LOADED, ...INIT, 'root', problem('waits', 'overlay')),
    instead: 'waits-for-folder',
  },
  'waits-for-folder': {
    is: booting(...FW, NBP, ...IPXE, ['script', { fault: 'waits' }]),
    not: booting(...FW, NBP, ...IPXE, ['script', { fault: 'waits' }], 'script'),
  },
  'report-refused': {
    is: booting(...LOADED, ...INIT, 'root', 'overlay', problem('report')),
    not: stalled(...LOADED, ...INIT, 'root', 'overlay', problem('other')),
    instead: 'no-agent',
  },
  'secure-boot': {
    is: rounds(3, ...FW, EFI),
    not: rounds(2, ...FW, EFI),
  },
  'boot-loop': {
    is: rounds(3, ...LOADED),
    not: rounds(2, ...LOADED),
  },
  'no-offer': { is: stalled('discover/fw'), not: booting('discover/fw') },
  'no-request': {
    is: stalled('discover/fw', 'offer/fw', 'discover/fw', 'offer/fw'),
    not: proxied('discover/fw', 'offer/fw'),
    instead: 'no-nbp',
  },
  'no-nbp': { is: stalled(...FW), not: stalled(...FW, NBP), instead: 'nbp-silent' },
  'nbp-silent': {
    is: stalled(...FW, NBP),
    not: stalled(...FW, NBP, 'discover/ipxe'),
    instead: 'no-offer',
  },
  'no-script': {
    is: stalled(...FW, NBP, ...IPXE),
    not: stalled(...FW, NBP, 'discover/ipxe', 'offer/ipxe'),
    instead: 'no-request',
  },
  'no-kernel': {
    is: stalled(...FW, NBP, ...IPXE, 'script'),
    not: stalled(...FW, NBP, ...IPXE, 'script', 'kernel'),
    instead: 'no-initramfs',
  },
  'no-initramfs': {
    is: stalled(...FW, NBP, ...IPXE, 'script', 'kernel'),
    not: booting(...FW, NBP, ...IPXE, 'script', 'kernel'),
  },
  'init-silent': {
    is: stalled(...LOADED),
    not: stalled(...LOADED, 'discover/os'),
    instead: 'init-no-address',
  },
  'init-no-address': {
    is: stalled(...LOADED, 'discover/os', 'offer/os'),
    not: stalled(...LOADED, ...INIT),
    instead: 'no-root',
  },
  'no-root': {
    is: stalled(...LOADED, ...INIT, 'init'),
    not: stalled(...LOADED, ...INIT, 'init', 'root'),
    instead: 'no-overlay',
  },
  'no-overlay': {
    is: stalled(...LOADED, ...INIT, 'init', 'root'),
    not: stalled(...LOADED, ...INIT, 'init', 'root', 'overlay'),
    instead: 'no-agent',
  },
  'no-agent': {
    is: stalled(...LOADED, ...INIT, 'init', 'root', 'overlay'),
    not: stalled(...LOADED, ...INIT, 'init', 'root', 'overlay', 'agent'),
  },
};

describe('a symptom is told from its nearest neighbour', () => {
  test('every entry of the table is tried here', () => {
    expect(Object.keys(TABLE)).toEqual(SYMPTOMS.map(symptom => symptom.id));
  });

  test.each(Object.entries(TABLE))('%s', (id, { is, not, instead }) => {
    expect([judge(is)?.symptom, judge(not)?.symptom]).toEqual([id, instead]);
  });

  test('two loads of an EFI program are enough once nothing follows', () => {
    const { boots } = rounds(2, ...FW, EFI);
    expect(judge({ boots })?.symptom).toBe('secure-boot');
  });

  test('an iPXE that spoke in between clears Secure Boot', () => {
    const { boots } = rounds(3, ...FW, EFI, ...IPXE);
    expect(judge({ boots, state: 'booting', quiet: 500 })?.symptom).toBe('boot-loop');
  });

  test('a boot that arrived in between is no loop', () => {
    const { boots } = rounds(5, ...LOADED);
    const good = later(bootOf(...LOADED, ...INIT, 'root', 'overlay', 'agent'), 120_000);
    expect(judge({ boots: boots.with(2, good), state: 'booting', quiet: 500 })).toBeUndefined();
  });

  test('what happens over hours is no loop', () => {
    const boots = [0, 1, 2].map(hour => later(bootOf(...LOADED), hour * 3_600_000));
    expect(judge({ boots, state: 'booting', quiet: 500 })).toBeUndefined();
  });
});

describe('the sentence', () => {
  test.each<[string, Case, string]>([
    [
      'names the last step, how long ago, the likely cause and what to try',
      stalled('discover/fw', 'offer/fw', 'discover/fw', 'offer/fw'),
      'The last step was the DHCP offer to the firmware, 97 s ago: 2 offers went out and the machine never took the address; most likely another DHCP server answered it first; run mesh system doctor, which looks for other DHCP servers, then check cable, VLAN and portfast; beside a server that must stay, set dhcp.mode: proxy.',
    ],
    [
      'says how far a transfer came',
      booting(
        ...FW,
        problem('aborted', 'nbp', { bytes: 4096, total: 70_000, retransmissions: 6, file: 'undionly.kpxe' }),
      ),
      'The last step was the address for the firmware, 2 s ago: the boot program "undionly.kpxe" broke off after 4.0 KiB of 68.4 KiB, 6 packets sent again; most likely packets get lost: a bad cable, a duplex mismatch, or an MTU below 1500 on the way; look at the retransmissions in mesh node trace, try another cable and switch port, and allow UDP from host0 on every port.',
    ],
    [
      'says what a loop ended with each time',
      rounds(3, ...FW, NBP, ...IPXE, 'script'),
      'The last step was the boot script, 1 s ago: 3 boots in a row and no agent; the one before ended after the boot script; most likely the machine resets in the middle: a watchdog, too little memory, a kernel panic with panic= on the command line; look at the earlier boots with mesh node trace ID --boot 2, and watch the console of the machine.',
    ],
    [
      'says how long a node has been silent',
      { boots: [bootOf('discover/fw', 'agent')], state: 'silent', quiet: 300_000 },
      'The agent was heard last 5 min ago: a node that was up does not report any more; most likely the machine was switched off, hangs, or lost its network; look whether it answers to mesh node ctl -n NODE uptime, then at its console, then power it on again.',
    ],
  ])('%s', (_, situation, sentence) => {
    expect(judge(situation)?.sentence).toBe(sentence);
  });

  test('of an earlier boot says where it ended', () => {
    const boot = bootOf(...FW, NBP);
    const diagnosis = diagnoseEnded([boot], boot.startedAt + 60_000, { proxy: false });
    expect([diagnosis?.symptom, diagnosis?.sentence.split(':')[0]]).toEqual([
      'nbp-silent',
      'The boot ended after the boot program',
    ]);
  });

  test('of an earlier boot that arrived there is none', () => {
    expect(diagnoseEnded([bootOf('discover/fw', 'agent')], BEGAN + 60_000, { proxy: false })).toBeUndefined();
  });

  test('there is none while a node is up, whatever its boot looked like', () => {
    expect(judge({ ...stalled(...FW), state: 'up' })).toBeUndefined();
  });
});

test('every stalled boot gets a diagnosis, wherever it stands', () => {
  const whole = [...LOADED, ...INIT, 'init', 'root', 'overlay'];
  const told = whole.map((_, index) => judge(stalled(...whole.slice(0, index + 1)))?.symptom);
  expect(told.filter(symptom => symptom === undefined)).toEqual([]);
});

test('texts of the table fit into the sentence: it has a full stop of its own', () => {
  const wrong = SYMPTOMS.flatMap(({ id, causes, tries }) =>
    [...causes, ...tries].filter(text => /[.;]$/.test(text)).map(text => `${id}: ${text}`),
  );
  expect(wrong).toEqual([]);
});
