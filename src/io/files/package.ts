import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of the installed package: what comes with pxen (apkovl/, dist/agent.js, scripts/) is found from here. */
export function packageRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json')) && folder !== '/') folder = dirname(folder);
  return folder;
}
