import { describe, expect, test } from 'vitest';
import { formatDiagnostic, quote } from '../../../../src/base/diagnostic.ts';
import { type ConfigSources, parseConfig } from '../../../../src/domain/config/parse.ts';
import {
  type Config,
  SETTING_PATHS,
  SETTINGS,
  type SettingPath,
} from '../../../../src/domain/config/settings.ts';

const DEFAULTS = Object.fromEntries(
  SETTING_PATHS.map(path => [path, SETTINGS[path].fallback]),
) as unknown as Config;

function parsed(text: string | undefined, other: Partial<ConfigSources> = {}): Config | string[] {
  const file = text === undefined ? undefined : { path: 'pxen.yaml', text };
  const result = parseConfig({ file, environment: {}, flags: {}, ...other });
  return 'config' in result ? result.config : result.problems.map(formatDiagnostic);
}

const fromFlag = (path: SettingPath, text: string): Config | string[] =>
  parsed(undefined, { flags: { [path]: text } });

describe('a good file', () => {
  test('sets what it names and leaves the rest at the defaults', () => {
    const text = `
interface: eth1
dhcp:
  pool: [10.77.0.100-10.77.0.199, 10.77.0.210 - 10.77.0.220]
  leaseTime: 2h
  router: 10.77.0.1
  dns: 10.77.0.1, 9.9.9.9
http:
  port: 8080     # 80 is taken
boot:
  console: [tty0, "ttyS1,115200"]
  arguments: quiet mitigations=off
log: { level: debug }
`;
    expect(parsed(text)).toEqual({
      ...DEFAULTS,
      interface: 'eth1',
      'dhcp.pool': [
        { first: '10.77.0.100', last: '10.77.0.199' },
        { first: '10.77.0.210', last: '10.77.0.220' },
      ],
      'dhcp.leaseTime': 7200,
      'dhcp.router': '10.77.0.1',
      'dhcp.dns': ['10.77.0.1', '9.9.9.9'],
      'http.port': 8080,
      'boot.console': ['tty0', 'ttyS1,115200'],
      'boot.arguments': 'quiet mitigations=off',
      'log.level': 'debug',
    });
  });

  test.each([
    ['no file', undefined],
    ['an empty file', ''],
    ['only comments', '# interface: eth0\n'],
    ['only a document start', '---\n'],
    ['a section whose settings are all commented out', 'dhcp:\n  # port: 67\nhttp:\n'],
    ['settings with nothing behind them', 'interface:\nhttp:\n  port:\n'],
    [
      'the empty values that stand for the defaults',
      'interface: ""\ndhcp: {router: "", domain: "", dns: [], pool: ""}\n',
    ],
  ])('%s means the defaults', (_, text) => expect(parsed(text)).toEqual(DEFAULTS));

  test('may write a setting with its whole path, and use CRLF, a byte order mark and anchors', () => {
    const text = '\ufeffhttp.port: &p 8080\r\ntftp:\r\n  port: *p\r\n';
    expect(parsed(text)).toEqual({ ...DEFAULTS, 'http.port': 8080, 'tftp.port': 8080 });
  });
});

