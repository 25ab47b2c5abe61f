import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assertGuarded, machineRoot, PACKAGE, run, write } from './shell.ts';

const INIT = join(PACKAGE, 'boot/initramfs/init');
const DHCP_EVENT = join(PACKAGE, 'boot/initramfs/dhcp-event');
const BUSYBOX = ['busybox', 'sh'];
assertGuarded(INIT);
assertGuarded(DHCP_EVENT);

const MAC = '52:54:00:12:34:56';
const ID = '91d5815f';
const OVERLAY = `http://10.0.2.2/apkovl/${ID}.apkovl.tar.gz`;
const ROOTFS = 'http://10.0.2.2/boot/root.squashfs';
const CMDLINE = `console=ttyS0 quiet ip=dhcp BOOTIF=01-52-54-00-12-34-56 modules=loop,squashfs modloop=${ROOTFS}`;

/**
 * Stands before every command that acts on the machine: writes it down and does what the story needs of it.
 * Each line of the file `refuse` makes one download of the URL in `refused` fail with that line as the server's answer.
 * A line in the file `stop` is a command that ends the story, where init would go on for ever.
 */
const MOCK = `#!/bin/sh
echo "$*" | sed "s|$ROOT||g" >>"$ROOT/log"
if grep -Fqx -- "$*" "$ROOT/stop" 2>/dev/null; then kill $PPID; exit; fi
case "$1" in
  udhcpc) mkdir -p "$ROOT/run/pxen"; ip=10.0.2.15 mask=24 router=10.0.2.2 dns='10.0.2.3 10.0.2.4' siaddr=10.0.2.2 serverid=10.0.2.9 domain=lab sh ${DHCP_EVENT} bound ;;
  timeout)
    if [ -s "$ROOT/refuse" ] && echo "$*" | grep -Fq "$(cat "$ROOT/refused")"; then
      echo "wget: $(head -n 1 "$ROOT/refuse")" >&2
      sed -i 1d "$ROOT/refuse"
      exit 1
    fi
    while [ "$1" != -O ]; do shift; done
    cp "$ROOT/overlay.gz" "$2" ;;
  tar) exec "$@" ;;
esac
`;

interface Story {
  readonly cmdline?: string;
  readonly refuse?: readonly string[];
  readonly refused?: string;
  readonly stop?: string;
  readonly files?: Readonly<Record<string, string>>;
}

/** Runs init as the whole boot of a mocked machine. */
function boot({
  cmdline = `${CMDLINE} apkovl=${OVERLAY}`,
  refuse = [],
  refused = OVERLAY,
  stop = '',
  files = {},
}: Story) {
  const root = machineRoot({
    'proc/cmdline': `${cmdline}\n`,
    'proc/uptime': '1.61 0.20\n',
    'sys/class/dmi/id/product_uuid': '11223344-5566-7788-99aa-bbccddeeff00\n',
    'sys/class/net/lo/address': '00:00:00:00:00:00\n',
    'sys/class/net/eth0/address': `${MAC}\n`,
    'sys/class/net/eth0/device/vendor': '0x1af4\n',
    'upper/etc/pxen/agent.json': '{}\n',
    refuse: refuse.map(line => `${line}\n`).join(''),
    refused,
    stop: `${stop}\n`,
    log: '',
    ...files,
  });
  write(join(root, 'mock'), MOCK, 0o755);
  execFileSync('tar', ['-czf', join(root, 'overlay.gz'), '-C', join(root, 'upper'), '.']);
  const path = `${join(PACKAGE, 'apkovl/usr/bin')}${delimiter}${process.env['PATH']}`;
  const ran = run(BUSYBOX, [INIT], { ROOT: root, MOCK: join(root, 'mock'), PATH: path });
  const did = readFileSync(join(root, 'log'), 'utf8').trimEnd().split('\n');
  return { root, said: ran.out.trimEnd().split('\n'), did, err: ran.err };
}

/** Runs a few lines of shell with init's functions at hand. */
function call(script: string, files: Readonly<Record<string, string>> = {}): string {
  const root = machineRoot(files);
  const ran = run(BUSYBOX, ['-c', `INIT_LIBRARY=1; . ${INIT}; ${script}`], { ROOT: root });
  expect(ran.err).toBe('');
  return ran.out.trimEnd();
}

