/** What fits no domain: small talk, weather, cooking, sport, travel, household. Competes with the domains, never wins as one. Data only. */

import type { DomainData } from './types.js';

export const none: DomainData = {
  name: 'none',
  description: 'no domain',
  keywords: {
    strong: 'weather, rain, snow, forecast for tomorrow, recipe, cook, cooking, bake, baking, oven, dinner, lunch, breakfast, soup, chicken, pasta, rice, cake, restaurant, flight, airport, hotel, passport, luggage, vacation, holiday, itinerary, tourist, train station, bus stop, traffic, parking, football, soccer, basketball, baseball, tennis, golf, score of the game, world cup, olympics, laundry, stain, vacuum, dishes, garden, lawn, plant, tomato, dog, cat, puppy, kitten, hamster, car, tire, tyre, gas station, oil change, movie times, tv show, netflix, celebrity, horoscope, lottery, good morning, good night, hello, hi there, thank you, thanks, how are you, lol, haha, what\'s up, birthday gift, gift, haircut, makeup, shoes, dress, jeans, furniture, sofa, curtain, plumbing, lightbulb, fridge, moon phase, alarm, timer, reminder, time is it, news, president, election, church, song of the day',
    medium: 'eat, food, drink, tea, coffee, wine, beer, travel, trip, beach, drive, walk, game, match, home, house, kitchen, bathroom, bedroom, wash, clean, weekend, today, tonight, tomorrow, park, city, local, near me, who won, favourite, favorite, funny, bored, earthquake, animal, bird, fish, tell me a, do you, are you',
    weak: 'where, when, day, time, old, best, long, far, open, close, year',
  },
  character: {},
  examples: [
    'What\'s the weather like tomorrow?',
    'How long do I boil an egg?',
    'Who won the match last night?',
    'Hello, how are you?',
    'Tell me a joke',
    'What time is it in Tokyo?',
    'How do I get a coffee stain out of a shirt?',
    'Which bus goes to the airport?',
    'What should I cook for dinner?',
    'Book me a table for two',
    'My cat ignores her new toy',
    'Do I need a visa for a weekend in Lisbon?',
    'asdf qwer zxcv',
    'How tall is the highest mountain?',
    'Thanks, see you later',
    'When does the store close?',
    'What\'s on television tonight?',
    'How do I change a flat tyre?',
    'Are you a robot?',
    'Give me gift ideas for grandma',
  ],
};
