import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../../../src/base/diagnostic.ts';
import { formatOrigin } from '../../../../src/domain/manifest/action.ts';
import type { OverlayEntry } from '../../../../src/domain/overlay/entry.ts';
import { OVERLAY_LIMIT, planOverlay } from '../../../../src/domain/overlay/plan.ts';
import { formatSteps, octal } from '../../../../src/domain/overlay/steps.ts';
import { layerOf } from '../../../fakes/layers.ts';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function show(entry: OverlayEntry): string {
  const { mode, path, origin } = entry;
  const earlier = entry.type === 'file' ? (entry.earlier ?? []) : [];
  const body =
    entry.type === 'file'
      ? ` ${JSON.stringify(text(entry.content))}`
      : entry.type === 'link'
        ? ` -> ${entry.target}`
        : '';
  return `${entry.type} ${octal(mode.permissions)} ${mode.user}:${mode.group} ${path}${body} (${[...earlier, origin].map(formatOrigin).join(', ')})`;
}

/** The plan of layers given as name and manifest, as lines. */
function plan(layers: Record<string, string>, packages: string[] = []) {
  const list = Object.entries(layers).map(([name, manifest], i) =>
    layerOf(name, manifest, i === 0 ? { packages } : {}),
  );
  const { entries, steps, problems } = planOverlay(list);
  return {
    entries: entries.filter(entry => entry.path !== '/etc/pxen/overlay-steps').map(show),
    steps: formatSteps(steps),
    problems: problems.map(formatDiagnostic),
  };
}

describe('lines of later layers win', () => {
  test('O replaces, A appends, L replaces a file, D sets the mode of a directory', () => {
    const result = plan({
      group: [
        'O MODE=root:root:0644 SRC=/a TGT=/srv/f',
        'O MODE=root:root:0644 SRC=/b TGT=/srv/g',
        'O MODE=root:root:0644 SRC=/c TGT=/srv/h',
        'D MODE=root:root:0755 TGT=/srv/d',
      ].join('\n'),
      machine: [
        'O MODE=7:8:0600 SRC=/x TGT=/srv/f',
        'A MODE=root:root:0640 SRC=/y TGT=/srv/g',
        'L SRC=/z TGT=/srv/h',
        'D MODE=root:root:1777 TGT=/srv/d',
        'A MODE=root:root:0644 SRC=/new TGT=/srv/new',
      ].join('\n'),
    });
    expect(result).toEqual({
      entries: [
        'directory 0755 root:root /srv (machine:1)',
        'directory 1777 root:root /srv/d (machine:4)',
        'file 0600 7:8 /srv/f "</x>\\n" (machine:1)',
        'file 0640 root:root /srv/g "</b>\\n</y>\\n" (group:2, machine:2)',
        'link 0777 0:0 /srv/h -> /z (machine:3)',
        'file 0644 root:root /srv/new "</new>\\n" (machine:5)',
      ],
      steps: '',
      problems: [],
    });
  });

  test('directories that nobody declares are added, with the modes Linux expects of them', () => {
    const paths = ['/root/x', '/tmp/x', '/var/tmp/x', '/opt/a/b'];
    expect(plan({ m: paths.map(path => `L SRC=/z TGT=${path}`).join('\n') }).entries).toEqual([
      'directory 0755 root:root /opt (m:4)',
      'directory 0755 root:root /opt/a (m:4)',
      'link 0777 0:0 /opt/a/b -> /z (m:4)',
      'directory 0700 root:root /root (m:1)',
      'link 0777 0:0 /root/x -> /z (m:1)',
      'directory 1777 root:root /tmp (m:2)',
      'link 0777 0:0 /tmp/x -> /z (m:2)',
      'directory 0755 root:root /var (m:3)',
      'directory 1777 root:root /var/tmp (m:3)',
      'link 0777 0:0 /var/tmp/x -> /z (m:3)',
    ]);
  });
});

describe('R', () => {
  test('takes earlier entries at and below the path away and removes the path on the node', () => {
    expect(
      plan({
        group:
          'O MODE=root:root:0644 SRC=/a TGT=/srv/d/f\nL SRC=/a TGT=/srv/dd\nD MODE=root:root:0700 TGT=/srv/d',
        machine: 'R TGT=/srv/d\nR TGT=/srv/d/f\nR TGT=/never/there\nR TGT=/srv/d',
      }),
    ).toEqual({
      entries: [
        'directory 0755 root:root /etc (built-in: steps at boot)',
        'directory 0755 root:root /etc/pxen (built-in: steps at boot)',
        'directory 0755 root:root /srv (group:2)',
        'link 0777 0:0 /srv/dd -> /a (group:2)',
      ],
      steps: 'remove\t/srv/d\nremove\t/never/there\n',
      problems: [],
    });
  });

  test('a file that comes back after R is not removed on the node, and A then begins anew', () => {
    const result = plan({
      group: 'O MODE=root:root:0644 SRC=/a TGT=/srv/f',
      machine: 'R TGT=/srv/f\nA MODE=root:root:0644 SRC=/b TGT=/srv/f',
    });
    expect(result).toEqual({
      entries: [
        'directory 0755 root:root /srv (machine:2)',
        'file 0644 root:root /srv/f "</b>\\n" (machine:2)',
      ],
      steps: '',
      problems: [],
    });
  });

  test('a directory that is filled again loses only what the overlay does not bring', () => {
    const { steps } = plan({
      m: 'R TGT=/etc\nO MODE=root:root:0644 SRC=/a TGT=/etc/nginx/conf.d/x.conf\nL SRC=/a TGT=/etc/localtime\nD MODE=root:root:0755 TGT=/etc/empty',
    });
    expect(steps).toBe(
      [
        'prune\t/etc\tempty\tlocaltime\tnginx\tpxen',
        'prune\t/etc/empty',
        'prune\t/etc/nginx\tconf.d',
        'prune\t/etc/nginx/conf.d\tx.conf',
        'prune\t/etc/pxen\toverlay-steps',
        '',
      ].join('\n'),
    );
  });
});

