import type { BootStage } from '../node/timeline.ts';

/** File names by the step of a boot that fetches them; the first match counts. */
const STAGES: readonly (readonly [RegExp, BootStage])[] = [
  [/\.(?:efi|kpxe)$/, 'nbp'],
  [/\.ipxe$/, 'script'],
  [/^vmlinuz/, 'kernel'],
  [/^initramfs/, 'initramfs'],
];

/**
 * The step of a boot that the download of this file completes, or undefined for a file that marks none.
 * Takes a name or a path with slashes; TFTP and HTTP share the rule. DESIGN section 5.
 */
export function stageOfFile(name: string): BootStage | undefined {
  const base = name.slice(name.lastIndexOf('/') + 1);
  return STAGES.find(([pattern]) => pattern.test(base))?.[1];
}
