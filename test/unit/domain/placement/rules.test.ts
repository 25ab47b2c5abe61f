import { describe, expect, test } from 'vitest';
import { driveFault } from '../../../../src/domain/placement/realm.ts';
import { readRules } from '../../../../src/domain/placement/rules.ts';
import { rootOf } from '../hocon/documents.ts';
import { judged, rulesOf, SEED_FILES, SEED_RULES } from './rules-of.ts';

const GiB = 2 ** 30;

describe('hardware profiles', () => {
  test('the ones of the document, addresses in full', () => {
    const { profiles } = rulesOf(SEED_RULES, SEED_FILES);
    expect([...profiles.keys()]).toEqual(['pool1', 'pool2', 'nvidia-gpu-node']);
    expect(profiles.get('nvidia-gpu-node')).toEqual({
      id: 'nvidia-gpu-node',
      name: 'NVidia GPU Node',
      description: 'Special nodes with NVidia GPUs attached',
      cores: 8,
      memory: 32 * GiB,
      devices: [
        { type: 'nvidia-gpu', address: '0000:01:02.0' },
        { type: 'nvidia-gpu', address: '0000:02:03.0' },
      ],
      costFunction: 'nvidia-gpu',
    });
  });

  test('may name a cost function of another file', () => {
    const files = [
      'pxen.vm.hardware-profiles.p { cores = 1, memory = 1 GiB, cost-function = f }',
      'pxen.vm.cost-functions.f.vms { curve = linear, slope = 1, base = 0 }',
    ].map(text => ({ root: rootOf(text) }));
    expect(readRules(files).problems).toEqual([]);
  });
});

