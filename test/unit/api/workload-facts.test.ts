import { describe, expect, test } from 'vitest';
import { parseWorkloadFacts } from '../../../src/api/workload-facts.ts';
import { formatDiagnostic } from '../../../src/base/diagnostic.ts';

function problems(text: string): string[] {
  const parsed = parseWorkloadFacts(text, 'n.json');
  return 'problems' in parsed ? parsed.problems.map(formatDiagnostic) : [];
}

describe('facts of a node in a file', () => {
  test('are taken as they are', () => {
    const facts = {
      arch: 'x86_64',
      memAvailableKiB: 4_194_304,
      nproc: 2,
      cpuModels: ['qemu64', 'Penryn-v1'],
      interfaces: ['lo', 'br0'],
      existingPaths: ['/tmp/a'],
      ownedPaths: [],
      busyPorts: [22, 65_535],
      otherUuids: ['u2'],
      kvm: { usable: false, reason: 'there is no /dev/kvm' },
      vhostNet: true,
      engines: ['qemu', 'stratovirt'],
      hugepages: [{ path: '/dev/hugepages', pageKiB: 2048, free: 0 }],
      vsockCids: [3, 4_294_967_294],
      devices: [{ type: 'nvidia-gpu', address: '0000:01:00.0' }],
    };
    expect(parseWorkloadFacts(JSON.stringify(facts), 'n.json')).toEqual({ facts });
  });

  test('may lack any', () => {
    expect(parseWorkloadFacts('{}', 'n.json')).toEqual({ facts: {} });
  });

  test.each([
    ['', ['n.json: file: got "", expected JSON (Unexpected end of JSON input)']],
    ['[]', ['n.json: file: got [], expected an object such as {"nproc": 4}']],
    ['null', ['n.json: file: got null, expected an object such as {"nproc": 4}']],
    ['{"nproc": "2"}', ['n.json: nproc: got "2", expected a whole number from 0']],
    ['{"nproc": 1.5}', ['n.json: nproc: got 1.5, expected a whole number from 0']],
    ['{"memAvailableKiB": -1}', ['n.json: memAvailableKiB: got -1, expected a whole number from 0']],
    ['{"busyPorts": [22, 65536]}', ['n.json: busyPorts.1: got 65536, expected a port from 0 to 65535']],
    ['{"busyPorts": 22}', ['n.json: busyPorts: got 22, expected a list']],
    ['{"interfaces": ["lo", 0]}', ['n.json: interfaces.1: got 0, expected a text']],
    ['{"kvm": true}', ['n.json: kvm: got true, expected an object such as {"usable": true}']],
    ['{"kvm": {}}', ['n.json: kvm.usable: is missing, expected true or false']],
    [
      '{"kvm": {"usable": true, "reson": ""}}',
      ['n.json: kvm.reson: got an unknown key, expected a known key; did you mean reason?'],
    ],
    ['{"engines": ["xen"]}', ['n.json: engines.0: got "xen", expected qemu, microvm, stratovirt or libvirt']],
    [
      '{"hugepages": [{"path": "/a", "pageKiB": 2048}]}',
      ['n.json: hugepages.0.free: is missing, expected a whole number from 0'],
    ],
    [
      '{"devices": [{"type": "gpu", "adress": "x", "address": "y"}]}',
      ['n.json: devices.0.adress: got an unknown key, expected a known key; did you mean address?'],
    ],
    ['{"__proto__": 1}', ['n.json: __proto__: got an unknown key, expected a known key']],
    [
      '{"nprocs": 2, "memavailablekib": 1, "x y": 1}',
      [
        'n.json: nprocs: got an unknown key, expected a known key; did you mean nproc?',
        'n.json: memavailablekib: got an unknown key, expected a known key; did you mean memAvailableKiB?',
        'n.json: "x y": got an unknown key, expected a known key',
      ],
    ],
    [
      '{"nproc": null, "vhostNet": "yes"}',
      [
        'n.json: nproc: got null, expected a whole number from 0',
        'n.json: vhostNet: got "yes", expected true or false',
      ],
    ],
  ])('%s is refused with every problem', (text, expected) => {
    expect(problems(text)).toEqual(expected);
  });
});
