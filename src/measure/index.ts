/**
 * Measure: the typed face of native/measure, what a model's insides look like on given texts. May import engine,
 * formats and errors.
 */
export { Fusion, type DomainReading, type FusedFactor, type FusedMatrix, type FusionFactor } from './fusion.js';
