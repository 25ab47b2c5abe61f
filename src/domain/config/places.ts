/** Where everything of an appliance is (DESIGN section 1), all under one root. */
export interface Places {
  /** The admin's files (/host0/...) are looked up below it by their full path. */
  readonly root: string;
  readonly config: string;
  /** SSH host keys of libvirt hosts, kept by the admin. */
  readonly knownHosts: string;
  readonly state: string;
  readonly database: string;
  readonly keys: string;
  readonly overlays: string;
  /** What nodes need to know of host0, as the last pxend wrote it. */
  readonly site: string;
  /** The workload files. */
  readonly monoliths: string;
  readonly http: string;
  readonly tftp: string;
  readonly controlSocket: string;
}

export function placesUnder(root: string): Places {
  const at = (path: string): string => `${root.replace(/\/+$/, '')}/${path}`;
  return {
    root: root === '' ? '/' : root,
    config: at('etc/pxen/pxen.yaml'),
    knownHosts: at('etc/pxen/known_hosts'),
    state: at('var/pxen/state'),
    database: at('var/pxen/state/pxen.db'),
    keys: at('var/pxen/state/keys'),
    overlays: at('var/pxen/state/overlays'),
    site: at('var/pxen/state/site.json'),
    monoliths: at('var/pxen/monoliths'),
    http: at('srv/pxen/http'),
    tftp: at('srv/pxen/tftp'),
    controlSocket: at('run/pxen/pxend.sock'),
  };
}

/** Where a boot file is. */
export function placeOf({ folder, name }: { folder: 'tftp' | 'boot'; name: string }, places: Places): string {
  return folder === 'tftp' ? `${places.tftp}/${name}` : `${places.http}/boot/${name}`;
}
