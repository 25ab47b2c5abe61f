/** Each step brings the schema one version on; steps are only ever added at the end. Times are milliseconds since the epoch. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE lease (
    mac TEXT PRIMARY KEY,
    address TEXT NOT NULL UNIQUE,
    machine_id TEXT,
    uuid TEXT,
    expires_at INTEGER NOT NULL
  ) STRICT;
  -- doc: a node record without its boots, JSON
  CREATE TABLE node (
    id TEXT PRIMARY KEY,
    doc TEXT NOT NULL
  ) STRICT;
  -- doc: one boot with its events, JSON
  CREATE TABLE boot (
    node TEXT NOT NULL REFERENCES node (id) ON DELETE CASCADE,
    started_at INTEGER NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (node, started_at)
  ) STRICT;
  `,
  `
  -- hash: SHA-256 of a one-time boot token, hex
  CREATE TABLE boot_token (
    hash TEXT PRIMARY KEY,
    machine_id TEXT NOT NULL,
    address TEXT NOT NULL,
    ends_at INTEGER NOT NULL,
    used INTEGER NOT NULL
  ) STRICT;
  `,
  `
  -- doc: a workload record, JSON
  CREATE TABLE workload (
    uuid TEXT PRIMARY KEY,
    doc TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- doc: what an admin has said of a host, JSON
  CREATE TABLE host (
    id TEXT PRIMARY KEY,
    doc TEXT NOT NULL
  ) STRICT;
  `,
];
