import { describe, expect, it } from 'vitest';
import {
  DOMAIN_MOVES, DOMAIN_STATUSES, PHASE_MOVES, PHASE_STATUSES, afterFailedBuild, checkDomainMove, checkPhaseMove, phaseMayMove, type PhaseStatus,
} from '../../src/phases/lifecycle.js';

describe('lifecycle tables', () => {
  it('names every status, and only statuses, and no status moves to itself', () => {
    expect(Object.keys(PHASE_MOVES).sort()).toEqual([...PHASE_STATUSES].sort());
    expect(Object.keys(DOMAIN_MOVES).sort()).toEqual([...DOMAIN_STATUSES].sort());
    for (const [from, targets] of [...Object.entries(PHASE_MOVES), ...Object.entries(DOMAIN_MOVES)]) {
      expect(new Set(targets).size).toBe(targets.length);
      expect(targets).not.toContain(from);
    }
    for (const targets of Object.values(PHASE_MOVES)) for (const to of targets) expect(PHASE_STATUSES).toContain(to);
    for (const targets of Object.values(DOMAIN_MOVES)) for (const to of targets) expect(DOMAIN_STATUSES).toContain(to);
  });

  it('reaches every status from the first, and leaves every status', () => {
    const reached = new Set<PhaseStatus>(['planning']);
    for (const from of reached) for (const to of PHASE_MOVES[from]) reached.add(to);
    expect(reached.size).toBe(PHASE_STATUSES.length);
    for (const targets of Object.values(PHASE_MOVES)) expect(targets.length).toBeGreaterThan(0);
  });

  it('follows the documented way and allows a rebuild and a retry', () => {
    const way: PhaseStatus[] = ['planning', 'training', 'merging', 'compressing', 'deployed', 'merging', 'failed', 'merging'];
    for (const [index, from] of way.slice(0, -1).entries()) expect(phaseMayMove(from, way[index + 1] ?? 'planning')).toBe(true);
    expect(phaseMayMove('planning', 'merging')).toBe(false);
    expect(phaseMayMove('planning', 'deployed')).toBe(false);
    expect(phaseMayMove('training', 'deployed')).toBe(false);
    expect(afterFailedBuild('deployed')).toBe('deployed');
    expect(afterFailedBuild('training')).toBe('failed');
  });

  it('refuses with both states and what is allowed', () => {
    expect(() => checkPhaseMove(3, 'planning', 'deployed')).toThrow(expect.objectContaining({
      code: 'TARA_TRANSITION_INVALID', message: 'phase 3 cannot go from planning to deployed', hint: 'Allowed from planning: training.',
    }));
    expect(() => checkDomainMove('health', 'complete', 'pending')).toThrow(expect.objectContaining({
      message: 'domain health cannot go from complete to pending', hint: 'Allowed from complete: training, failed.',
    }));
    expect(() => checkPhaseMove(3, 'deployed', 'deployed')).not.toThrow();
  });
});
