//! Simulated drives with cells, a seeded menu of faults, and the oracle that looks at the cells.