describe('owners that only the node knows', () => {
  test('travel as a chown step', () => {
    const { steps } = plan({
      m: [
        'O MODE=nginx:www-data:4755 SRC=/a TGT=/srv/f',
        'D MODE=root:wheel:0750 TGT=/srv/d',
        'O MODE=262143:0:0644 SRC=/a TGT=/srv/g',
        'O MODE=262144:0:0644 SRC=/a TGT=/srv/h',
      ].join('\n'),
    });
    expect(steps).toBe(
      'chown\troot\twheel\t0750\t/srv/d\nchown\tnginx\twww-data\t4755\t/srv/f\nchown\t262144\t0\t0644\t/srv/h\n',
    );
  });
});

describe('packages', () => {
  test('come after the lines of /etc/apk/world, each once, in order', () => {
    const { entries } = plan({ base: 'O MODE=root:root:0644 SRC=/world TGT=/etc/apk/world' }, [
      'b',
      '</world>',
      'a',
      'b',
    ]);
    expect(entries.at(-1)).toBe(
      'file 0644 root:root /etc/apk/world "</world>\\nb\\na\\n" (base:1, packages)',
    );
  });

  test('make the file when there is none', () => {
    expect(plan({ base: '' }, ['b']).entries.at(-1)).toBe(
      'file 0644 root:root /etc/apk/world "b\\n" (packages)',
    );
  });

  test('cannot go into a link', () => {
    expect(plan({ base: 'L SRC=/x TGT=/etc/apk/world' }, ['b']).problems).toEqual([
      'packages:1: package: got "b", expected /etc/apk/world to be a file; it is a link',
    ]);
  });
});

describe('lines that contradict each other are problems that name both', () => {
  const O = (path: string) => `O MODE=root:root:0644 SRC=/a TGT=${path}`;
  const D = (path: string) => `D MODE=root:root:0755 TGT=${path}`;
  const L = (path: string) => `L SRC=/a TGT=${path}`;
  const A = (path: string) => `A MODE=root:root:0644 SRC=/a TGT=${path}`;
  test.each([
    [O('/x'), O('/x/y'), '"/x/y", expected a path below a directory; /x is a file since a:1'],
    [L('/x'), D('/x/y/z'), '"/x/y/z", expected a path below a directory; /x is a link since a:1'],
    [
      O('/x/y'),
      O('/x'),
      '"/x", expected a path that is free, or an R line before; it is a directory since a:1',
    ],
    [
      D('/x'),
      O('/x'),
      '"/x", expected a path that is free, or an R line before; it is a directory since a:1',
    ],
    [
      D('/x'),
      L('/x'),
      '"/x", expected a path that is free, or an R line before; it is a directory since a:1',
    ],
    [
      D('/x'),
      A('/x'),
      '"/x", expected a path that is free, or an R line before; it is a directory since a:1',
    ],
    [O('/x'), D('/x'), '"/x", expected a path that is free, or an R line before; it is a file since a:1'],
    [L('/x'), A('/x'), '"/x", expected a file to append to; it is a link since a:1'],
  ])('%s, then %s', (first, second, problem) => {
    expect(plan({ a: first, b: `\n${second}` }).problems).toEqual([`b:2: TGT: got ${problem}`]);
    expect(plan({ a: first, b: `R TGT=/x\n${second}` }).problems).toEqual([]);
  });

  test("pxen's own step file cannot be written", () => {
    expect(plan({ a: O('/etc/pxen/overlay-steps') }).problems).toEqual([
      'a:1: TGT: got "/etc/pxen/overlay-steps", expected another path; pxen writes this file itself',
    ]);
  });

  test('an overlay that would fill the RAM of a node is refused', () => {
    const layer = layerOf('a', O('/x'));
    const content = { length: OVERLAY_LIMIT + 1 } as Uint8Array;
    const items = layer.items.map(item => ({ ...item, content }) as (typeof layer.items)[number]);
    expect(planOverlay([{ ...layer, items }]).problems.map(formatDiagnostic)).toEqual([
      'a:1: overlay: got 256 MiB of files, expected at most 256 MiB, because a node holds it in RAM; this line brings the largest file',
    ]);
  });
});
