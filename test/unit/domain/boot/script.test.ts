import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Mac } from '../../../../src/base/mac.ts';
import {
  entryScript,
  machineScript,
  refusalScript,
  type ScriptPolicy,
  waitScript,
} from '../../../../src/domain/boot/script.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';

const HTTP: ScriptPolicy = {
  httpBase: 'http://10.77.0.1:8080',
  tftpBase: 'tftp://10.77.0.1',
  transport: 'http',
  kernel: 'vmlinuz',
  initramfs: 'initramfs',
  modloop: 'root.squashfs',
  consoles: ['tty0', 'ttyS0,115200'],
  arguments: 'quiet',
};
const TFTP: ScriptPolicy = { ...HTTP, transport: 'tftp' };
const MACHINE = { id: '91d5815f' as MachineId, mac: '52:54:00:12:34:56' as Mac };

describe('the first script comes back with UUID and MAC', () => {
  test('over HTTP', () => {
    expect(entryScript(HTTP)).toBe(`#!ipxe
chain --replace http://10.77.0.1:8080/boot.ipxe?uuid=\${uuid}&mac=\${netX/mac:hexhyp}&serial=\${serial:uristring}&platform=\${platform} || goto failed
:failed
echo pxen: could not load the boot script, trying again in 10 s
sleep 10
reboot
`);
  });

  test('over TFTP, which has no query', () => {
    expect(entryScript(TFTP)).toBe(`#!ipxe
chain --replace tftp://10.77.0.1/boot.ipxe/\${uuid}/\${netX/mac:hexhyp} || goto failed
:failed
echo pxen: could not load the boot script, trying again in 10 s
sleep 10
reboot
`);
  });
});

const ARGUMENTS =
  'console=tty0 console=ttyS0,115200 ip=dhcp BOOTIF=01-52-54-00-12-34-56 modules=loop,squashfs ' +
  'alpine_repo=http://10.77.0.1:8080/alpine modloop=http://10.77.0.1:8080/boot/root.squashfs ' +
  'apkovl=http://10.77.0.1:8080/apkovl/91d5815f.apkovl.tar.gz';

describe('the script of a machine', () => {
  test('loads kernel and initramfs over HTTP', () => {
    expect(machineScript(MACHINE, HTTP)).toBe(`#!ipxe
echo pxen: machine 91d5815f
kernel http://10.77.0.1:8080/boot/vmlinuz initrd=initramfs ${ARGUMENTS} quiet || goto failed
initrd --name initramfs http://10.77.0.1:8080/boot/initramfs || goto failed
boot || goto failed
:failed
echo pxen: could not load kernel or initramfs, trying again in 10 s
sleep 10
reboot
`);
  });

  test('loads them over TFTP; what the node itself fetches stays on HTTP', () => {
    const policy = { ...TFTP, kernel: 'vmlinuz-lts', initramfs: 'initramfs-lts', arguments: '' };
    expect(machineScript(MACHINE, policy)).toBe(`#!ipxe
echo pxen: machine 91d5815f
kernel tftp://10.77.0.1/boot/vmlinuz-lts initrd=initramfs-lts ${ARGUMENTS} || goto failed
initrd --name initramfs-lts tftp://10.77.0.1/boot/initramfs-lts || goto failed
boot || goto failed
:failed
echo pxen: could not load kernel or initramfs, trying again in 10 s
sleep 10
reboot
`);
  });

  test('passes no kernel argument with a dot in its name: the kernel would take it for a module parameter', () => {
    const kernel = machineScript(MACHINE, { ...HTTP, modloop: 'modloop-6.1', initramfs: 'initramfs-6.1' })
      .split('\n')
      .find(line => line.startsWith('kernel '))!;
    const names = kernel
      .split(' || ')[0]!
      .split(' ')
      .slice(2)
      .map(argument => argument.split('=')[0]!);
    expect(names).toEqual([
      'initrd',
      'console',
      'console',
      'ip',
      'BOOTIF',
      'modules',
      'alpine_repo',
      'modloop',
      'apkovl',
      'quiet',
    ]);
    expect(names.filter(name => name.includes('.'))).toEqual([]);
  });
});

test('a machine that has to wait asks again', () => {
  expect(waitScript(MACHINE, 'http://10.77.0.1/boot.ipxe?mac=52-54-00-12-34-56')).toBe(`#!ipxe
:again
echo pxen: machine 91d5815f is unknown; it boots as soon as /host0/machines has a folder with this UUID
sleep 10
chain --replace http://10.77.0.1/boot.ipxe?mac=52-54-00-12-34-56 || goto again
`);
});

describe('a refused machine shows why', () => {
  test('in the words of the registry', () => {
    const reason =
      '2 machines go by id 91d5815f: 52:54:00:12:34:56 (UUID none of use), 52:54:00:12:34:57 (UUID 11223344-5566-7788-99aa-bbccddeeff00)';
    expect(refusalScript(MACHINE, reason)).toBe(`#!ipxe
echo pxen: machine 91d5815f does not boot: ${reason}
sleep 30
reboot
`);
  });

  test('whatever the reason quotes, it stays text of one line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), reason => {
        const script = refusalScript(MACHINE, `claimed by ${reason}\nshell ; \${x} && a || b # c`);
        const [first, echo, ...rest] = script.split('\n');
        expect([first, ...rest]).toEqual(['#!ipxe', 'sleep 30', 'reboot', '']);
        expect(echo).toMatch(/^echo pxen: machine 91d5815f does not boot: claimed by [\w .,:()/'-]*$/);
      }),
      { seed: 5 },
    );
  });
});
