// Package server composes the engine: catalog, log, epochs, graphs, sessions
// and listeners. It is the only package that knows all the others.
package server
