import { describe, expect, test } from 'vitest';
import { fallbackText } from '../../../../src/domain/config/reference.ts';
import { flagOf, SETTING_PATHS, SETTINGS, variableOf } from '../../../../src/domain/config/settings.ts';

describe('the names of a setting', () => {
  test.each([
    ['interface', 'PXEN_INTERFACE', '--interface'],
    ['dhcp.leaseTime', 'PXEN_DHCP_LEASE_TIME', '--dhcp-lease-time'],
    ['tftp.maxPerClient', 'PXEN_TFTP_MAX_PER_CLIENT', '--tftp-max-per-client'],
  ] as const)('%s is %s and %s', (path, variable, flag) => {
    expect([variableOf(path), flagOf(path)]).toEqual([variable, flag]);
  });

  test('are all different', () => {
    expect(new Set(SETTING_PATHS.map(variableOf)).size).toBe(SETTING_PATHS.length);
    expect(new Set(SETTING_PATHS.map(flagOf)).size).toBe(SETTING_PATHS.length);
  });
});

test.each(SETTING_PATHS.map(path => [path]))('the default of %s is itself a good value', path => {
  const { schema, fallback } = SETTINGS[path];
  const written = Array.isArray(fallback) ? fallback.map(String) : fallback;
  expect(schema.safeParse(written)).toEqual({ success: true, data: fallback });
});

test.each([
  ['dhcp.port', '67'],
  ['dhcp.pool', ''],
  ['boot.console', '[tty0, ttyS0]'],
] as const)('the default of %s is shown as %j', (path, text) => expect(fallbackText(path)).toBe(text));