/** For every setting: values that are taken, with what they become, and values that are refused. */
const EDGES: Record<SettingPath, { taken: [string, unknown][]; refused: string[] }> = {
  interface: {
    taken: [
      ['a', 'a'],
      ['enp0s31f6.4094', 'enp0s31f6.4094'],
      ['123456789012345', '123456789012345'],
    ],
    refused: ['1234567890123456', 'eth 0', 'eth/0'],
  },
  'dhcp.mode': {
    taken: [
      ['server', 'server'],
      ['proxy', 'proxy'],
      ['auto', 'auto'],
      ['off', 'off'],
    ],
    refused: ['Proxy', 'Server', 'false'],
  },
  'dhcp.proxyOffer': {
    taken: [
      ['whole', 'whole'],
      ['port4011', 'port4011'],
    ],
    refused: ['4011', 'short'],
  },
  'dhcp.subnets': {
    taken: [
      ['[]', []],
      [
        '[{network: 10.88.0.0/24}]',
        [
          {
            network: { address: '10.88.0.0', prefix: 24 },
            pool: [],
            router: undefined,
            dns: undefined,
            domain: undefined,
            leaseTime: undefined,
          },
        ],
      ],
      [
        '[{network: 10.88.0.0/24, pool: 10.88.0.5-10.88.0.9, router: 10.88.0.1, dns: [9.9.9.9], domain: far.lab, leaseTime: 2m}]',
        [
          {
            network: { address: '10.88.0.0', prefix: 24 },
            pool: [{ first: '10.88.0.5', last: '10.88.0.9' }],
            router: '10.88.0.1',
            dns: ['9.9.9.9'],
            domain: 'far.lab',
            leaseTime: 120,
          },
        ],
      ],
    ],
    refused: ['10.88.0.0/24', '{network: 10.88.0.0/24}', 'true'],
  },
  'dhcp.reservations': {
    taken: [
      [
        '[{mac: 52-54-00-AA-BB-CC, address: 10.77.0.9}]',
        [{ mac: '52:54:00:aa:bb:cc', id: undefined, address: '10.77.0.9', hostname: undefined }],
      ],
      [
        '[{id: "91d5815f", address: 10.77.0.9, hostname: web}]',
        [{ mac: undefined, id: '91d5815f', address: '10.77.0.9', hostname: 'web' }],
      ],
    ],
    refused: ['52:54:00:aa:bb:cc', '{mac: x}'],
  },
  'dhcp.requestsPerCard': {
    taken: [
      ['1', 1],
      ['100000', 100_000],
    ],
    refused: ['0', '100001', '2.5', 'many'],
  },
  'dhcp.pool': {
    taken: [
      ['10.0.0.1-10.0.0.1', [{ first: '10.0.0.1', last: '10.0.0.1' }]],
      [
        '[10.0.0.1-10.0.0.2, 10.0.0.5-10.0.0.6]',
        [
          { first: '10.0.0.1', last: '10.0.0.2' },
          { first: '10.0.0.5', last: '10.0.0.6' },
        ],
      ],
    ],
    refused: ['10.0.0.1', '10.0.0.1-10.0.0.256', '10.0.0.1-10.0.0.2-10.0.0.3', '10.0.0.0/24'],
  },
  'dhcp.port': {
    taken: [
      ['1', 1],
      ['65535', 65535],
    ],
    refused: ['0', '65536', '-1', '67.5', 'dhcp', ''],
  },
  'dhcp.leaseTime': {
    taken: [
      ['120', 120],
      ['2m', 120],
      ['120s', 120],
      ['1h', 3600],
      ['30d', 2_592_000],
    ],
    refused: [
      '119',
      '1m',
      '119s',
      '31d',
      '2592001',
      '1w',
      '1.5h',
      '-1h',
      '1h30m',
      '99999999999999999999d',
      '',
    ],
  },
  'dhcp.router': {
    taken: [
      ['', ''],
      ['10.0.0.1', '10.0.0.1'],
    ],
    refused: ['10.0.0', '10.0.0.1/24', 'gateway'],
  },
  'dhcp.dns': {
    taken: [
      ['', []],
      ['9.9.9.9', ['9.9.9.9']],
      ['9.9.9.9 1.1.1.1', ['9.9.9.9', '1.1.1.1']],
      ['[9.9.9.9]', ['9.9.9.9']],
    ],
    refused: ['dns.example.org', '9.9.9.9;1.1.1.1', '[9.9.9.9, 1]'],
  },
  'dhcp.domain': {
    taken: [
      ['', ''],
      ['lab', 'lab'],
      ['lab.example.org', 'lab.example.org'],
      [`${'a'.repeat(253)}`, 'a'.repeat(253)],
    ],
    refused: ['.lab', 'lab.', 'lab_1', 'a b', 'a'.repeat(254)],
  },
  'tftp.port': {
    taken: [
      ['1', 1],
      ['65535', 65535],
    ],
    refused: ['0', '65536'],
  },
  'tftp.maxTransfers': {
    taken: [
      ['1', 1],
      ['10000', 10000],
    ],
    refused: ['0', '10001', 'many'],
  },
  'tftp.singlePort': {
    taken: [
      ['true', true],
      ['false', false],
    ],
    refused: ['1', 'yes'],
  },
  'tftp.maxPerClient': {
    taken: [
      ['1', 1],
      ['1000', 1000],
    ],
    refused: ['0', '1001'],
  },
  'http.port': {
    taken: [
      ['1', 1],
      ['65535', 65535],
    ],
    refused: ['0', '65536'],
  },
  'boot.transport': {
    taken: [
      ['auto', 'auto'],
      ['tftp', 'tftp'],
      ['http', 'http'],
    ],
    refused: ['https', ''],
  },
  'boot.unknown': {
    taken: [
      ['default', 'default'],
      ['wait', 'wait'],
    ],
    refused: ['refuse', ''],
  },
  'boot.kernel': {
    taken: [['vmlinuz-6.1+x_y.z', 'vmlinuz-6.1+x_y.z']],
    refused: ['boot/vmlinuz', '..', '.hidden', '', 'a b'],
  },
  'boot.initramfs': { taken: [['initramfs-lts', 'initramfs-lts']], refused: ['/initramfs', '-x'] },
  'boot.modloop': { taken: [['modloop-lts', 'modloop-lts']], refused: ['a\nb', 'a;b'] },
  'boot.console': {
    taken: [
      ['ttyS0', ['ttyS0']],
      ['tty0 ttyS1', ['tty0', 'ttyS1']],
      ['[tty0, "ttyS0,115200n8"]', ['tty0', 'ttyS0,115200n8']],
      ['', []],
    ],
    refused: ['ttyS0,115200', '/dev/ttyS0', '[tty0, "ttyS0 quiet"]'],
  },
  'boot.arguments': {
    taken: [
      ['', ''],
      ['quiet usbcore.autosuspend=-1', 'quiet usbcore.autosuspend=-1'],
      ['a # b', 'a # b'],
      ['1', '1'],
    ],
    refused: ['quiet\u0007', 'grün'],
  },
  'overlay.watch': {
    taken: [
      ['auto', 'auto'],
      ['off', 'off'],
    ],
    refused: ['on', 'yes', ''],
  },
  'agent.interval': {
    taken: [
      ['1', 1],
      ['1s', 1],
      ['1h', 3600],
    ],
    refused: ['0', '0s', '61m', '3601'],
  },
  'log.level': {
    taken: [
      ['debug', 'debug'],
      ['error', 'error'],
    ],
    refused: ['trace', 'INFO'],
  },
  'isos.quota': {
    taken: [
      ['0', '0'],
      ['"0"', '0'],
      ['500M', '500M'],
      ['50G', '50G'],
    ],
    refused: ['50', '50GB', '0G', '1.5G', '-1G', '50g'],
  },
  'isos.keepFree': { taken: [['1T', '1T']], refused: ['1K', 'none'] },
  'workload.accel': {
    taken: [
      ['kvm', 'kvm'],
      ['auto', 'auto'],
      ['tcg', 'tcg'],
    ],
    refused: ['', 'KVM', 'hvf', 'true'],
  },
  'log.format': {
    taken: [
      ['text', 'text'],
      ['json', 'json'],
    ],
    refused: ['xml'],
  },
};

