package main

import (
	"math"
	"slices"
)

// sample is the values of one firewall under one load, one for each repetition.
type sample []float64

// quantile returns the value below which the fraction q of values lies, NaN if there is
// none. It sorts its argument.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	at := q * float64(len(values)-1)
	i := int(at)
	if i+1 == len(values) {
		return values[i]
	}
	return values[i] + (at-float64(i))*(values[i+1]-values[i])
}

// median is the middle of the sample, NaN if there is none.
func (s sample) median() float64 { return quantile(slices.Clone(s), 0.5) }

// spread is half the distance between the largest and the smallest value as a
// part of the median: 0.1 reads "± 10 %".
func (s sample) spread() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	return (slices.Max(s) - slices.Min(s)) / 2 / s.median()
}

// ratio divides medians, NaN where one is missing.
func ratio(a, b sample) float64 {
	m := b.median()
	if m == 0 {
		return math.NaN()
	}
	return a.median() / m
}
