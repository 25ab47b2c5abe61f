import express, { type Express } from 'express';
import { badRequest } from '../../api/error.ts';
import { MAX_REQUEST_BYTES, PATHS } from '../../api/paths.ts';
import {
  type HostChange,
  type HostView,
  hostChangeSchema,
  type PlacementRequest,
  type PlacementView,
  type PlanRequest,
  type PlanView,
  placementRequestSchema,
  planRequestSchema,
  type RealmList,
} from '../../api/placement.ts';
import { MAX_WORKLOAD_BYTES } from '../../domain/workload/lines.ts';

/** What the API tells of hosts and realms, and what it decides. */
export interface PlacementBackstage {
  hosts(): Promise<HostView[]>;
  /** Rejects with NOT_FOUND, CONFLICT or BAD_REQUEST, and then nothing has changed. */
  changeHost(name: string, change: HostChange): Promise<HostView>;
  removeHost(name: string): Promise<{ removed: string }>;
  realms(): Promise<RealmList>;
  /** Rejects with NOT_FOUND, or WORKLOAD_INVALID for a file with problems. */
  placement(request: PlacementRequest): Promise<PlacementView>;
  plan(request: PlanRequest): Promise<PlanView>;
}

/** A file at its longest, with all of its characters escaped. */
const MAX_PLACEMENT_BYTES = 6 * MAX_WORKLOAD_BYTES + MAX_REQUEST_BYTES;
/** 4096 files of a few KiB, as people write them. */
const MAX_PLAN_BYTES = 16 * 1024 * 1024;

/** For those who have shown that they may. */
export function placementRoutes(app: Express, back: PlacementBackstage): void {
  app.get(PATHS.hosts, async (_request, response) => {
    response.json({ hosts: await back.hosts() });
  });
  app.put(PATHS.host, express.json({ limit: MAX_REQUEST_BYTES }), async (request, response) => {
    const parsed = hostChangeSchema.safeParse(request.body);
    if (!parsed.success) throw badRequest('the change of a host', parsed.error);
    response.json(await back.changeHost(request.params['name'] ?? '', parsed.data));
  });
  app.delete(PATHS.host, async (request, response) => {
    response.json(await back.removeHost(request.params.name));
  });
  app.get(PATHS.realms, async (_request, response) => {
    response.json(await back.realms());
  });
  app.post(PATHS.placements, express.json({ limit: MAX_PLACEMENT_BYTES }), async (request, response) => {
    const parsed = placementRequestSchema.safeParse(request.body);
    if (!parsed.success) throw badRequest('the request', parsed.error);
    response.json(await back.placement(parsed.data));
  });
  app.post(PATHS.plans, express.json({ limit: MAX_PLAN_BYTES }), async (request, response) => {
    const parsed = planRequestSchema.safeParse(request.body);
    if (!parsed.success) throw badRequest('the request', parsed.error);
    response.json(await back.plan(parsed.data));
  });
}
