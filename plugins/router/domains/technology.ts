/** Software, hardware, networks, security, data. Data only. */

import { utterances, type DomainData } from './types.js';

export const technology: DomainData = {
  name: 'technology',
  description: 'software, hardware, networks, security, data',
  keywords: {
    strong: 'code, coding, programming, programmer, software, hardware, server, database, sql, query, postgres*, mysql, sqlite, python, javascript, typescript, java, c++, rust, golang, php, html, css, react, node, npm, api, rest api, json, xml, csv, regex, bug, debug*, stack trace, exception, error message, null pointer, compile, compiler, algorithm, data structure, recursion, binary, boolean, loop, array, linked list, hash, function, variable, class inheritance, object-oriented, git, github, merge conflict, branch, pull request, commit, docker, container, kubernetes, deploy, cloud, aws, azure, linux, ubuntu, bash, shell, terminal, command line, ssh, vpn, firewall, network, router, wifi, wi-fi, bluetooth, ethernet, ip address, dns, tcp, http, https, ssl, tls, packet, protocol, bandwidth, latency, encrypt*, decrypt*, cipher, password, password manager, two-factor, 2fa, authenticat*, phishing, malware, ransomware, virus scan, antivirus, hack*, vulnerab*, exploit, buffer overflow, injection attack, cybersecurity, security patch, laptop, computer, pc, desktop, macbook, monitor, keyboard, usb, ssd, hard drive, hard disk, ram, cpu, gpu, motherboard, graphics card, driver, bios, operating system, windows 10, windows 11, android, ios, iphone, smartphone, tablet screen, printer, scanner, webcam, browser, cookie, website, web page, web app, frontend, backend, app crash, crash*, reboot, restart, install, uninstall, update failed, backup, back up, sync, spreadsheet formula, excel, machine learning, neural network, deep learning, classifier, training set, test set, gradient descent, overfit*, regression model, kernel, supervised, unsupervised, decision tree, k-means, svm, bayesian network, dataset, data set, big data, artificial intelligence, chatbot, llm, raspberry pi, arduino, microcontroller, sensor, circuit, cache, memory leak, thread, process, kill a process, cron, log file, localhost, port, webhook, schema, index, transaction log, bit, byte, pixel, resolution, code segment, pseudocode, program',
    medium: 'computer science, technology, tech, device, phone, app, application, screen, battery, charger, cable, file, folder, download, upload, email server, account hacked, login, log in, username, settings, online, internet, data, digital, user interface, test case, script, robot, drone, smart home, server outage, output, input, system, machine, model, version, upgrade, memory, storage, table, column, row, string, integer, node graph, sort, search',
    weak: 'slow, fix, broken, set up, setup, reset, run, link, connect, work offline, format, display, store, user',
  },
  character: { anger: 0.6, disgust: 0.5, anticipation: 0.5, surprise: 0.5, joy: 0.4, trust: 0.4, fear: 0.4, sadness: 0.3 },
  examples: utterances(`
Fix a bug in my Python script
My computer won't start
How do I secure my home network?
Explain what an API is
Set up a web server
Why is my query slow?
Choose a laptop for programming
How do I reset my router?
Write a function that sorts a list
What is a container image?
My phone battery drains fast
How do I back up my files?
Deploy an app to the cloud
What does this stack trace mean?
How do I merge two branches?
Install a new graphics driver
Remove malware from my PC
What is the best password manager?
Parse a CSV file in JavaScript
Connect a printer over wifi
Explain neural networks
Set up two-factor login
How do I test this code?
Upgrade the memory in my desktop
Design a database schema
What is the time complexity of binary search?
My website returns a 500 error after the update
How does public key encryption work?
What is overfitting in a neural network?
Which layer of the network does TCP belong to?
The app crashes when I open the settings
How do I revert a commit?
Is this email a phishing attempt?
Convert a string to an integer in Java
My external drive is not recognised
How do I reverse a list in Python?
TypeError: undefined is not a function, what does it mean?
How do I undo the last commit in git?
How do I merge two dictionaries in a single expression?
Segmentation fault when freeing a pointer twice
What does the yield keyword do?
How do I center a div with CSS?
SQL query to find duplicate rows in a table
Left join versus inner join
Why is my React component rendering twice?
How do I read a file line by line in Bash?
How do I fix a merge conflict?
Docker container exits immediately after start
Kubernetes pod stuck in CrashLoopBackOff
How do I set an environment variable on Windows?
nginx returns 502 bad gateway behind the load balancer
How do I parse JSON in Java?
Android app crashes on startup with a null pointer exception
Regex to match an email address
How do I deploy a Node app to a server?
What's the difference between TCP and UDP?
How does HTTPS protect my data?
How do I forward a port on my router?
Wifi is slow in the bedroom but fast in the hall
My laptop won't turn on after the update
the printer says offline but it is connected
laptop fan super loud and its overheating
phone storage full, what can i delete
forgot my password and can't log in to my email
screen flickers when i plug in the hdmi cable
usb stick not recognized on linux
my pc keeps restarting by itself with a blue screen
Excel formula to sum only visible cells
How do I recover deleted photos from an SD card?
Which graphics card do I need for video editing?
Is 16 GB of RAM enough for virtual machines?
SSD or hard disk for a home server?
How do I move my contacts to a new iPhone?
Bluetooth headphones keep disconnecting
How do I know if my computer has a virus?
What is phishing and how do I recognise it?
Is a password manager safe?
How do I set up two-factor authentication?
What does a firewall do?
How can I protect a web application from SQL injection?
What is a zero-day exploit?
A buffer overflow attack works by
Which protocol encrypts remote shell sessions?
The process of converting plaintext to ciphertext is
Which attack intercepts messages between two parties?
Diffie-Hellman lets two parties
In public key cryptography the private key is used to
Which of the following sorting algorithms has the best average running time?
What is the worst-case time complexity of binary search?
Which data structure works last in, first out?
What is printed by the following code segment? for (int i = 0; i < 5; i++) System.out.print(i);
Consider a hash table of size 11 with linear probing
What value does the function return when called with n = 4?
The binary number 10110 in decimal is
How many bits are needed to represent 300 distinct values?
Which of the following problems is NP-complete?
A finite automaton accepts strings that contain an even number of zeros
A page fault occurs when
A virtual memory system with 4 KB pages and a translation lookaside buffer
The cache hit rate is 95% and memory access takes 100 ns. What is the average access time?
In a pipelined processor, a hazard is
An operating system schedules processes round robin
A compiler differs from an interpreter in that
Statement 1| Gradient descent always finds the global minimum. Statement 2| L2 regularization shrinks weights.
Which of the following is true of support vector machines?
Overfitting can be reduced by
How does backpropagation work in a neural network?
What is the difference between precision and recall?
Explain transformers and attention
Which loss function suits multi-class classification?
A decision tree is split on the attribute with the highest
Increasing the number of layers of a model will affect bias and variance how?
The output voltage of an amplifier with a gain of 20 dB is
A series RLC circuit is at resonance when
The current through a 10 ohm resistor connected to 5 V is
Two resistors of 4 ohms and 6 ohms are in parallel. The equivalent resistance is
The rotor of an induction motor turns slower than the field because of
In a transformer, the core is laminated to reduce
A diode conducts when it is
The power factor of an AC circuit is
A flip-flop is used to store
What is the Nyquist rate of a 4 kHz signal?
The transfer function of a closed loop system with unity feedback
Three-phase generators are connected in star in order to
The insulation of a high voltage cable is made of
Which semiconductor device is used as a voltage regulator?
Microcontroller reads wrong values from the temperature sensor over I2C
How do I program an Arduino to blink an LED?
The database backup failed with a disk full error
Optimise a slow query on a table of ten million rows
How should I design the schema of a booking system?
Microservices or a monolith for a small project?
Write unit tests for this function
Refactor this class, it's too long
What is an API?
How does a blockchain reach consensus?
What's the difference between a process and a thread?
Set up continuous integration for a Rust project
Migrate our servers to the cloud without downtime
My smart watch does not sync with my phone
The hospital's booking software is down again
Our learning platform shows error 500 when students upload files
The bandwidth of the link drops at peak hours
Compress a folder from the command line
Which web browser uses the least memory?
Explain what a large language model is
Cookies, local storage and session storage compared
Set up a cron job
My smart bulb can't connect to the hub
How do I block a website on my kid's tablet?
Can someone hack my phone with just my number?
Remove a watermark from Windows
What file format should I use for 3D printing?
Can I install two operating systems on one disk?
Which grammar generates the language of balanced parentheses?
Proving that a message was sent so that the sender can't deny it is called
Which part of the internet isn't indexed by search engines?
Injection attacks exploit which kind of input?
Authorization and authentication differ in that
A worm spreads through a network without
Rainfall prediction is a regression problem in machine learning
Naive Bayes assumes that the features are
The kernel trick of an SVM
Reinforcement learning agent and reward
Artificial intelligence that is not aligned with human goals poses which risk?
In agile software development, a sprint
Scrum, kanban and waterfall
A Hartley oscillator uses
The magnetic flux through a coil produces an induced
The unit of electric conductivity is
Breakdown strength of air between two electrodes
Skin effect in a conductor increases with
An electron in a semiconductor moves from the valence band to
The armature of a DC motor is wound
The Laplace transform of a unit step is
Open source code under a licence: what may a programmer do with it?
A data set of customers is stored in a relational table. Which query lists every customer once?
Two algorithms search a list; which one needs fewer comparisons?
The digital divide refers to access to computers and the internet
Cloud storage and data privacy concerns
Which of these can be represented by one byte?
Simulation of traffic with a computer program
Lossless and lossy compression of an image
IP address, subnet mask and gateway
`),
};
