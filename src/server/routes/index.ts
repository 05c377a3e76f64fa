/** The endpoints. Each is a file of its own. */
import type { Endpoint } from '../endpoint.js';
import chat from './chat.js';
import completions from './completions.js';
import embeddings from './embeddings.js';
import emotion from './emotion.js';
import health from './health.js';
import metrics from './metrics.js';
import models from './models.js';
import openapi from './openapi.js';
import route from './route.js';

export const ENDPOINTS: readonly Endpoint[] = [chat, completions, embeddings, models, route, emotion, health, metrics, openapi];
