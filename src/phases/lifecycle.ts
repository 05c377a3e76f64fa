/** The life of phases and domains: the legal moves as data, and the one check that every change goes through. */
import { TaraError } from '../errors.js';

export const PHASE_STATUSES = ['planning', 'training', 'merging', 'compressing', 'deployed', 'failed'] as const;
export type PhaseStatus = (typeof PHASE_STATUSES)[number];

export const DOMAIN_STATUSES = ['pending', 'training', 'complete', 'failed'] as const;
export type DomainStatus = (typeof DOMAIN_STATUSES)[number];

/**
 * planning: no domain has begun. training: one has. merging, compressing: a build runs, or (compressing) the last one
 * is good and waits for deployment. deployed: a release is in place. failed: the last build failed and none is in place.
 */
export const PHASE_MOVES: Readonly<Record<PhaseStatus, readonly PhaseStatus[]>> = {
  planning: ['training'],
  training: ['merging'],
  // deployed: a rebuild failed and the release that was deployed before it still stands.
  merging: ['compressing', 'failed', 'deployed'],
  // merging: built again before deployment. training: its builds were cleaned away.
  compressing: ['deployed', 'failed', 'merging', 'training'],
  deployed: ['merging'],
  // deployed: an earlier good build is deployed. merging: the build is tried again.
  failed: ['merging', 'deployed'],
};

export const DOMAIN_MOVES: Readonly<Record<DomainStatus, readonly DomainStatus[]>> = {
  // complete: the adapter was trained elsewhere.
  pending: ['training', 'complete', 'failed'],
  training: ['complete', 'failed', 'pending'],
  complete: ['training', 'failed'],
  failed: ['training', 'pending'],
};

/** Where a phase goes when its build fails, by where it was before the build. */
export const afterFailedBuild = (before: PhaseStatus): PhaseStatus => (before === 'deployed' ? 'deployed' : 'failed');

/** True when `from` may become `to`; staying is always legal and no move. */
export const phaseMayMove = (from: PhaseStatus, to: PhaseStatus): boolean => from === to || PHASE_MOVES[from].includes(to);
export const domainMayMove = (from: DomainStatus, to: DomainStatus): boolean => from === to || DOMAIN_MOVES[from].includes(to);

/** Throws TARA_TRANSITION_INVALID, naming both states and what is allowed. */
export function checkPhaseMove(phase: number, from: PhaseStatus, to: PhaseStatus): void {
  if (!phaseMayMove(from, to)) throw refused(`phase ${phase}`, from, to, PHASE_MOVES[from]);
}

/** Throws TARA_TRANSITION_INVALID, naming both states and what is allowed. */
export function checkDomainMove(domain: string, from: DomainStatus, to: DomainStatus): void {
  if (!domainMayMove(from, to)) throw refused(`domain ${domain}`, from, to, DOMAIN_MOVES[from]);
}

const refused = (what: string, from: string, to: string, allowed: readonly string[]): TaraError =>
  new TaraError('TARA_TRANSITION_INVALID', { what, from, to, allowed: allowed.join(', ') });
