//go:build !race

package telemetry

// raceEnabled tells that the race detector adds allocations of its own.
const raceEnabled = false
