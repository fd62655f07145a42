// Package redact tells what must not be shown: values whose name or form says
// that they are a secret.
package redact

import "regexp"

// Hidden stands where a secret was.
const Hidden = "***"

// secretName is in the names of options whose values are nobody's business.
var secretName = regexp.MustCompile(`(?i)pass|secret|token$|credential|jaas|private|api_?key|access_?key|encrypted|key[. ]pem|keystore[. ]key`)

// secretURL is a password within an address.
var secretURL = regexp.MustCompile(`://[^/@\s']*:[^/@\s']*@`)

// secretForm is what a hash, a verifier, a token or a key looks like wherever it
// stands.
var secretForm = regexp.MustCompile(`SCRAM-SHA-256\$|\$2[aby]\$[0-9]{2}\$|^eyJ[A-Za-z0-9_-]+\.|-----BEGIN [A-Z ]*PRIVATE KEY`)

// Name reports whether the option or parameter of that name holds a secret. The
// parts of a name are separated by dots, underscores or blanks.
func Name(name string) bool { return secretName.MatchString(name) }

// Value reports whether a text is, or contains, a secret whatever its name.
func Value(text string) bool { return secretURL.MatchString(text) || secretForm.MatchString(text) }