describe('what is refused', () => {
  const FUNCTION = 'pxen.vm.cost-functions.f.vms { curve = linear, slope = 1, base = 0 }\n';
  const PROFILE = 'pxen.vm.hardware-profiles.p { cores = 1, memory = 1 GiB, cost-function = f }\n';

  test.each([
    [
      'a file of something else',
      'a = 1',
      ['main.conf:1: pxen.vm: is missing, expected a section pxen.vm or ticrypt.vm'],
    ],
    [
      'an unknown section of ours',
      'pxen.vm.cost-function.f {}',
      [
        'main.conf:1: pxen.vm.cost-function: got an unknown key, expected a known key; did you mean cost-functions?',
      ],
    ],
    [
      'an unknown curve, a missing parameter and a negative scale, all at once',
      `pxen.vm.cost-functions.f {
        vms { curve = lineer }
        vcpus { curve = linear, slope = 1 }
        memory { curve = invalid, scale = -1 }
        scal = 2
      }`,
      [
        'main.conf:2: pxen.vm.cost-functions.f.vms.curve: got "lineer", expected one of constant, invalid, linear, hard-soft, soft-hard, unavailable, piecewise, low-high, high-low; did you mean linear?',
        'main.conf:3: pxen.vm.cost-functions.f.vcpus.base: is missing, expected a number or bytes, such as 1.0 or 32 MiB',
        'main.conf:4: pxen.vm.cost-functions.f.memory.scale: got -1, expected a number from 0',
        'main.conf:4: pxen.vm.cost-functions.f.memory: got a curve that is always Infinity, expected a curve that has a price for a first VM: with this one no host can run any',
        'main.conf:5: pxen.vm.cost-functions.f.scal: got an unknown key, expected a known key; did you mean scale?',
      ],
    ],
    [
      'a cost function that no host can satisfy',
      'pxen.vm.cost-functions.f { vms { curve = unavailable } }',
      [
        'main.conf:1: pxen.vm.cost-functions.f.vms: got a curve that is always Infinity, expected a curve that has a price for a first VM: with this one no host can run any',
      ],
    ],
    [
      'a cost function that no host of a profile can satisfy',
      `pxen.vm.cost-functions.f.vcpus {
        curve = piecewise, cutoff = 8, low { curve = invalid }, high { curve = constant, value = 1 }
      }
      pxen.vm.hardware-profiles.p { cores = 8, memory = 1 GiB, cost-function = f }`,
      [
        'main.conf:4: pxen.vm.hardware-profiles.p.cost-function: got "f", expected one that lets a first VM onto this hardware: its vcpus has no price up to 8',
      ],
    ],
    [
      'an unknown cost function',
      `${FUNCTION}pxen.vm.hardware-profiles.p { cores = 1, memory = 1 GiB, cost-function = g }`,
      [
        'main.conf:2: pxen.vm.hardware-profiles.p.cost-function: got "g", expected the id of a cost function; did you mean f?',
      ],
    ],
    [
      'a device address twice, and one that is none',
      `${FUNCTION}pxen.vm.hardware-profiles.p {
        cores = 1, memory = 1 GiB, cost-function = f
        devices = [
          { type = gpu, addr = "0000:01:02.0" }
          { type = gpu, addr = "01:02.0" }
          { type = gpu, addr = "1:2.0" }
          { type = gpu }
        ]
      }`,
      [
        'main.conf:6: pxen.vm.hardware-profiles.p.devices.1.addr: got "01:02.0", expected each address once in a profile: 0000:01:02.0 stands on line 5',
        'main.conf:7: pxen.vm.hardware-profiles.p.devices.2.addr: got "1:2.0", expected a PCI address such as 0000:01:02.0 or 01:02.0',
        'main.conf:8: pxen.vm.hardware-profiles.p.devices.3.addr: is missing, expected a PCI address such as 0000:01:02.0 or 01:02.0',
      ],
    ],
    [
      'what a profile needs',
      `${FUNCTION}pxen.vm.hardware-profiles.p { cores = 0 }`,
      [
        'main.conf:2: pxen.vm.hardware-profiles.p.cores: got 0, expected a whole number from 1',
        'main.conf:2: pxen.vm.hardware-profiles.p.memory: is missing, expected whole bytes such as 1024, 64 MiB or 18 GiB',
        'main.conf:2: pxen.vm.hardware-profiles.p.cost-function: is missing, expected a text',
      ],
    ],
    [
      'one id in both roots',
      `${FUNCTION}${PROFILE}ticrypt.vm.cost-functions.f.vms { curve = linear, slope = 1, base = 0 }`,
      [
        'main.conf:3: ticrypt.vm.cost-functions.f: got a second "f", expected each id once: there is one at main.conf:1',
      ],
    ],
    [
      'an id that is no word',
      'pxen.vm.cost-functions."a b".vms { curve = linear, slope = 1, base = 0 }',
      [
        'main.conf:1: pxen.vm.cost-functions."a b": got "a b", expected a word of letters, digits, . _ and -, at most 128 characters',
      ],
    ],
    [
      'sections that are no objects',
      'pxen.vm { cost-functions = 1, hardware-profiles { p = [] } }',
      [
        'main.conf:1: pxen.vm.cost-functions: got 1, expected an object: { ... }',
        'main.conf:1: pxen.vm.hardware-profiles.p: got a list, expected an object: { ... }',
      ],
    ],
  ])('%s', (_, text, problems) => {
    expect(judged(text)).toEqual({ problems, warnings: [] });
  });

  test('not what a ticrypt-vm.conf has besides', () => {
    expect(judged('ticrypt.vm { db.url = "x", cost-functions {} }\nticrypt.auth.x = 1')).toEqual({
      problems: [],
      warnings: [],
    });
  });
});

test('a cost function that limits nothing is a warning (TC-23)', () => {
  const text = `pxen.vm.cost-functions {
    a { devices.gpu { curve = linear, slope = 1, base = 0 } }
    b { memory { curve = linear, slope = 1, base = 0 } }
  }`;
  expect(judged(text)).toEqual({
    problems: [],
    warnings: [
      'main.conf:2: pxen.vm.cost-functions.a: none of vms, vcpus and memory has a curve: nothing limits the VMs without devices on hosts of this cost function',
    ],
  });
});

