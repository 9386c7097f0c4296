"""Pure sizing: model shapes, memory, throughput, latency, layouts, planner. Imports no cloud, no Pulumi, no Ansible."""