describe('every setting', () => {
  const taken = Object.entries(EDGES).flatMap(([path, { taken }]) =>
    taken.map(([text, value]) => [path as SettingPath, text, value] as const),
  );
  const refused = Object.entries(EDGES).flatMap(([path, { refused }]) =>
    refused.map(text => [path as SettingPath, text] as const),
  );

  test('has edges here', () => expect(Object.keys(EDGES).toSorted()).toEqual(SETTING_PATHS.toSorted()));

  test.each(taken)('%s takes %j', (path, text, value) =>
    expect(fromFlag(path, text)).toEqual({ ...DEFAULTS, [path]: value }),
  );

  test.each(refused)('%s refuses %j and says what it wants', (path, text) => {
    const flag = `--${path.replace('.', '-').replace(/[A-Z]/g, c => `-${c.toLowerCase()}`)}`;
    expect(fromFlag(path, text)).toEqual([
      `command line: ${flag}: got ${quote(text)}, expected ${SETTINGS[path].expected}`,
    ]);
  });
});

describe('messages name the place and what to write instead', () => {
  test.each([
    [
      'dhcp:\n  poool: x\n',
      ['pxen.yaml:2: dhcp.poool: got an unknown key, expected a known key; did you mean dhcp.pool?'],
    ],
    [
      'dhpc:\n  pool: x\n',
      ['pxen.yaml:1: dhpc: got an unknown key, expected a known key; did you mean dhcp?'],
    ],
    [
      '\n\nwhatever: 1\n',
      ['pxen.yaml:3: whatever: got an unknown key, expected a known key (pxend --help lists them)'],
    ],
    [
      'http:\n  port: 70000\n',
      ['pxen.yaml:2: http.port: got 70000 (number), expected a port from 1 to 65535'],
    ],
    ['http:\n  port: "80"\n', ['pxen.yaml:2: http.port: got "80", expected a port from 1 to 65535']],
    ['http:\n  port: [80]\n', ['pxen.yaml:2: http.port: got [80] (list), expected a port from 1 to 65535']],
    [
      'log:\n  level: {a: 1}\n',
      ['pxen.yaml:2: log.level: got {"a":1} (mapping), expected debug, info, warn or error'],
    ],
    [
      'interface: true\n',
      [
        'pxen.yaml:1: interface: got true (boolean), expected the name of a network interface such as eth0 (see: ip -4 address)',
      ],
    ],
    [
      'dhcp:\n  pool:\n    - 10.0.0.1-10.0.0.9\n    - nonsense\n',
      [
        'pxen.yaml:2: dhcp.pool: got ["10.0.0.1-10.0.0.9","nonsense"] (list), expected ranges inside the network of the interface such as 10.77.0.100-10.77.0.199',
      ],
    ],
    ['dhcp: 5\n', ['pxen.yaml:1: dhcp: got no settings, expected settings below it such as dhcp.mode']],
    ['- a\n- b\n', ['pxen.yaml:1: file: got no mapping, expected lines such as "dhcp:"']],
    [
      'http.port: 1\nhttp:\n  port: 2\n',
      ['pxen.yaml:3: http.port: got a second value, expected one, it is on line 1'],
    ],
    [
      'dhcp:\n  pool: &a [*a]\n',
      [
        'pxen.yaml:2: dhcp.pool: got an alias that cannot be followed, expected ranges inside the network of the interface such as 10.77.0.100-10.77.0.199',
      ],
    ],
    [
      '__proto__:\n  port: 1\n',
      ['pxen.yaml:1: __proto__: got an unknown key, expected a known key (pxend --help lists them)'],
    ],
    [
      '"a\\nb": 1\n',
      ['pxen.yaml:1: "a\\nb": got an unknown key, expected a known key (pxend --help lists them)'],
    ],
    ['interface: !env ETH\n', ['pxen.yaml:1: YAML: got "Unresolved tag: !env", expected valid YAML']],
  ])('%j', (text, messages) => expect(parsed(text)).toEqual(messages));

  test.each([
    [
      'http:\n  port: 80\n  port: 81\n',
      ['pxen.yaml:3: YAML: got "Map keys must be unique", expected valid YAML'],
    ],
    [
      'interface: eth0\nhttp:\n\tport: 80\n',
      ['pxen.yaml:3: YAML: got "Tabs are not allowed as indentation", expected valid YAML'],
    ],
    [
      'interface: eth0\ndhcp: pool: x\n',
      ['pxen.yaml:2: YAML: got "Nested mappings are not allowed in compact mappings", expected valid YAML'],
    ],
  ])('a fault of YAML itself has its line: %j', (text, messages) => expect(parsed(text)).toEqual(messages));

  test('all problems of all three sources come at once', () => {
    expect(
      parsed('dhcp:\n  prot: 67\nhttp:\n  port: 0\nlog:\n  level: loud\n', {
        environment: {
          PXEN_DHCP_POLL: 'x',
          PXEN_TFTP_PORT: 'abc',
          PXEN_LOG_LEVEL: 'mute',
          PXEN_ROOT: '/r',
          HOME: '/h',
        },
        flags: { 'agent.interval': 'never' },
      }),
    ).toEqual([
      'pxen.yaml:2: dhcp.prot: got an unknown key, expected a known key; did you mean dhcp.port?',
      'environment: PXEN_DHCP_POLL: got an unknown key, expected a known key; did you mean PXEN_DHCP_POOL?',
      'environment: PXEN_TFTP_PORT: got "abc", expected a port from 1 to 65535',
      'pxen.yaml:4: http.port: got 0 (number), expected a port from 1 to 65535',
      'command line: --agent-interval: got "never", expected a duration from 1s to 1h',
      'environment: PXEN_LOG_LEVEL: got "mute", expected debug, info, warn or error',
    ]);
  });
});

