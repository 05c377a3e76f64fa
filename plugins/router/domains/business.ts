/** Money, markets, customers, operations, banking. Data only. */

import { utterances, type DomainData } from './types.js';

export const business: DomainData = {
  name: 'business',
  description: 'money, markets, customers, operations, banking',
  keywords: {
    strong: 'revenue, profit, profitab*, invoice, customer, supplier, vendor, shareholder, investor, invest, investment, startup, business plan, business, cash flow, balance sheet, income statement, accounting, accountant, bookkeeping, audit, tax, vat, deduct*, payroll, loan, mortgage, interest rate, credit card, debit card, credit score, bank, bank account, bank transfer, atm, overdraft, refund, chargeback, direct debit, payment, exchange rate, currency, top up, top-up, transaction, marketing, advertis*, brand, branding, sponsorship, public relations, pr campaign, sales, retail*, wholesale, e-commerce, ecommerce, online shop, pricing, margin, break-even, break even, break even point, turnover, competitor, market share, market research, segment, franchise, merger, acquisition, buyout, ipo, stock market, dividend, bond, index fund, pension, llc, incorporat*, trademark, patent, liability, insurance, compliance, procurement, purchase order, logistics, supply chain, inventory, warehouse, shipping cost, customs, tariff, import, export, lease, tenant, landlord, contract, non-compete, tender, quote, freelance*, consulting fee, subscription, churn, conversion rate, kpi, roi, ebitda, swot, quarter, quarterly, fiscal, forecast, budget, funding, venture, equity, valuation, burn rate, runway, corporate, stakeholder theory, business ethics, monopoly, consumer, consumption, demand curve, identity verification, verify my identity, card payment, beneficiary, statement balance, withdraw*, withdrawal fee, cash withdrawal, disposable card, virtual card, physical card, pin, passcode',
    medium: 'price, cost, fee, charge, charged, money, cash, pay, paid, salary, wage, income, expense, savings, stock, share, company, firm, client, product, market, order, delivery, shop, store, deal, sell, seller, buy, buyer, purchase, offer, discount, account, transfer, deposit, balance, card, exchange, euro, pound, dollar, organisation, organization, economy, economic, inflation, commerce, industry, operations, outsourc*, negotiat*, vendor, partner, employee contract, launch, growth, campaign, audience, agency, opinion leader, consumer behaviour, decline, declined, activate, verification, pending, statement',
    weak: 'plan, report, strategy, target, goal, office, app, top, value, rate, bill, owe, limit, receive, arrived, country',
  },
  character: { anticipation: 0.7, trust: 0.6, joy: 0.5, anger: 0.5, fear: 0.5, surprise: 0.4, sadness: 0.3, disgust: 0.4 },
  examples: utterances(`
Write a business plan for a coffee cart
How do I price my service?
What tax do I owe as a sole trader?
Review our quarterly sales numbers
How can I get more customers?
Explain profit margin to me
What loan suits a small shop?
Draft a quote for a new client
How do I register a company?
Should we enter a new market?
Help me cut operating costs
What's our return on this advert?
How do I read a balance sheet?
Negotiate better terms with a supplier
Forecast next month's revenue
What should be in a sales contract?
Compare two payment providers
How does invoicing work overseas?
Find investors for my startup
Manage stock in a small warehouse
Who are our main competitors?
Reduce refunds and chargebacks
Should I lease or buy the van?
What is a shareholder agreement?
How do interest rates affect my savings?
Why was my card payment declined?
How long does a bank transfer take?
I was charged a fee I don't recognise
How do I open a second account in euros?
Which marketing channel brings the best return?
Can I deduct my home office from my taxes?
My refund has not arrived yet
What makes a brand different from its competitors?
How do I top up with a credit card?
Set a pricing strategy for a subscription
My card was swallowed by the cash machine
I want to change the PIN of my card
Why is there an extra charge on my statement?
The exchange rate you applied is wrong
How long until my new card comes in the mail?
My transfer to a friend is still pending
I topped up my account but the money isn't showing
Please cancel a transaction I made this morning
Can I get a second card for my daughter?
I lost my phone, how do I block access to the banking app?
What documents do I need to verify who I am?
The cash I withdrew is less than what was taken from my account
I did not make this payment, someone used my card
Is there a limit on how much I can send abroad?
Which currencies can I hold in my account?
How do I close my account?
My contactless payment isn't working
Do you accept Mastercard or only Visa?
In which countries can I use this service?
I was charged twice for the same purchase
Can my salary be paid into this account?
A direct debit went out that I never set up
what's my checking account balance
my virtual card got rejected online
Where's my refund from the shop?
I want to dispute a charge from a merchant
How old do I have to be to open an account?
I need to edit my personal details, I got married and changed my surname
I still haven't received the package I ordered and I want my money back
How do I cancel my order?
I'd like to change the shipping address of my purchase
Where can I see my invoices?
How do I file a complaint about your customer service?
What's the difference between a Roth IRA and a 401(k)?
Should I pay off my student loan or invest in index funds?
How does an ETF differ from a mutual fund?
When do capital gains taxes apply to shares I sell?
Is it worth refinancing my mortgage now that rates have dropped?
How is short selling a stock possible?
What happens to my stock options if the company is acquired?
How do I build credit as a newcomer?
Why would a company buy back its own shares?
A firm issues bonds at a discount. How should the discount be amortized?
Under GAAP, how is inventory valued when prices are rising?
Which of the following costs is a period cost rather than a product cost?
An auditor would most likely issue a qualified opinion when
Jones Co. sold equipment with a book value of $8,000 for $10,000. What gain should be reported in the income statement?
Which ratio best measures a company's liquidity?
On the balance sheet, accounts payable is classified as a
Net present value of a project is calculated by
Which of the following is deductible on an individual's federal income tax return?
A partnership agreement must include which of the following?
Segmentation by age and income is an example of which kind of market segmentation?
The four Ps of marketing are
________ is a strategy in which a company charges a high price at first and lowers it later.
In the product life cycle, sales grow slowly during which stage?
The process of dividing a market into groups of consumers with similar needs is called
Which stage of the consumer decision process follows evaluation of alternatives?
A press release is most useful for which public relations objective?
Which public relations model is based on two-way communication with the public?
Intermediaries that take title to goods and resell them to retailers are called
_______ means that firms take responsibility for their effects on society and the environment.
Whistleblowing by employees raises which issue in business ethics?
Corporate governance is mainly concerned with the relationship between shareholders and
Brand loyalty is best described as
The audience that a communications campaign tries to influence is known as
Advertising that appears next to search results is charged by
Elasticity of demand tells a seller
What would a monopolist do when marginal cost exceeds marginal revenue?
A contract is not enforceable if there is no consideration
Which document transfers ownership of goods in a sale?
How does a franchise agreement protect the franchisor?
What legal form should two friends choose for a catering company?
Break-even point if my fixed costs are 4000 a month and each unit earns 12
how do i invoice a client who never pays on time
need a catchy pitch for investors, seed round, 500k
whats a good profit margin for a food truck
can i expense my laptop
gonna sell handmade candles online, do I need a licence
Customers keep abandoning their carts at checkout. What could be wrong with our prices?
Our supplier raised prices by 15 percent and we can't pass it on
Write a cold email to a purchasing manager
Draft a complaint to our logistics partner about late deliveries
Compare leasing and buying delivery vans for a florist
We want to expand into Germany; what are the VAT rules?
Estimate the market size for reusable bottles
Calculate payroll tax for three part-time employees
Set KPIs for our online store
Is my small business insurance enough if a customer slips?
How do tariffs affect the price of imported steel?
What does the central bank's rate decision mean for borrowers?
Our hospital is negotiating a bulk contract for beds, what terms matter?
How much should a private school charge for registration?
What is customer lifetime value?
Summarise the quarterly earnings report for the board
The restaurant is full but we lose money every month
Employee benefits cost comparison for a firm of 20
How can a software company price its licences?
Should the museum shop accept online payments?
Terms of a lease for commercial premises
Company pension contributions explained
Import licence for wine
Which of the following areas does corporate social responsibility cover?
Stakeholder theory says that a firm should
Utilitarianism in business decisions means choosing the action that
Which form of workplace practice gives employees flexible hours and locations?
Which tactic helps a company communicate with journalists?
Encoding, decoding and noise are parts of which model of marketing communication?
Crisis communication of a company after a product recall
A newsletter to customers is an example of which communication tool?
Celebrity endorsement works because consumers
Which psychological factors influence what shoppers buy?
Services differ from goods in that they are intangible and
How are salespeople in a company usually paid?
Market research that collects numerical data by surveys is called
What is an internal control over cash?
Depreciation by the straight-line method is
Which audit procedure gives evidence about the existence of receivables?
A taxpayer sold a rental house. How is the gain taxed?
Consolidated financial statements are required when
Which cost is relevant to a make-or-buy decision?
Employees' rights at work and fair trade
Bribery of foreign officials is forbidden by which law?
The gig economy means that workers
A monopoly, an oligopoly and perfect competition compared
Gross domestic product measures
Inflation, unemployment and interest rates
Change the address on my bank account
My payment got reversed and I don't know why
what's the routing number for wells fargo
please freeze my account someone stole my wallet
how much did i spend on groceries last month according to my bank
is my credit score good enough for a car loan
when is my bill due
Where's the nearest ATM of my bank?
How do I get a receipt for my subscription?
Should I hold shares or sell before earnings?
What does it mean to hedge currency risk?
Is it cheaper to incorporate in Delaware?
Can my landlord raise the rent of my shop in the middle of the lease?
What clauses belong in a non-disclosure agreement?
Are dividends taxed twice?
Job offer: how do I negotiate a higher salary?
How do freelancers save for retirement?
The supplier shall deliver the goods within thirty days of the purchase order
Revenue grew by 8 percent to 2.3 billion in the third quarter
`),
};
