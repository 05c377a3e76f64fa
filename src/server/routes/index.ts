/** The endpoints. Each is a file of its own. */
import type { Endpoint } from '../endpoint.js';
import live from './api/live.js';
import liveEvents from './api/live-events.js';
import phases from './api/phases.js';
import releases from './api/releases.js';
import served from './api/served.js';
import applyTemplate from './apply-template.js';
import chat from './chat.js';
import completions from './completions.js';
import detokenize from './detokenize.js';
import embeddings from './embeddings.js';
import emotion from './emotion.js';
import health from './health.js';
import metrics from './metrics.js';
import models from './models.js';
import openapi from './openapi.js';
import route from './route.js';
import tokenize from './tokenize.js';

export const ENDPOINTS: readonly Endpoint[] = [chat, completions, embeddings, models, route, emotion, tokenize, detokenize, applyTemplate, health, metrics, openapi, served, phases, releases, live, liveEvents];