describe('realms', () => {
  const NEEDED = 'disabled = false\ndriver = libvirt\nname = "Main"\ndrives.lazy-allocation = on\n';

  test('have the defaults of the document', () => {
    const { realms } = rulesOf(`ticrypt.vm.realms { main { ${NEEDED} } }`);
    expect(realms.get('main')).toEqual({
      id: 'main',
      name: 'Main',
      disabled: false,
      driver: 'libvirt',
      pools: { volumes: 'ticrypt-vm', drives: 'ticrypt-vm-drives', bricks: 'ticrypt-bricks' },
      logScheduling: false,
      registrationTimeout: 300_000,
      pollFrequency: 10_000,
      drives: { lazyAllocation: true, cache: 'default' },
    });
  });

  test('have all the parameters of the document', () => {
    const { realms } = rulesOf('pxen.vm.realms { gpu = { include "realms/gpu.conf" } }', {
      'realms/gpu.conf': `
        disabled = yes
        driver = pxen
        name = GPUs
        volumes-pool = v
        drives-pool = d
        bricks-pool = b
        log-scheduling = true
        registration-timeout = 10 minutes
        poll-frequency = 30s
        network-filter = clean-traffic
        drives { lazy-allocation = off, cache = writeback, min-size = 1 GiB, max-size = 2 TiB }
        uploads { anything = 1 }
        scaling = whatever
      `,
    });
    expect(realms.get('gpu')).toEqual({
      id: 'gpu',
      name: 'GPUs',
      disabled: true,
      driver: 'pxen',
      pools: { volumes: 'v', drives: 'd', bricks: 'b' },
      logScheduling: true,
      registrationTimeout: 600_000,
      pollFrequency: 30_000,
      networkFilter: 'clean-traffic',
      drives: { lazyAllocation: false, cache: 'writeback', minSize: GiB, maxSize: 2048 * GiB },
    });
  });

  test('may have a file of their own, with the parameters at its top', () => {
    const { rules, problems } = readRules([{ root: rootOf(NEEDED), realm: 'main' }]);
    expect([problems, [...rules.realms.keys()]]).toEqual([[], ['main']]);
  });

  test.each([
    [
      '',
      [
        'main.conf:1: realms.r.disabled: is missing, expected on, off, true, false, yes or no',
        'main.conf:1: realms.r.driver: is missing, expected one of libvirt, pxen',
        'main.conf:1: realms.r.name: is missing, expected a text',
        'main.conf:1: realms.r.drives: is missing, expected { lazy-allocation = on } or off, at least',
      ],
    ],
    [
      `${NEEDED}drives.cache = unsafe`,
      [
        'main.conf:5: realms.r.drives.cache: got "unsafe", expected one of default, writethrough, writeback, none',
      ],
    ],
    [
      `${NEEDED}drives { min-size = 2 GiB, max-size = 1 GiB }`,
      [
        'main.conf:5: realms.r.drives.max-size: got "1 GiB", expected at least min-size, which is 2147483648 bytes',
      ],
    ],
    [
      `${NEEDED}pol-frequency = 1s`,
      [
        'main.conf:5: realms.r.pol-frequency: got an unknown key, expected a known key; did you mean poll-frequency?',
      ],
    ],
    [
      `${NEEDED}registration-timeout = 0\npoll-frequency = 25 d`,
      [
        'main.conf:5: realms.r.registration-timeout: got 0, expected a duration from 1 ms to 24 d, such as 500 ms, 90 s or 5 m',
        'main.conf:6: realms.r.poll-frequency: got "25 d", expected a duration from 1 ms to 24 d, such as 500 ms, 90 s or 5 m',
      ],
    ],
    [
      `${NEEDED}registration-timeout = soon`,
      [
        'main.conf:5: realms.r.registration-timeout: got "soon", expected a duration from 1 ms to 24 d, such as 500 ms, 90 s or 5 m',
      ],
    ],
  ])('are refused: %j', (text, problems) => {
    expect(judged(text, 'r')).toEqual({ problems, warnings: [] });
  });

  test('a registration-timeout that is too short is a warning (TC-6)', () => {
    expect(judged(`${NEEDED}registration-timeout = 20s`, 'r')).toEqual({
      problems: [],
      warnings: [
        'main.conf:5: realms.r.registration-timeout: a VM that needs longer than this to boot and register is ended; most need up to 60 s',
      ],
    });
  });

  test('say which new drives they take', () => {
    const { realms } = rulesOf(
      `pxen.vm.realms.r { ${NEEDED} drives { min-size = 1 GiB, max-size = 2 GiB } }`,
    );
    const realm = realms.get('r');
    expect(realm && [GiB - 1, GiB, 2 * GiB, 2 * GiB + 1].map(bytes => driveFault(realm, bytes))).toEqual([
      'at least 1073741824 bytes',
      undefined,
      undefined,
      'at most 2147483648 bytes',
    ]);
  });
});
