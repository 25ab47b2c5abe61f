import { describe, expect, test } from 'vitest';
import { stepLine, waterfall } from '../../../../src/cli/output/waterfall.ts';
import type { Boot } from '../../../../src/domain/node/boots.ts';
import { traceOf } from '../../../../src/domain/node/trace.ts';
import { BEGAN, bootOf, type Step } from '../../../fakes/boots.ts';
import { screen } from '../screen.ts';

const MIB = 1024 * 1024;
const at = (seconds: number, name: string, more: object = {}): Step => [
  name,
  { at: BEGAN + Math.round(seconds * 1000), ...more },
];

/** As measured in the boot lab: the card's ROM is iPXE, kernel and initramfs by TFTP. */
const BIOS = bootOf(
  at(0, 'discover/ipxe'),
  at(0.01, 'offer/ipxe'),
  at(0.02, 'ack/ipxe'),
  at(0.06, 'script', { bytes: 528, protocol: 'tftp' }),
  at(1.55, 'kernel', { bytes: 13.5 * MIB, milliseconds: 1480, retransmissions: 0, protocol: 'tftp' }),
  at(1.78, 'initramfs', { bytes: 1.6 * MIB, milliseconds: 220, retransmissions: 12, protocol: 'tftp' }),
  at(4.51, 'discover/os'),
  at(4.53, 'ack/os'),
  at(5, 'init'),
  at(5.97, 'root', { bytes: 69.8 * MIB, milliseconds: 970, protocol: 'http' }),
  at(6.17, 'overlay', { bytes: 48_449, milliseconds: 10, protocol: 'http' }),
  at(12.66, 'discover/os'),
  at(12.68, 'ack/os'),
  at(16.48, 'agent'),
);

/** OVMF: 3.8 s between OFFER and REQUEST, snponly.efi by TFTP, then iPXE waits for a router. */
const UEFI = bootOf(
  at(0, 'discover/fw'),
  at(0.01, 'offer/fw'),
  at(3.8, 'ack/fw'),
  at(4.6, 'nbp', {
    bytes: 300_000,
    milliseconds: 200,
    retransmissions: 1,
    file: 'snponly.efi',
    protocol: 'tftp',
  }),
  at(6, 'discover/ipxe'),
  at(6.02, 'ack/ipxe'),
  at(22, 'script', { bytes: 600, protocol: 'http' }),
  at(22.5, 'problem', { text: '/boot/vmlinuz: no such file\u001b[2J', fault: 'missing', step: 'kernel' }),
);

const { terminal } = screen().context;
const drawn = (boot: Boot, width = 80): string => `\n${waterfall(traceOf(boot), terminal, width)}\n`;

describe('the waterfall in 80 characters', () => {
  test('BIOS, to the agent', () => {
    expect(drawn(BIOS)).toMatchInlineSnapshot(`
      "
      STEP              START   TIME      SIZE        RATE AGAIN
      iPXE DHCP          0.00   0.02                              #
      script             0.06   0.00     528 B                    #
      kernel             0.07   1.48  13.5 MiB   9.1 MiB/s     0  ##
      initramfs          1.56   0.22   1.6 MiB   7.3 MiB/s    12   #
      kernel to init     1.78   2.73                                ...
      init DHCP          4.51   0.02                                   #
      root               5.00   0.97  69.8 MiB  72.0 MiB/s              #
      overlay            6.16   0.01  47.3 KiB   4.6 MiB/s               #
      OpenRC             6.17   6.49                                     ........
      system DHCP       12.66   0.02                                             #
      OpenRC to agent   12.68   3.80                                             .....
      agent             16.48   0.00                                                 #
      "
    `);
  });

  test('UEFI, to a missing kernel; nothing that a machine said steers the terminal', () => {
    expect(drawn(UEFI)).toMatchInlineSnapshot(`
      "
      STEP              START   TIME      SIZE        RATE AGAIN
      firmware DHCP      0.00   3.80                              ###
      firmware           3.80   0.60                                 .
      NBP                4.40   0.20   293 KiB   1.4 MiB/s     1     #
      iPXE starts        4.60   1.40                                  .
      iPXE DHCP          6.00   0.02                                   #
      iPXE configures    6.02  15.98                                   ..............
      script            22.00   0.00     600 B                                       #
      problem           22.50                                     ! /boot/vmlinuz: no such file?[2J
      "
    `);
  });

  test('a wider terminal has longer bars, and no line is wider than it', () => {
    const widths = [80, 100, 200].map(width => {
      const lines = drawn(BIOS, width).split('\n');
      return Math.max(...lines.map(line => line.length)) <= width && lines.at(-2)?.trimEnd().length;
    });
    expect(widths).toEqual([80, 100, 200]);
  });

  test('on a terminal the bars are coloured', () => {
    const coloured = waterfall(traceOf(BIOS), screen({ colours: true }).context.terminal, 80);
    expect(coloured).toContain('\u001b[32m##\u001b[0m');
    expect(coloured).toContain('\u001b[2m...\u001b[0m');
  });

  test('events that were left out of the middle are told', () => {
    expect(drawn({ ...BIOS, dropped: 7 })).toContain('\n(7 events in the middle were left out)\n');
  });
});

describe('a boot that has only begun', () => {
  test('is drawn as far as it came', () => {
    expect(drawn(bootOf('discover/fw')).split('\n')[2]).toBe(
      'firmware DHCP      0.00   0.00                              #',
    );
  });

  test('each step is a line for --follow, with what was seen', () => {
    const lines = traceOf(bootOf('discover/fw', ['ack/fw', { text: 'gave 10.77.0.100' }])).rows.map(row =>
      stepLine(row, terminal, 80),
    );
    expect(lines).toEqual(['firmware DHCP      0.00   1.00                              gave 10.77.0.100']);
  });
});
