#!/usr/bin/env node
import '../dist/launch-main.js';