describe('a boot without trouble', () => {
  test('acts in this order', () => {
    expect(boot({}).did).toEqual([
      'mount -t proc proc /proc',
      'mount -t sysfs sysfs /sys',
      'mount -t devtmpfs dev /dev',
      'mount -t tmpfs -o mode=755,nosuid,nodev,size=20% run /run',
      'mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts',
      'mount -t tmpfs -o mode=1777,nosuid,nodev shm /dev/shm',
      'mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup',
      'modprobe -a virtio_pci virtio_net loop squashfs overlay virtio-rng',
      'modprobe -qa',
      'ip link set lo up',
      'ip link set eth0 up',
      'udhcpc -i eth0 -f -q -n -t 5 -T 1 -V pxen-init -s /usr/bin/dhcp-event',
      'ip addr replace 10.0.2.15/24 dev eth0',
      'ip route replace default via 10.0.2.2 dev eth0',
      'mount -t tmpfs -o mode=755,size=80% ram /mnt/ram',
      `timeout 600 wget -q --header X-Pxen-Id: ${ID} -O /mnt/ram/root.squashfs ${ROOTFS}`,
      'mount -t squashfs -o loop,ro /mnt/ram/root.squashfs /mnt/root',
      'mount -t overlay -o lowerdir=/mnt/root,upperdir=/mnt/ram/upper,workdir=/mnt/ram/work root /newroot',
      `timeout 120 wget -q --header X-Pxen-Id: ${ID} -O /mnt/ram/overlay.tar.gz ${OVERLAY}`,
      'gunzip -t /mnt/ram/overlay.tar.gz',
      'tar -xzf /mnt/ram/overlay.tar.gz -C /newroot',
      'mount --move /dev /newroot/dev',
      'mount --move /proc /newroot/proc',
      'mount --move /sys /newroot/sys',
      'mount --move /run /newroot/run',
      'switch_root /newroot /sbin/init',
    ]);
  });

  test('prints its stages and the machine id, once each', () => {
    expect(boot({}).said).toEqual([
      'pxen-init: start 1.61',
      'pxen-init: network 1.61',
      `pxen-init: machine id ${ID} (uuid)`,
      'pxen-init: root 1.61',
      'pxen-init: overlay 1.61',
      'pxen-init: switch 1.61',
    ]);
  });

  test('leaves the lease facts for the agent, readable by root only', () => {
    const { root } = boot({});
    const file = join(root, 'run/pxen/boot.env');
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toEqual([
      `ID='${ID}'`,
      "IFACE='eth0'",
      `MAC='${MAC}'`,
      "IP='10.0.2.15'",
      "PREFIX='24'",
      "ROUTER='10.0.2.2'",
      "DNS='10.0.2.3 10.0.2.4'",
      "SERVER='10.0.2.2'",
      "DHCP_SERVER='10.0.2.9'",
      `APKOVL='${OVERLAY}'`,
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('the new root has the overlay, a name and a resolver', () => {
    const { root } = boot({});
    const text = (path: string) => readFileSync(join(root, 'newroot', path), 'utf8');
    expect(text('etc/pxen/agent.json')).toBe('{}\n');
    expect(text('etc/hostname')).toBe(`node-${ID}\n`);
    expect(text('etc/resolv.conf')).toBe('search lab\nnameserver 10.0.2.3\nnameserver 10.0.2.4\n');
  });

  test("the overlay's own name and resolver stay", () => {
    const { root } = boot({
      files: { 'upper/etc/hostname': 'rack1\n', 'upper/etc/resolv.conf': 'nameserver 9.9.9.9\n' },
    });
    const text = (path: string) => readFileSync(join(root, 'newroot', path), 'utf8');
    expect(text('etc/hostname')).toBe('rack1\n');
    expect(text('etc/resolv.conf')).toBe('nameserver 9.9.9.9\n');
  });
});

describe('identity', () => {
  test("another machine's overlay is never fetched, and the console says so again and again", () => {
    const { said, did } = boot({
      cmdline: `${CMDLINE} apkovl=http://10.0.2.2/apkovl/deadbeef.apkovl.tar.gz`,
      stop: 'sleep 30',
    });
    expect(said.at(-1)).toBe(
      `pxen-init: IDENTITY MISMATCH: this machine is ${ID}, the boot script gave it the overlay of deadbeef.` +
        ' Not unpacking it. Two machines with one UUID, or a firmware that tells iPXE another UUID than the kernel?' +
        ' See mesh node trace.',
    );
    expect(did.at(-1)).toBe('sleep 30');
    // The root image was asked for, with the id that this machine has found: so host0 knows. The overlay was not.
    expect(did.filter(line => line.includes('wget'))).toEqual([expect.stringContaining(`X-Pxen-Id: ${ID}`)]);
    expect(did.filter(line => line.includes('apkovl'))).toEqual([]);
  });

  test.each([
    ['http://h/apkovl/91d5815f.apkovl.tar.gz', '91d5815f'],
    ['http://h/apkovl/91d5815f.apkovl.tar.gz?token=deadbeef.x/y', '91d5815f'],
    ['http://h/apkovl/default.apkovl.tar.gz', ''],
    ['http://h/apkovl/11223344-5566-7788-99aa-bbccddeeff00.tar.gz', ''],
    ['http://h/91d5815f0.tar.gz', ''],
  ])('the id in %s is "%s"', (url, id) => {
    expect(call(`id_in_url '${url}'`)).toBe(id);
  });
});

describe('downloads', () => {
  test('an overlay that is not there yet is asked for again, with growing pauses', () => {
    const { said, did } = boot({
      cmdline: `${CMDLINE} apkovl=${OVERLAY}?token=secret`,
      refuse: [
        'server returned error: HTTP/1.1 404 Not Found',
        'server returned error: HTTP/1.1 403 Forbidden',
        'server returned error: HTTP/1.1 503 Service Unavailable',
        "can't connect to remote host (10.0.2.2): Connection refused",
        'error getting response',
        'error getting response',
      ],
    });
    expect(did.filter(line => line.startsWith('sleep'))).toEqual(
      ['0.5', '1', '2', '4', '5', '5'].map(seconds => `sleep ${seconds}`),
    );
    expect(said.filter(line => line.includes('overlay http'))).toEqual([
      `pxen-init: overlay ${OVERLAY}: server returned error: HTTP/1.1 404 Not Found, try 1`,
      `pxen-init: overlay ${OVERLAY}: server returned error: HTTP/1.1 403 Forbidden, try 2`,
      `pxen-init: overlay ${OVERLAY}: server returned error: HTTP/1.1 503 Service Unavailable, try 3`,
      `pxen-init: overlay ${OVERLAY}: can't connect to remote host (10.0.2.2): Connection refused, try 4`,
      `pxen-init: overlay ${OVERLAY}: error getting response, try 5`,
      `pxen-init: overlay ${OVERLAY}: error getting response, try 6`,
    ]);
    expect(did.at(-1)).toBe('switch_root /newroot /sbin/init');
  });

  test('a refusal that lasts ends in a new boot, which brings a new token; other answers start the count anew', () => {
    const refusal = 'server returned error: HTTP/1.1 403 Forbidden';
    const { said, did } = boot({
      refuse: [...Array(49).fill(refusal), 'error getting response', ...Array(50).fill(refusal)],
    });
    expect(said.filter(line => line.includes('try ')).length).toBe(100);
    expect(said.slice(-2)).toEqual([
      'pxen-init: FATAL: host0 goes on refusing the overlay; mesh node info tells why',
      'pxen-init: booting anew in 10 s (put pxen_shell on the kernel command line for a shell)',
    ]);
    expect(did.at(-1)).toBe('reboot -f');
  });

  test('a token in the URL reaches the server and not the console', () => {
    const { said, did } = boot({
      cmdline: `${CMDLINE} apkovl=${OVERLAY}?token=secret`,
      refuse: ['error getting response'],
    });
    expect(did.join('\n')).toContain(`${OVERLAY}?token=secret`);
    expect(said.join('\n')).not.toContain('secret');
  });

  test('without a root file system the machine boots anew, saying what to check', () => {
    const { said, did } = boot({
      refuse: Array(60).fill('server returned error: HTTP/1.1 500'),
      refused: ROOTFS,
    });
    expect(said.slice(-2)).toEqual([
      `pxen-init: FATAL: no root file system from ${ROOTFS}: was scripts/build-image run, and does pxend serve it?`,
      'pxen-init: booting anew in 10 s (put pxen_shell on the kernel command line for a shell)',
    ]);
    expect(did.slice(-2)).toEqual(['sleep 10', 'reboot -f']);
  });

  test('{MAC} and {UUID} are replaced as Alpine does', () => {
    const files = { 'sys/class/dmi/id/product_uuid': '11223344-5566-7788-99aa-bbccddeeff00\n' };
    expect(call(`MAC=${MAC}; expand_url 'http://h/{UUID}/{MAC}.tar.gz'`, files)).toBe(
      `http://h/11223344-5566-7788-99aa-bbccddeeff00/${MAC}.tar.gz`,
    );
  });
});

describe('the kernel command line', () => {
  const show = 'read_cmdline; echo "$K_ip|$K_bootif|$K_modloop|$K_apkovl|$K_pxen_shell"';

  test.each([
    ['ip=dhcp BOOTIF=01-AA-BB-cc-dd-ee-ff modloop=m apkovl=a.gz', 'dhcp|aa:bb:cc:dd:ee:ff|m|a.gz|'],
    ['quiet console=ttyS0,115200 alpine_repo=r modules=loop,squashfs', '||||'],
    ['apkovl=http://h/a.gz?x=1&y=* pxen_shell', '|||http://h/a.gz?x=1&y=*|yes'],
    ['BOOTIF=20-00-00-00-00-00-00', '||||'],
  ])('%s', (cmdline, fields) => {
    expect(call(show, { 'proc/cmdline': `${cmdline}\n` })).toBe(fields);
  });

  test.each([
    [
      'ip=dhcp apkovl=a.gz',
      'no modloop= on the kernel command line: it names the root file system; check the boot script',
    ],
    ['modloop=m', 'no apkovl= on the kernel command line: it names the overlay; check the boot script'],
    [
      'modloop=m apkovl=http://h/a.tar?b.gz',
      'apkovl=http://h/a.tar?b.gz does not end in .gz; check the boot script',
    ],
    ['ip=10.0.0.1 modloop=m apkovl=a.gz', 'ip=10.0.0.1: only ip=dhcp is known here; check the boot script'],
  ])('%s is refused', (cmdline, reason) => {
    const { said, did } = boot({ cmdline });
    expect(said[1]).toBe(`pxen-init: FATAL: ${reason}`);
    expect(did.at(-1)).toBe('reboot -f');
  });

  test('pxen_shell gives a shell before the machine boots anew', () => {
    const { did } = boot({ cmdline: 'pxen_shell' });
    expect(did.slice(-2)).toEqual(['setsid cttyhack sh', 'reboot -f']);
  });
});

describe('the network', () => {
  test('a boot NIC that does not turn up is named together with those that did', () => {
    const { said } = boot({
      cmdline: `ip=dhcp BOOTIF=01-aa-bb-cc-dd-ee-ff modloop=m apkovl=a.gz`,
      stop: 'sleep 5',
    });
    expect(said.at(-1)).toBe(
      `pxen-init: no network card with MAC aa:bb:cc:dd:ee:ff (seen: eth0 ${MAC}), try 5:` +
        ' its driver may be missing, build the image with --kernel generic for bare metal',
    );
  });

  test('without BOOTIF the first card with hardware behind it is used', () => {
    const { did } = boot({ cmdline: `modloop=${ROOTFS} apkovl=${OVERLAY}` });
    expect(did).toContain('ip link set eth0 up');
  });

  test('a lease cannot bring shell words along', () => {
    const root = machineRoot({ 'run/pxen/none': '' });
    run(BUSYBOX, [DHCP_EVENT, 'bound'], {
      ROOT: root,
      ip: "1.2.3.4'; reboot '",
      mask: '24',
      router: '1.2.3.1 1.2.3.2',
      dns: '$(reboot)',
      domain: "x';y z",
    });
    expect(readFileSync(join(root, 'run/pxen/lease'), 'utf8').split('\n')).toEqual([
      "ip='1.2.3.4  '",
      "mask='24'",
      "router='1.2.3.1'",
      "dns=''",
      "siaddr=''",
      "serverid=''",
      "domain='xy'",
      '',
    ]);
  });

  test('other DHCP events write nothing', () => {
    const root = machineRoot({ 'run/pxen/none': '' });
    run(BUSYBOX, [DHCP_EVENT, 'deconfig'], { ROOT: root });
    expect(existsSync(join(root, 'run/pxen/lease'))).toBe(false);
  });
});
