import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../../../src/base/diagnostic.ts';
import { readSnapshot } from '../../../../src/domain/placement/parse-snapshot.ts';
import { rootOf } from '../hocon/documents.ts';
import { snapshotIn } from './rules-of.ts';

const RULES = {
  costFunctions: { f: { vms: { curve: 'linear', slope: 1, base: 0 } } },
  profiles: { p: { cores: 4, memory: 1024, 'cost-function': 'f' } },
};
const REQUEST = { vcpus: 1, memory: 512, devices: {}, coschedule: -1 };

function problems(value: unknown): string[] {
  return readSnapshot(rootOf(JSON.stringify(value, null, 1))).problems.map(formatDiagnostic);
}

describe('a snapshot', () => {
  test('has hosts with all that a placement needs to know', () => {
    const { snapshot, requests, batch } = snapshotIn({
      ...RULES,
      realms: { r: { disabled: false, driver: 'libvirt', name: 'R', drives: { 'lazy-allocation': 'on' } } },
      spreadCost: 2,
      hosts: [
        { name: 'a', profile: 'p', state: 'enabled' },
        {
          name: 'b',
          profile: 'p',
          state: 'No Scheduling',
          uri: 'qemu+ssh://root@b/system',
          realm: 'r',
          failureGroup: 'rack1',
          translation: { address: '192.0.2.1', basePort: 20000 },
          usage: { vms: 2, vcpus: 3, memory: '1 KiB', devices: { gpu: 1 } },
          runningCoschedule: [-1, 4],
          groups: { web: 1 },
          node: { threads: 4, memAvailable: 512, arch: 'x86_64', engines: ['qemu'], bridges: ['br0'] },
        },
      ],
      request: { ...REQUEST, node: 'a' },
    });
    const nothing = { vms: 0, vcpus: 0, memory: 0, devices: new Map() };
    expect(snapshot.rules.spreadCost).toBe(2);
    expect(snapshot.hosts).toEqual([
      { name: 'a', profile: 'p', state: 'enabled', usage: nothing, coschedule: [], groups: new Map() },
      {
        name: 'b',
        profile: 'p',
        state: 'no-scheduling',
        uri: 'qemu+ssh://root@b/system',
        realm: 'r',
        failureGroup: 'rack1',
        translation: { address: '192.0.2.1', basePort: 20000 },
        usage: { vms: 2, vcpus: 3, memory: 1024, devices: new Map([['gpu', 1]]) },
        coschedule: [-1, 4],
        groups: new Map([['web', 1]]),
        node: { threads: 4, memAvailable: 512, arch: 'x86_64', engines: ['qemu'], bridges: ['br0'] },
      },
    ]);
    expect([batch, requests]).toEqual([
      false,
      [{ name: 'vm1', vcpus: 1, memory: 512, devices: new Map(), coschedule: -1, node: 'a', bridges: [] }],
    ]);
  });

  test('may ask for several VMs at once', () => {
    const { requests, batch } = snapshotIn({
      ...RULES,
      hosts: [],
      requests: [REQUEST, { ...REQUEST, name: 'web' }],
    });
    expect([batch, requests.map(({ name }) => name)]).toEqual([true, ['vm1', 'web']]);
  });
});

describe('a snapshot is refused', () => {
  const host = { name: 'a', profile: 'p', state: 'enabled' };
  test.each([
    [
      {},
      [
        'main.conf:1: hosts: is missing, expected a list of hosts',
        'main.conf:1: request: is missing, expected what is to be placed',
      ],
    ],
    [
      { ...RULES, hosts: [{ ...host, profile: 'q', state: 'on' }], request: REQUEST },
      [
        'main.conf:22: hosts.0.state: got "on", expected one of enabled, no-scheduling, disabled',
        'main.conf:21: hosts.0.profile: got "q", expected the id of a profile; did you mean p?',
      ],
    ],
    [
      { ...RULES, hosts: [host, host], request: REQUEST },
      ['main.conf:25: hosts.1.name: got "a", expected each host once: it is on line 19 too'],
    ],
    [
      { ...RULES, hosts: [{ ...host, name: '../x', uri: 'x', realm: 'r', usge: 1 }], request: REQUEST },
      [
        'main.conf:20: hosts.0.name: got "../x", expected a word of letters, digits, . _ and -, at most 128 characters',
        'main.conf:23: hosts.0.uri: got "x", expected qemu:///system or qemu+ssh://[user@]host[:port]/system',
        'main.conf:25: hosts.0.usge: got an unknown key, expected a known key; did you mean usage?',
        'main.conf:24: hosts.0.realm: got "r", expected the id of a realm, and there is none',
      ],
    ],
    [
      {
        ...RULES,
        hosts: [
          { ...host, translation: { address: 'x', basePort: 65530 }, usage: { vms: -1, memory: '1 GB/s' } },
        ],
        request: { vcpus: 0, memory: 1, coschedule: -2 },
      },
      [
        'main.conf:24: hosts.0.translation.address: got "x", expected an IPv4 address',
        'main.conf:25: hosts.0.translation.basePort: got 65530, expected a port from 1 to 65280',
        'main.conf:28: hosts.0.usage.vms: got -1, expected a whole number from 0',
        'main.conf:29: hosts.0.usage.memory: got "1 GB/s", expected whole bytes such as 1024, 64 MiB or 18 GiB',
        'main.conf:34: request.vcpus: got 0, expected a whole number from 1',
        'main.conf:36: request.coschedule: got -2, expected a whole number from -1',
      ],
    ],
    [
      { ...RULES, hosts: 5, requests: {}, x: 1 },
      [
        'main.conf:18: hosts: got 5, expected a list: [ ... ]',
        'main.conf:19: requests: got an object, expected a list: [ ... ]',
        'main.conf:20: x: got an unknown key, expected one of costFunctions, profiles, realms, spreadCost, hosts, requests',
      ],
    ],
  ])('%j', (value, expected) => {
    expect(problems(value)).toEqual(expected);
  });
});
