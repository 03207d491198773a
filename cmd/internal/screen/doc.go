// Package screen is text for people, laid out for the width of their terminal:
// tables whose columns are wrapped, cut or left out until they fit, paragraphs,
// colours, time spans and counts. What comes from outside cannot command the
// terminal. Where no terminal is, nothing is left out.
package screen
