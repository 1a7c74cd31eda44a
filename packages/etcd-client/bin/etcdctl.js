#!/usr/bin/env node
import '../dist/etcdctl/main.js';
