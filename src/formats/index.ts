/**
 * Formats: reads GGUF, safetensors, checkpoints and PEFT adapters, headers only, and refuses what
 * is not sound before anything native sees it; importance matrices whole. Writes GGUF headers, safetensors and
 * importance matrices. gguf/ holds the first format, peft/ adapters.
 * May import errors, read-error and write-whole alone.
 */
export * from './checkpoint.js';
export { type FileIdentity, fileIdentity, isFile, withFile } from './files.js';
export { innerFile, isInnerName } from './folder.js';
export * from './gguf/types.js';
export * from './gguf/file.js';
export { type GgufScalar, isGgufArray, stringBytes } from './gguf/array.js';
export * from './gguf/header.js';
export { checkGgufLora } from './gguf/lora.js';
export { ARCHITECTURES, checkModel } from './gguf/model.js';
export { type Imatrix, type ImatrixData, type ImatrixEntry, readImatrix, readImatrixData } from './imatrix.js';
export { type Feedback, FEEDBACK_FORMAT, readFeedback, takesFeedback } from './feedback.js';
export { foreignImatrix, isMatrix } from './imatrix-fit.js';
export { imatrixChunks, mergeImatrix } from './imatrix-merge.js';
export { encodeImatrix, writeImatrix } from './imatrix-write.js';
export { CONFIG_BYTES, isJsonObject, type JsonObject, parseJson, readJson, readJsonObject } from './json.js';
export { type Adapter, type AdapterModule, readAdapter, readAdapterConfig } from './peft/adapter.js';
export { type AdapterConfig, adapterConfig } from './peft/config.js';
export { dtypeBytes, readSafetensors, type SafetensorsDtype, type SafetensorsFile, type SafetensorsTensor } from './safetensors.js';
export { type NewTensor, readPart, writeSafetensors } from './safetensors-write.js';
export { countTypes } from './gguf/count-types.js';
export { inspect, type InspectedAdapter, type InspectedCheckpoint, type InspectedEntry, type InspectedGguf, type InspectedSafetensors, type InspectedTensor, type Inspection } from './inspect.js';
export { type Provenance, type ProvenanceSource } from './provenance.js';
export { isUrl, type RemoteOptions } from './remote.js';
export { protoFields, protoFloat, type ProtoField } from './protobuf.js';
