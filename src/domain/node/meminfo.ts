/** A line of /proc/meminfo such as `MemAvailable:   1012345 kB`, in KiB; 0 when it is not there. */
export function meminfoKib(meminfo: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0);
}