describe('precedence', () => {
  const text = 'http: {port: 1001}\ntftp: {port: 1001}\ndhcp: {port: 1001}\n';
  const environment = { PXEN_HTTP_PORT: '1002', PXEN_TFTP_PORT: '1002' };
  const flags = { 'http.port': '1003' };

  test('file, then environment, then flags; the last one wins', () => {
    expect(parsed(text, { environment, flags })).toEqual({
      ...DEFAULTS,
      'http.port': 1003,
      'tftp.port': 1002,
      'dhcp.port': 1001,
    });
  });

  test('a bad value that is overridden is not complained about', () => {
    expect(parsed('http: {port: bad}', { flags })).toEqual({ ...DEFAULTS, 'http.port': 1003 });
  });

  test.each([
    ['PXEN_DHCP_LEASE_TIME', 'dhcp.leaseTime', '15m', 900],
    ['PXEN_TFTP_MAX_PER_CLIENT', 'tftp.maxPerClient', '3', 3],
    ['PXEN_DHCP_DNS', 'dhcp.dns', '[9.9.9.9, 1.1.1.1]', ['9.9.9.9', '1.1.1.1']],
    ['PXEN_BOOT_ARGUMENTS', 'boot.arguments', 'console=tty1 # all of it', 'console=tty1 # all of it'],
  ])('%s sets %s', (name, path, value, expected) => {
    expect(parsed(undefined, { environment: { [name]: value } })).toEqual({ ...DEFAULTS, [path]: expected });
  });
});

test.each([
  ['PXEN_DHPC_POOL', 'did you mean PXEN_DHCP_POOL?'],
  ['PXEN_INTERFACES', 'did you mean PXEN_INTERFACE?'],
  ['PXEN_LOG_COLOURED_BY_TIME', '(pxend --help lists them)'],
])('a mistyped variable is refused, not ignored: %s', (name, hint) => {
  const [message = '', ...others] = parsed(undefined, { environment: { [name]: '1' } }) as string[];
  expect(others).toEqual([]);
  expect(message).toMatch(/^environment: PXEN_\w+: got an unknown key, expected a known key/);
  expect(message.endsWith(hint)).toBe(true);
});

test.each(['PXEN_ROOT', 'PXEN_FUZZ_SECONDS', 'pxen_http_port', 'XPXEN_HTTP_PORT', 'PXEN_', 'PXEN'])(
  'the variable %s belongs to somebody else',
  name => expect(parsed(undefined, { environment: { [name]: 'x' } })).toEqual(DEFAULTS),
);
