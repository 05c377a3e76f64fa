/**
 * One message in, one reply out: the path that the command line and the server share.
 * May import models, engine, kernel, the cache of src/lru.ts and errors.
 */
export { createAnswerCache, type AnswerCache } from './answers.js';
export { createChat, type Answered, type Chat, type ChatEvent, type ChatRequest, type ChatServices, type DomainLease } from './chat.js';
export { agree, type Agreement, type DomainAnswer } from './consensus.js';
