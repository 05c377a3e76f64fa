/** Which models are served now, by name, and the switch to another release. */
export { openRotation, type Rotation, type RotationEvents, type Visit } from './rotation.js';
export { DOMAIN_PREFIX, openServing, type ModelName, type Named, type Serving } from './serving.js';
