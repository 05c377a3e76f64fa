/** Leading and motivating people, feedback, conflict in teams. Data only. */

import { utterances, type DomainData } from './types.js';

export const leadership: DomainData = {
  name: 'leadership',
  description: 'leading and motivating people, feedback, conflict in teams',
  keywords: {
    strong: 'leader, leadership, motivate, motivation, morale, delegat*, direct report, one-on-one, 1:1, performance review, underperform*, micromanag*, mentor, mentoring, coach, coaching, team, teammate, team member, my team, manager, new manager, management style, supervis*, subordinate, staff, my staff, feedback, constructive feedback, difficult conversation, vision statement, mission statement, accountability, conflict between, resolve conflict, mediat*, burnout on my team, burnt out, burned out team, retention, resign*, succession, reorganisation, reorganization, restructur*, layoff, laid off, change management, resistance to change, stakeholder, buy-in, consensus, culture, inclusive, inclusion, psychological safety, trust in the team, remote team, offsite, retrospective, stand-up meeting, all-hands, town hall, promotion, recognise, recognize good work, praise, empower*, inspire, inspiring, high performer, low performer, new hire, onboard*, hiring decision, colleague, coworker, co-worker, my boss, executive, ceo, director, department, volunteer, committee, chair, captain, crew, shift lead, head of, expectations, credibility, authority, influence, decision making, prioritise as a team, role model',
    medium: 'lead, leading, led, manage, managing, employee, people, boss, meeting, conflict, goal, vision, values, trust, respect, responsible, responsibility, work ethic, junior, senior, peer, group, hire, fire, workload, deadline, engagement, disagree, argue, blame, listen, communicate, communication, quiet, credit, decision, overtime, turnover of staff, quit, announce, speech, tell them, bad news',
    weak: 'work, job, office, role, help, support, talk, fair, everyone, together, change',
  },
  character: { trust: 0.7, anticipation: 0.6, anger: 0.6, joy: 0.5, fear: 0.4, sadness: 0.4, surprise: 0.4, disgust: 0.4 },
  examples: utterances(`
How do I motivate my team?
Give me tips for difficult feedback
Two colleagues are in conflict
How do I run a useful one-on-one?
I'm a new manager, where do I start?
Help me delegate without hovering
Craft a vision statement for my department
Someone on my team underperforms
How do I earn the trust of my staff?
Prepare me for a performance review
Lead people through a reorganisation
My team is burnt out
How do I coach a junior colleague?
Make our meetings more inclusive
How do I recognise good work?
Handle an employee who resists change
What style of leader am I?
Tell my team some bad news
Build a culture of accountability
Mentor someone for promotion
Manage a remote group across time zones
How do I set clear expectations?
Bring stakeholders to agreement
Say no to my own boss
Rebuild morale after layoffs
My best engineer wants to resign, how do I keep her?
How do I give credit fairly after a group effort?
Volunteers on our committee stopped showing up
I was promoted over my friends and it is awkward
How do I run a retrospective after a failed launch?
My staff don't speak up in meetings
How do I set priorities for a department?
Deal with a toxic high performer
How do I give negative feedback without crushing someone?
Two of my employees can't stand each other. How do I mediate?
How can I motivate a team that has just been through layoffs?
My best employee wants to quit. How do I keep her?
How do I delegate without micromanaging?
I was just promoted and now I manage my former peers
How do I run better one-on-ones?
Nobody speaks up in our meetings
How do I build trust in a team that works remotely?
How do I handle an employee who is always late?
A team member takes credit for other people's work
How do I say no to my boss without damaging the relationship?
My manager micromanages me, how can I raise it?
How do I tell my team about the reorganisation?
Write a vision statement for our department
Write a speech to open the annual staff gathering
How do I lead through a crisis when I don't have the answers?
How do you develop future leaders in an organisation?
What is servant leadership?
What's the difference between a manager and a leader?
Which leadership style works for creative people?
Transformational and transactional leadership compared
How do I set goals that my team believes in?
How do I get buy-in for an unpopular change?
How do I create psychological safety?
How do I coach someone who lacks confidence?
How do I praise people so that it feels sincere?
How should I prepare for a difficult conversation with a direct report?
How do I conduct a performance review?
An employee cries whenever I give feedback
My team is burnt out, what can I as their manager do?
How do I resolve conflict between two departments?
Should I step in when team members argue?
How do I hold people accountable without blame?
How do I earn respect as a young supervisor?
How do I fire someone with dignity?
What questions should I ask when hiring a team lead?
How do I onboard a new manager?
How do I mentor a junior colleague?
Succession planning: who takes over when I leave?
How can I improve the morale of night shift staff?
How do I make decisions faster as a group?
How do I deal with resistance to change?
How do I keep a volunteer committee engaged?
How do I rally the players after a losing season? I'm their captain.
How do I run a retrospective where people are honest?
How do I tell an employee they did not get the promotion?
How do I manage someone older and more experienced than me?
team hates the new process, wat do i do
my deputy undermines me in front of everyone
ppl on my team just dont care anymore
got a new team of 8, first week tips?
how 2 be a better boss
staff keeps calling in sick, feels like morale is gone
My direct report cries foul every time I assign work
Everyone comes to me for every decision and I am the bottleneck.
I avoid conflict and my team suffers from it.
I feel like an impostor leading senior people.
We have a toxic star performer.
The board wants bold change and the staff wants stability.
I need to unite two teams after the merger.
As head nurse I have to motivate an exhausted ward team.
The principal wants teachers to support her new vision, how should she present it?
Our engineering manager needs to rebuild trust after a failed release.
Give me an icebreaker for a leadership workshop
Plan an offsite that strengthens our team spirit
Draft a thank you message to my team after a hard quarter
Draft an announcement of a new team structure
Write a motivational message for Monday morning
Help me phrase constructive criticism for a colleague
Define roles and responsibilities in a new project team
How do I influence people without formal authority?
How can I get executives to listen to my proposal?
How do I stay calm under pressure when others look to me?
How do I admit a mistake to my team?
How do I balance empathy and results?
How do I support a grieving employee?
How do I promote diversity and inclusion in my team?
How do I set boundaries with my staff as a friendly boss?
How do I make remote workers feel included?
What did great generals teach about leading people?
How do I chair a meeting that keeps to the agenda?
How do I lead a nonprofit board?
What makes a team high-performing?
How should a coach talk to a player who lost confidence?
Culture eats strategy: how do I change a culture of blame?
Handling gossip in the office
Emotional intelligence for supervisors
Leading by example, what does it look like day to day?
A 30-60-90 day plan for a new director
How do I recognise effort fairly when not everyone can get a bonus?
My fellow citizens, we face a great test, and we will meet it together.
Let us renew our common purpose and ask what each of us can do for our country.
The state of our union is strong because our people are strong.
We choose hope over fear, unity of purpose over conflict and discord.
How do I inspire a community to act?
My coworker refuses to cooperate on our project, should I talk to our supervisor?
How do I negotiate priorities between team members?
Should managers be friends with their reports?
Our founder can't let go of control
How do I deal with a subordinate who challenges every decision?
How do I organise the work of my team when two people are on leave?
How do managers build a culture of trust?
How do I encourage my staff to bring new ideas?
Someone on my team made a joke that hurt a colleague. As their lead, what do I do?
How do I lead people who know more than I do?
I shouted at a team member and want to repair the relationship
An employee of mine keeps missing deadlines
Is it fair to let one person in the team work from home and not the others?
How do I stop meetings from running over?
How do I get my team to take ownership?
`),
};
